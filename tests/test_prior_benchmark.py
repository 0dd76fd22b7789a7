"""The benchmark of the autoregressive prior measures both ways at both sizes; no time is ever asserted."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from thinwire.params import parse_params
from thinwire.pipeline.presets import apply_preset

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import prior  # noqa: E402
from benchmarks.measurement import Scale  # noqa: E402


def test_a_second_and_a_symbol_are_measured_at_both_sizes(monkeypatch):
    monkeypatch.setattr(prior, "FRAMES", 8)
    params = parse_params(yaml.safe_load(apply_preset("smoke", ROOT / "params.yaml", ROOT / "presets")))
    rows = {row.name: row for row in prior.prior(params, Scale(repetitions=1))}
    endings = ("", "_paper", "_most", "_paper_most")
    assert set(rows) == {f"prior_{kind}{end}" for kind in ("encode", "decode", "second", "symbol") for end in endings}
    assert all(row.value > 0 and row.unit == "ms" for row in rows.values())
    assert [name for name, row in rows.items() if row.target] == ["prior_second"]
    assert "10 symbols" in rows["prior_symbol"].what
