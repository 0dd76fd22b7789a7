"""Rate and distortion of stereo pairs and of speech, wrong side information, and what stands beside `ndpca`."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from thinwire.figures.neural_dsc import runs as wing
from thinwire.figures.neural_dsc import speech, stereo, total_rate
from thinwire.figures.neural_dsc import wrong_side_information as wrong
from thinwire.figures.paths import Page

MEL = ["mel_d_8x2", "mel_d_8x8", "mel_d_4x4", "mel_j_8x8", "mel_s_8x8", "mel_s_4x4"]


@pytest.fixture
def page(root: Path, workspace: Path, open_ndsc: Callable[[str], Page]) -> Page:
    """A page of a workspace with priors."""
    fake = runpy.run_path(str(root / "tests" / "notebooks" / "fake_neural_dsc_prior.py"))
    if not (workspace / "results" / "prior_mel_d_8x8").exists():
        fake["write_priors"](workspace)
    return open_ndsc("stereo")


def test_points_are_those_of_the_claims(page: Page) -> None:
    runs = list(stereo.points(page))
    items = wing.load(page, [*runs, "stereo_s_4x4"])
    table = stereo.table(page, items, [f"prior_{run}" for run in runs]).set_index("run")
    assert len(runs) == 8
    assert table.loc[runs, "bpp_prior"].lt(table.loc[runs, "fixed_bpp"]).all()
    assert np.isnan(table.loc["stereo_s_4x4", "bpp_prior"])
    ours = stereo.published(page)
    assert sorted(ours["bpp"].iloc[:8]) == pytest.approx(sorted(table.loc[runs, "fixed_bpp"]), abs=1e-3)
    plt.close(stereo.draw_curves(page, table.reset_index(), ""))
    plt.close(stereo.draw_pairs(page, runs[:2]))


def test_every_stereo_claim_is_judged(page: Page) -> None:
    runs = list(stereo.points(page))
    verdicts = {v.id: v for v in stereo.judge(page, wing.load(page, runs), [f"prior_{run}" for run in runs])}
    assert set(verdicts) == {claim.id for claim in page.claims.values() if claim.notebook == "stereo"}
    point = verdicts["ndsc.fig3_point_0p125"]
    assert isinstance(point.measured, dict)
    assert set(point.measured) == {"bpp_prior", "psnr", "ms_ssim"}
    assert point.verdict in ("differs", "inconclusive")  # never within the tolerance: neither KITTI nor its scale


def test_wrong_side_information_costs_what_is_in_the_items(page: Page) -> None:
    items = wing.load(page, list(wrong.CLAIMED.values()))
    table = wrong.table(page, items).set_index(["run", "si"])
    assert (table.xs("correct", level="si")["delta_db"] == 0.0).all()
    assert (table.xs("random", level="si")["delta_db"] < table.xs("wrong", level="si")["delta_db"]).all()
    (verdict,) = wrong.judge(page, items)
    assert verdict.id == "ndsc.fig5_wrong_si"
    better = items.assign(mse=np.where(items["si"] == "correct", 10.0 * items["mse"], items["mse"]))
    assert wrong.judge(page, better)[0].verdict != "reproduced"
    plt.close(wrong.draw_errors(table.reset_index(), ""))


def test_what_a_wrong_y_costs_of_bits_is_counted_block_by_block(page: Page) -> None:
    items = wing.load(page, ["bits_d"])
    rows = wrong.bit_errors(page, items).set_index(["si", "measure"])
    assert (rows.loc["correct", ["delta", "delta_low", "delta_high"]] == 0.0).all(axis=None)
    for si in ("wrong", "random", "absent"):
        apart = rows.loc[(si, "bit_errors"), "mean"] - rows.loc[("correct", "bit_errors"), "mean"]
        assert rows.loc[(si, "bit_errors"), "delta"] == pytest.approx(apart)


def test_equal_rates_pair_codecs_of_one_rate(page: Page) -> None:
    items = wing.load(page, MEL)
    rows = speech.equal_rates(page, items).set_index(["first", "second"])
    assert set(rows.index) == {
        ("mel_d_8x8", "mel_s_8x8"), ("mel_d_4x4", "mel_s_4x4"), ("mel_j_8x8", "mel_s_8x8"),
    }  # fmt: skip
    alone = wing.gain(items, "mel_d_8x8", "mel_s_8x8").mean()
    assert rows.loc[("mel_d_8x8", "mel_s_8x8"), "db"] == pytest.approx(alone)


def test_quality_has_rates_and_what_was_measured(page: Page) -> None:
    table = speech.table(page, wing.load(page, [*MEL, "stft_d_8x4"]), ["prior_mel_d_8x8"]).set_index("run")
    assert table["si_sdr"].notna().to_dict() == {run: run.startswith("stft") for run in table.index}
    assert table["prior_kbps"].dropna().index.tolist() == ["mel_d_8x8"]
    assert table.loc["mel_d_8x2", "kbps"] < table.loc["mel_d_8x8", "kbps"]
    heard = {"mel": speech.ceiling(page, "mel_d_8x8")}
    assert set(heard["mel"]) == {"stoi", "pesq"}
    plt.close(speech.draw_quality(table.reset_index(), heard, ""))


@pytest.mark.parametrize(
    ("quality", "rate"),
    [(10.0, "1"), (11.0, "1.41"), (12.0, "2"), (14.0, "8"), (9.0, "< 1"), (15.0, "> 8")],
)
def test_separate_rate_lies_on_the_line_or_says_beyond_which_end(quality: float, rate: str) -> None:
    """A separate codec that is worse than a cheaper one (4 kbit/s) is not on the line."""
    found = pd.DataFrame(
        {"run": ["s1", "s2", "s4", "s8", "d"], "kind": "mel", "form": [*["separate"] * 4, "distributed"],
         "kbps": [1.0, 2.0, 4.0, 8.0, 0.5], "psnr": [10.0, 12.0, 11.0, 14.0, quality]}
    )  # fmt: skip
    assert speech.separate_rate(found)["alone_kbps"].tolist() == [rate]


def test_a_worst_dearest_codec_still_bounds_what_none_reaches() -> None:
    found = pd.DataFrame(
        {"run": ["s1", "s2", "d"], "kind": "mel", "form": ["separate", "separate", "distributed"],
         "kbps": [1.0, 2.0, 0.5], "psnr": [10.0, 9.0, 10.5]}
    )  # fmt: skip
    assert speech.separate_rate(found)["alone_kbps"].tolist() == ["> 2"]


def ndpca() -> pd.DataFrame:
    """Three runs of two targets and four items; each run's PSNR is so much over the mean."""
    over = {"joint": 3.0, "distributed": 2.5, "plain": 1.0}
    return pd.DataFrame(
        [{"run": run, "scheme": "full_latent" if run == "plain" else "ndpca",
          "arch": "E1D1" if run == "joint" else "E4D1", "kbps_target": target, "segment_id": f"i{k}",
          "kbps": 0.9 * target, "psnr_magnitude": 20.0 + k + value, "over_mean_db": value + k}
         for run, value in over.items() for target in (0.1, 0.4) for k in range(4)]
    )  # fmt: skip


def test_ndpca_stands_beside(page: Page) -> None:
    apart = ndpca()
    apart.loc[(apart["run"] == "plain") & (apart["kbps_target"] == 0.1), "kbps"] *= 1.2
    fewer = total_rate.ndpca_gains(page, apart, "joint", "distributed", "plain")
    assert len(fewer) == 3 and (fewer["kbps"] / fewer["other_kbps"] - 1.0).abs().max() <= speech.NEAR
    rows = total_rate.ndpca_gains(page, ndpca(), "joint", "distributed", "plain")
    gains = rows.groupby("compared")["db"].mean()
    assert gains.to_dict() == pytest.approx(
        {"distributed, NDPCA over a plain latent": 1.5, "joint over distributed": 0.5}
    )
    assert len(rows) == 4
    curve = total_rate.curve(page, ndpca())
    assert curve[curve["run"] == "plain"]["over_mean_db"].tolist() == pytest.approx([2.5, 2.5])
    assert total_rate.last_gain(curve.assign(over_mean_db=curve["over_mean_db"] + curve["kbps"])) == pytest.approx(
        0.9 * (0.4 - 0.1)
    )
    table = speech.table(page, wing.load(page, MEL))
    both = pd.DataFrame({"total_kbps": [2.0], "psnr": [6.0], "low": [5.5], "high": [6.5]})
    plt.close(total_rate.draw(table, both, curve, ""))
    assert not total_rate.comparable().set_index("what").loc["target", "equal"]


def test_a_recording_has_a_row_a_microphone_and_kind_of_side_information(page: Page, workspace: Path) -> None:
    assert speech.recorded(page, ["mel_d_8x2"]).empty  # which did not hear it
    found = speech.recorded(page, MEL)
    pieces = pd.read_parquet(workspace / "results" / "mel_d_8x8" / "recording.parquet")
    assert set(found["run"]) == {"mel_d_8x8"}
    assert list(found["mic"]) == 4 * [2] + 4 * [3]
    assert list(found["si"]) == 2 * ["its own", "the next piece's", "random", "none"]  # a scene has no other item
    own = pieces[(pieces["si"] == "correct") & (pieces["mic"] == 2)]
    assert found.loc[0, "psnr"] == pytest.approx(own["psnr"].mean()) and found["kbps"].nunique() == 1
