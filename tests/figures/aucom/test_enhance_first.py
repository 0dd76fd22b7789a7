"""Whether enhancing first helps, by level of noise, what the gate decides, and the verdicts for known inputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from thinwire.claims.measure import FloorResult
from thinwire.figures.aucom import enhance_first, gate
from thinwire.figures.aucom.enhancement import ALL, noise_level
from thinwire.figures.paths import Page
from thinwire.systems.aucom.gate import NoiseGate

WORDS = 10
GOOD = FloorResult(True, "it gains")


def tasks(count: int = 16, enhanced: float = -2.0, clean: float = 0.5, snr_db: float | None = None) -> pd.DataFrame:
    """tasks.parquet, loaded: noisy speech with 4 errors in ten words, more or fewer once enhanced; the gate opens for
    the first half, which is noisier.
    """
    opened = np.arange(count) < (count + 1) // 2
    snr = np.where(opened, 2.5, 17.5) if snr_db is None else np.full(count, snr_db)
    spread = 0.1 * (-1.0) ** np.arange(count)
    errors = {"clean": clean + 0 * spread, "noisy": 4.0 + spread, "enhanced": 4.0 + enhanced - spread}
    errors["gated"] = np.where(opened, errors["enhanced"], errors["noisy"])
    frames = [
        pd.DataFrame({"segment_id": [f"p{k}" for k in range(count)], "snr_db": snr, "path": path, "coded": coded,
                      "truth": "a", "answer": "b", "words": float(WORDS), "word_errors": made, "correct": np.nan,
                      "gate_open": opened, "task": "speech", "kbps": np.nan})
        for coded in enhance_first.CODED for path, made in errors.items()
    ]  # fmt: skip
    table = pd.concat(frames, ignore_index=True)
    return table.assign(level=noise_level(table["snr_db"]))


def with_benchmarks(page: Page, folder: Path, time_ms: float | None) -> Page:
    """The same workbook with one measurement."""
    (folder / "reports").mkdir(exist_ok=True)
    rows = [] if time_ms is None else [{"name": gate.TIMED, "value": time_ms}]
    (folder / "reports" / "benchmarks.json").write_text(json.dumps({"measurements": rows}))
    return replace(page, root=folder)


@pytest.mark.parametrize(("enhanced", "verdict"), [(-2.0, "reproduced"), (2.0, "contradicted"), (0.0, "inconclusive")])
def test_known_errors_have_known_verdicts(enhanced: float, verdict: str, open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("enhance_first")
    found = enhance_first.judge(page, tasks(enhanced=enhanced), GOOD)
    assert found.verdict == verdict
    if enhanced:
        assert found.measured == pytest.approx(-10.0 * enhanced)


def test_a_weak_enhancer_or_a_deaf_recogniser_decides_nothing(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("enhance_first")
    weak = enhance_first.judge(page, tasks(), FloorResult(False, "it gains nothing"))
    deaf = enhance_first.judge(page, tasks(clean=6.0), GOOD)
    few = enhance_first.judge(page, tasks(count=4), GOOD)
    assert [weak.verdict, deaf.verdict, few.verdict] == ["inconclusive"] * 3
    assert "it gains nothing" in weak.reason
    assert "ability" in deaf.reason
    assert "fewer than the 8" in few.reason


def test_saved_errors_are_the_difference_of_rates(open_aucom: Callable[[str], Page]) -> None:
    page, table = open_aucom("enhance_first"), tasks()
    rates = enhance_first.error_table(page, table).set_index(["coded", "path", "level"])["wer"]
    saved = enhance_first.saved_table(page, table).set_index(["coded", "path", "over", "level"])
    for level in (ALL, "under 5", "15 and more"):
        for path, base in (("enhanced", "noisy"), ("gated", "noisy"), ("enhanced", "gated")):
            gap = rates["aucom_v1", base, level] - rates["aucom_v1", path, level]
            assert saved.loc[("aucom_v1", path, base, level), "saved"] == pytest.approx(gap, abs=1e-9)
    assert saved.loc[("aucom_v1", "gated", "noisy", "15 and more"), "saved"] == 0.0


def test_gate_table_tells_what_it_lets_through(open_aucom: Callable[[str], Page]) -> None:
    table = gate.gate_table(open_aucom("enhance_first"), tasks()).set_index("level")
    assert table["open_percent"].to_dict() == {ALL: 50.0, "under 5": 100.0, "15 and more": 0.0}
    assert table.loc[ALL, ["saved_opened", "saved_shut"]].tolist() == pytest.approx([20.0, 20.0], abs=1.1)
    assert np.isnan(table.loc["under 5", "saved_shut"])
    assert table.loc["15 and more", "items_shut"] == 8


@pytest.mark.parametrize(("time_ms", "verdict"), [(0.2, "reproduced"), (3.0, "differs"), (None, "differs")])
def test_the_gate_is_held_to_print_and_clock(
    time_ms: float | None, verdict: str, open_aucom: Callable[[str], Page], tmp_path: Path
) -> None:
    page = with_benchmarks(open_aucom("enhance_first"), tmp_path, time_ms)
    found = gate.judge(page, gate.gate_table(page, tasks()))
    assert found.verdict == verdict
    assert "all: 50 % of 16" in found.reason
    if time_ms is None:
        assert "no time" in found.reason


def test_a_gate_that_hears_everything_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gate.decides(0.02)
    assert gate.decides(0.3)
    monkeypatch.setattr(NoiseGate, "level", lambda self, x: float(np.sqrt(np.mean(np.square(x)))))
    assert not gate.decides(0.02)


@pytest.mark.parametrize(("count", "snr_db"), [(1, None), (2, 3.0), (3, float("nan"))])
def test_few_items_are_drawn_whatever_their_noise(
    count: int, snr_db: float | None, open_aucom: Callable[[str], Page]
) -> None:
    page, table = open_aucom("enhance_first"), tasks(count=count, snr_db=snr_db)
    for coded in (table, table[table["coded"] == "lossless"]):
        decided = gate.gate_table(page, coded)
        panels = len(set(coded["coded"]))
        assert len(enhance_first.draw_errors(enhance_first.error_table(page, coded), "").axes) == panels
        assert len(enhance_first.draw_saved(enhance_first.saved_table(page, coded), "").axes) == panels
        assert len(gate.draw_gate(decided, 0.02, "").axes) == 2
        plt.close("all")
        assert enhance_first.judge(page, coded, GOOD).verdict == "inconclusive"
    names = enhance_first.noisiest(table, 1)
    assert len(enhance_first.heard_table(table, names)) == 8


def test_a_recogniser_below_its_floor_is_said_to_tell_nothing(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("enhance_first")
    assert enhance_first.without_information(page, tasks()) == ""
    told = enhance_first.without_information(page, tasks(clean=9.5))
    assert "No information" in told and "LibriSpeech" in told
