"""The benchmark of the autoregressive prior measures both ways at both sizes; no time is ever asserted."""

from __future__ import annotations

from benchmarks import prior
from benchmarks.measurement import Scale


def test_a_second_and_a_symbol_are_measured_at_both_sizes(smoke_params, monkeypatch):
    monkeypatch.setattr(prior, "SECONDS", 0.1)
    rows = {row.name: row for row in prior.prior(smoke_params, Scale(repetitions=1))}
    endings = ("", "_paper", "_most", "_paper_most")
    assert set(rows) == {f"prior_{kind}{end}" for kind in ("encode", "decode", "second", "symbol") for end in endings}
    assert all(row.value > 0 and row.unit == "ms" for row in rows.values())
    assert {name for name, row in rows.items() if row.target} == {f"prior_second{end}" for end in endings}
    assert "10 symbols" in rows["prior_symbol"].what
