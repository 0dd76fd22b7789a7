"""Table 1: what is measured beside what is printed, paired gains by noise, verdicts; and the losses' formulas."""

from __future__ import annotations

import math
import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinwire.figures.aucom import enhancement, enhancement_verdicts, enhancer_losses
from thinwire.figures.paths import Page


def pairs(noisy: list[float], enhanced: list[float], snr_db: list[float] | None = None) -> pd.DataFrame:
    """items.parquet of as many pairs, every measure alike."""
    ids = [f"p{k}" for k in range(len(noisy))]
    frames = [
        pd.DataFrame({"segment_id": ids, "signal": signal, "snr_db": snr_db or [2.5] * len(ids),
                      **dict.fromkeys(enhancement.MEASURES, values)})
        for signal, values in (("noisy", noisy), ("enhanced", enhanced))
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def test_every_line_is_printed_and_two_are_measured(open_aucom: Callable[[str], Page]) -> None:
    table = enhancement.table1(open_aucom("enhancement"), pairs([1.0, 2.0], [2.0, 4.0]))
    assert len(set(table["method"])) == 16
    lines = table[table["measure"] == "pesq"].set_index("line")
    assert lines["measured"].dropna().to_dict() == {"noisy": 1.5, "aucomsennet": 3.0}
    assert lines["paper"].nlargest(1).index[0] == "aucomsennet"
    assert lines["paper"].notna().all()
    wide = enhancement.side_by_side(table)
    assert wide.loc["CMGAN", ("paper", "ssnr")] == 11.1
    assert math.isnan(wide.loc["MetricGAN", ("paper", "stoi")])
    assert wide.loc["Noisy", ("measured", "stoi")] == 1.5


@given(st.lists(st.floats(-20.0, 40.0), min_size=1, max_size=20))
def test_every_level_of_noise_is_in_one_class(levels: list[float]) -> None:
    names = enhancement.noise_level(pd.Series([*levels, np.nan]))
    assert names.iloc[-1] == enhancement.UNKNOWN
    for snr, name in zip(levels, names, strict=False):
        place = enhancement.LEVELS.index(name)
        assert (snr >= 5.0) + (snr >= 10.0) + (snr >= 15.0) == place
    ordered = enhancement.levels_in(list(names))
    assert sorted(ordered, key=[*enhancement.LEVELS, enhancement.UNKNOWN].index) == ordered


def test_gains_are_paired_and_by_class(open_aucom: Callable[[str], Page]) -> None:
    items = pairs([1.0, 5.0, 2.0], [2.0, 5.5, math.nan], [0.0, 20.0, 20.0])
    table = enhancement.gain_table(open_aucom("enhancement"), items)
    found = table[table["measure"] == "covl"].set_index("snr_db")
    assert found["gain"].to_dict() == {"all": 0.75, "under 5": 1.0, "15 and more": 0.5}
    assert found["items"].to_dict() == {"all": 2, "under 5": 1, "15 and more": 1}


def test_the_papers_lead_is_smaller_than_two_scripts_are_apart(open_aucom: Callable[[str], Page]) -> None:
    table = enhancement.sensitivity_table(open_aucom("enhancement")).set_index("measure")
    assert table.loc["cbak", "implementation"] == pytest.approx(0.087)
    assert table.loc["cbak", "paper_lead"] == pytest.approx(0.04)
    assert math.isnan(table.loc["pesq", "implementation"])
    assert (table["implementation"].dropna() > table["paper_lead"][["csig", "cbak", "covl"]]).all()
    assert (table["lead_over_present"] < 0.005).all()


@pytest.mark.parametrize(("gain", "verdict"), [(1.0, "differs"), (-0.5, "inconclusive")])
def test_an_enhancer_that_gains_nothing_is_below_the_floor(
    gain: float, verdict: str, open_aucom: Callable[[str], Page], root: Path
) -> None:
    page = open_aucom("enhancement")
    ids = [f"p{k}" for k in range(24)]
    invent = runpy.run_path(str(root / "tests" / "notebooks" / "fake_aucom_enhancer.py"))["pairs"]
    items = invent(ids, np.linspace(2.0, 18.0, 24), gain)
    table = enhancement.table1(page, items)
    found = {row.id: row for row in enhancement_verdicts.judge(page, items, table)}
    assert len(found) == 18
    ours = found["aucom.table1_aucomsennet"]
    assert ours.verdict == verdict
    assert isinstance(ours.measured, dict)
    assert ours.measured["pesq"] == pytest.approx(items[items["signal"] == "enhanced"]["pesq"].mean())
    assert found["aucom.table1_noisy"].verdict == "differs"
    assert "rank in the printed table: SSNR 2, STOI 1" in found["aucom.table1_ssnr_competitive"].reason
    assert {found[f"aucom.table1_{line}"].verdict for line in ("cmgan", "segan", "best")} == {"not_testable"}


def test_scores_that_pesq_refused_leave_it_undecided(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("enhancement")
    for items in (pairs([math.nan] * 2, [math.nan] * 2), pairs([1.0], [1.5], [math.nan])):
        table, gains = enhancement.table1(page, items), enhancement.gain_table(page, items)
        drawn = enhancement.draw_table1(table, "of others", ""), enhancement.draw_gains(items, gains, "")
        assert [len(figure.axes) for figure in drawn] == [6, 6]
        found = {row.id: row.verdict for row in enhancement_verdicts.judge(page, items, table)}
        assert found["aucom.table1_aucomsennet"] in ("inconclusive", "differs")


def test_whose_pairs_are_measured_is_said(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("enhancement")
    assert "other noise" in enhancement.whose_pairs(page)
    corpora = page.params.corpora
    real = corpora.model_copy(update={"voicebank": corpora.voicebank.model_copy(update={"test_root": "/pairs"})})
    page = replace(page, params=page.params.model_copy(update={"corpora": real}))
    assert "VoiceBank+DEMAND" in enhancement.whose_pairs(page)


def test_printed_weights_are_in_use_or_it_is_said(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("enhancement")
    assert len(enhancer_losses.weight_table(page)) == 7
    assert enhancer_losses.judge(page)[0].verdict == "within_tolerance"
    enhancer = page.params.systems.aucom_enhancer
    losses = enhancer.losses.model_copy(update={"group_delay": 0.0})
    systems = page.params.systems.model_copy(update={"aucom_enhancer": enhancer.model_copy(update={"losses": losses})})
    other = replace(page, params=page.params.model_copy(update={"systems": systems}))
    verdict = enhancer_losses.judge(other)[0]
    assert verdict.verdict == "differs"
    assert "group_delay 0, not 0.3" in verdict.reason


def test_anti_wrapping_as_printed_is_blind_to_radians(open_aucom: Callable[[str], Page]) -> None:
    x = np.linspace(-9.0, 9.0, 77)
    np.testing.assert_allclose(enhancer_losses.as_used(x), np.arccos(np.cos(x)), atol=1e-7)
    np.testing.assert_allclose(enhancer_losses.as_printed(x), np.abs(x - np.round(x)), atol=1e-12)
    assert enhancer_losses.wrapping_table()["holds"].all()
    assert enhancer_losses.judge(open_aucom("enhancement"))[1].verdict == "reproduced"
