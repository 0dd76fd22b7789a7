"""The benchmark of entropy coders measures every coder both ways; no time is ever asserted."""

from __future__ import annotations

from benchmarks import coders
from benchmarks.measurement import Scale

from thinwire.coding.coders import CODERS


def test_every_coder_is_measured_both_ways(smoke_params, monkeypatch):
    monkeypatch.setattr(coders, "COLUMNS", 250)
    rows = {row.name: row for row in coders.coders(smoke_params, Scale(repetitions=2))}
    assert list(rows) == [f"coder_{coder}_{way}" for coder in CODERS for way in ("encode", "decode")]
    assert all(row.value > 0 and row.unit == "Msymbol/s" and row.better == "higher" for row in rows.values())
    targets = {coder: rows[f"coder_{coder}_decode"].target for coder in CODERS}
    assert targets == {"huffman": 1.0, "arithmetic": None, "range": 5.0, "rans": 5.0}
