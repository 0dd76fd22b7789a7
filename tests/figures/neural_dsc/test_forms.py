"""Joint, distributed and separate forms side by side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from thinwire.figures.neural_dsc import forms
from thinwire.figures.neural_dsc import halves as look
from thinwire.figures.paths import Page

HALVES = [f"halves_{form}_{bits}" for bits in (1, 2, 4) for form in "jds"]
RUNS = [*HALVES, "mel_d_8x8", "mel_d_4x4", "close_d_8x8", "close_s_8x8", "grad_j", "grad_d", "grad_s"]


@pytest.fixture
def page(open_ndsc: Callable[[str], Page]) -> Page:
    return open_ndsc("forms")


@pytest.fixture
def items(page: Page) -> pd.DataFrame:
    return forms.load_forms(page, RUNS)


def shifted(items: pd.DataFrame, share: float) -> pd.DataFrame:
    """Items whose distributed form keeps a share of a joint gain of 2 dB, with a little noise."""
    noise = np.random.default_rng(0).normal(0.0, 0.05, len(items))
    level = items["form"].map({"joint": 2.0, "distributed": 2.0 * share, "separate": 0.0})
    return items.assign(psnr=20.0 + level + noise)


def test_gradients_are_held_to_their_energy(items: pd.DataFrame) -> None:
    rows = items[items["kind"] == "gradients"]
    assert np.allclose(rows["psnr"], 10 * np.log10(rows["energy"] / rows["sse"]))
    assert set(rows["rate"]) == {320.0}


def test_rates_have_the_unit_of_their_domain(page: Page, items: pd.DataFrame) -> None:
    points = forms.point_table(page, items).set_index("run")
    assert points.loc["halves_d_4", "rate"] == pytest.approx(4 / 64)
    assert points.loc["mel_d_8x8", "rate"] == pytest.approx(items[items["run"] == "mel_d_8x8"]["kbps"].mean())
    assert list(dict.fromkeys(points["kind"])) == ["halves", "mel", "close", "gradients"]


def test_only_settings_with_both_forms_are_compared(page: Page, items: pd.DataFrame) -> None:
    points = forms.point_table(page, items)
    gains = forms.gain_table(page, shifted(items, 0.5), points)
    assert set(gains["kind"]) == {"halves", "close", "gradients"}
    assert gains[gains["kind"] == "close"]["kept"].isna().all()
    own = gains[(gains["kind"] == "halves") & (gains["form"] == "distributed")]
    assert own["kept"].to_numpy() == pytest.approx(np.full(3, 0.5), abs=0.05)
    assert own["gain"].to_numpy() == pytest.approx(np.full(3, 1.0), abs=0.05)


@pytest.mark.parametrize("level", [0.0, 0.005, -0.5])
def test_nothing_is_kept_of_a_joint_gain_that_may_be_none(page: Page, items: pd.DataFrame, level: float) -> None:
    """Not even where the distributed form gains and the joint form's mean lies above 0."""
    noise = np.random.default_rng(1).normal(0.0, 0.1, len(items))
    joint = items["form"].map({"joint": level, "distributed": 0.5, "separate": 0.0})
    changed = items.assign(psnr=20.0 + noise + joint.where(items["bits"] == 2, shifted(items, 0.9)["psnr"] - 20.0))
    gains = forms.gain_table(page, changed, forms.point_table(page, changed))
    halves = gains[(gains["kind"] == "halves") & (gains["form"] == "distributed")].set_index("bits")["kept"]
    assert np.isnan(halves[2]) and halves[[1, 4]].between(0.7, 1.1).all()
    reason = forms.judge(page, changed, gains)[0].reason
    assert f"2 bit {forms.UNSURE}" in reason and "nan" not in reason


@pytest.mark.parametrize(("share", "verdict"), [(0.95, "reproduced"), (0.4, "contradicted")])
def test_nearly_is_three_quarters(page: Page, items: pd.DataFrame, share: float, verdict: str) -> None:
    changed = shifted(items, share)
    gains = forms.gain_table(page, changed, forms.point_table(page, changed))
    nearly, _, beyond = forms.judge(page, changed, gains)
    assert (nearly.id, nearly.verdict) == ("ndsc.fig4_dist_vs_joint", verdict)
    assert (beyond.id, beyond.verdict) == ("ndsc.complex_corr", "reproduced")


def test_a_run_that_was_not_asked_for_leaves_its_pair_open(page: Page, items: pd.DataFrame) -> None:
    less = items[items["run"] != "close_s_8x8"]
    gains = forms.gain_table(page, less, forms.point_table(page, less))
    assert forms.judge(page, less, gains)[2].verdict == "inconclusive"


def test_pictures_and_sounds_are_of_all_forms(page: Page) -> None:
    pictures = look.load_pictures(page, HALVES[-3:])
    assert pictures
    assert all(set(versions) == {"x", "y", "joint", "distributed", "separate"} for versions in pictures.values())
    assert not look.load_pictures(page, HALVES[-2:])
    audio = forms.audible(page, ["mel_j_8x8", "mel_d_8x8", "mel_s_8x8"])
    heard = ["microphone 1", "map, not coded", "joint", "distributed", "separate"]
    assert [list(waves) for waves in audio.values()][0] == heard
