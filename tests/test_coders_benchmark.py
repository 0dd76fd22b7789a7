"""The benchmark of entropy coders measures every coder both ways; no time is ever asserted."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from thinwire.coding.coders import CODERS
from thinwire.params import parse_params
from thinwire.pipeline.presets import apply_preset

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import coders  # noqa: E402
from benchmarks.measurement import Scale  # noqa: E402


def test_every_coder_is_measured_both_ways(monkeypatch):
    monkeypatch.setattr(coders, "COLUMNS", 250)
    params = parse_params(yaml.safe_load(apply_preset("smoke", ROOT / "params.yaml", ROOT / "presets")))
    rows = {row.name: row for row in coders.coders(params, Scale(repetitions=2))}
    assert list(rows) == [f"coder_{coder}_{way}" for coder in CODERS for way in ("encode", "decode")]
    assert all(row.value > 0 and row.unit == "Msymbol/s" and row.better == "higher" for row in rows.values())
    targets = {coder: rows[f"coder_{coder}_decode"].target for coder in CODERS}
    assert targets == {"huffman": 1.0, "arithmetic": None, "range": 5.0, "rans": 5.0}
