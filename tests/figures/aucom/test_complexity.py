"""Table 3 and the settings: what is printed beside what is counted, and where lines count as the paper's."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thinwire.claims import Verdict
from thinwire.figures.aucom import complexity, complexity_verdicts, settings
from thinwire.figures.paths import Page


@pytest.fixture(scope="module")
def make(root: Path) -> dict[str, Any]:
    """Functions of tests/notebooks/fake_aucom_edge.py."""
    return runpy.run_path(str(root / "tests/notebooks/fake_aucom_edge.py"))


@pytest.fixture
def page(open_aucom: Callable[[str], Page]) -> Page:
    return open_aucom("complexity")


@pytest.fixture
def counted(make: dict[str, Any]) -> dict[str, Any]:
    """complexity.json of round numbers, with all models."""
    neural = {
        "encodec": make["line"](7_430_000, 3e6, 48.0e9, 0.47e9, 12.6e9),
        "dac_16k": make["line"](21.5e6, 0, 500e9, 0),
        "dac_44k": make["line"](22.3e6, 0, 665e9, 0),
    }
    sizes = {size: {"n_mels": 80, "systems": make["lines"](1.0)} for size in ("here", "paper", "paper_128")}
    lines = {name: {"at_paper_rate": line, "at_own_rate": line} for name, line in neural.items()}
    return {"sizes": sizes, "neural": lines, "unavailable": {}}


def verdicts(page: Page, counted: dict[str, Any]) -> dict[str, Verdict]:
    """Verdicts by the last part of their claims' ids."""
    return {one.id.rpartition(".")[2]: one for one in complexity_verdicts.judge(page, counted)}


def test_lines_stand_beside_the_printed_ones(page: Page, counted: dict[str, Any]) -> None:
    table = complexity.table3(page, counted).set_index("label")
    assert table.loc["encodec", "printed_gflop"] == 48.47
    assert table.loc["bicubic_4x4", "printed_parameters"] == 0.0
    assert np.isnan(table.loc["aucom_v2", "printed_gflop"])
    for column in ("gflop_as_paper", "gflop_whole"):
        np.testing.assert_allclose(table[f"times_v1_{column}"] * table.loc["aucom_v1", column], table[column])
    assert (table["gflop_whole"] > table["gflop_as_paper"])[table["parameters"] > 0].all()
    few = complexity.shown(table.reset_index())
    assert {label for label in few["label"] if "bi" in label} == {"bilinear_4x4", "bicubic_4x4"}


def test_every_claim_is_judged(page: Page, counted: dict[str, Any]) -> None:
    found = {one.id for one in [*complexity_verdicts.judge(page, counted)]} | {settings.CLAIM}
    assert found == {claim.id for claim in page.claims.values() if claim.notebook == "complexity"}


def test_lines_near_the_printed_ones_are_the_papers(page: Page, counted: dict[str, Any]) -> None:
    found = verdicts(page, counted)
    assert found["table3_aucom"].verdict == "within_tolerance"
    assert found["table3_encodec"].verdict == "within_tolerance"
    assert found["table3_dac"].verdict == "differs"  # no model has both within its band: 22.3 M is 15.2 % more
    assert found["table3_deepcod"].verdict == found["table3_intp"].verdict == "differs"
    assert found["table3_order"].verdict == "reproduced"
    counted["neural"]["dac_44k"]["at_paper_rate"]["params"] = 22_000_000
    nearer = verdicts(page, counted)["table3_dac"]
    assert nearer.verdict == "within_tolerance"
    assert nearer.measured == {"params": 22e6, "gflop": 665.0}
    counted["neural"]["encodec"]["at_paper_rate"]["params"] = 7_520_000
    assert verdicts(page, counted)["table3_encodec"].verdict == "differs"


def test_one_model_out_of_range_breaks_the_order(page: Page, counted: dict[str, Any]) -> None:
    counted["neural"]["dac_16k"]["at_paper_rate"]["flops_counted_as_paper"] = 20e9
    order = verdicts(page, counted)["table3_order"]
    assert order.verdict == "contradicted"
    assert order.measured["dac"] == pytest.approx(665 / 2.5575)


def test_a_missing_package_leaves_its_claims_open(page: Page, make: dict[str, Any], tmp_path: Path) -> None:
    make["write_complexity"](tmp_path, dac=False)
    counted = complexity.read_json(tmp_path / "complexity.json")
    table = complexity.table3(page, counted).set_index("label")
    assert np.isnan(table.loc["dac_44k", "parameters"])
    assert "descript-audio-codec" in table.loc["dac_44k", "note"]
    found = verdicts(page, counted)
    assert found["table3_dac"].verdict == found["table3_order"].verdict == "inconclusive"
    assert "DAC 16 kHz is missing" in found["table3_order"].reason
    assert found["table3_encodec"].verdict == "within_tolerance"


def test_resampling_saves_what_is_printed_of_samples_and_more_of_the_dft(page: Page) -> None:
    ratios = complexity.resampling_table()["ratio"]
    assert ratios.to_numpy() == pytest.approx([44.1 / 16, 1102.5 * np.log2(1102.5) / (400 * np.log2(400))])


def test_epochs_are_passes_over_the_audio(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = {
        "aucom_v1": {"hours_seen": 40.0, "training_items": 288},
        "aucom_enhancer": {"hours_seen": 10.0, "training_items": 120},
    }
    monkeypatch.setattr(settings, "facts", lambda page, run: {"card": cards[run]})
    used = settings.in_use(page)
    assert used["epochs"] == pytest.approx(min(40 * 3600 / (288 * 5), 10 * 3600 / (120 * 3)))
    table = settings.settings_table(page).set_index("setting")
    assert table.loc["epochs", "same"]
    assert table.loc["chunk_s", "same"]
    assert not table.loc["n_fft", "same"]
    (verdict,) = settings.judge(page)
    assert verdict.verdict == "differs"
    assert "n_fft 320, not 400" in verdict.reason
