"""Rate against distortion over lambda and tau, the prior, and their verdicts for known inputs."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt

from thinwire.figures.aucom import prior, rate_distortion, recognition
from thinwire.figures.paths import Page
from thinwire.params.aucom import AucomRow
from thinwire.params.aucom_codec import AucomFbank, Settings
from thinwire.systems.aucom.codec_net import AuComNet

SWEEP = ["aucom_v1_l1", "aucom_v1", "aucom_v1_l16"]
TAUS = (1.0, 2.0, 3.0, 5.0, 8.0, 10.0)


def sweep(rate: dict[str, float], mse: dict[str, float], by_tau: bool = True, count: int = 20) -> pd.DataFrame:
    """Items of the three runs: from tau 1 on the rate falls and the distortion rises, or neither."""
    ids = [f"librispeech/u{k}" for k in range(count)]
    spread = np.linspace(-0.01, 0.01, count)
    frames = [
        pd.DataFrame({"run": run, "label": run, "tau": tau, "corpus": "librispeech", "segment_id": ids, "rows": 40.0,
                      "mse": mse[run] + 0.05 * (tau - 1) * by_tau + spread, "error_db": 3.0,
                      "kbps_entropy": rate[run] / (tau if by_tau else 1) + spread,
                      "kbps": np.maximum(rate[run] / (tau if by_tau else 1), 1.0) + spread,
                      "kbps_huffman": rate[run], "kbps_arithmetic": rate[run]})
        for run in SWEEP for tau in TAUS
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


RISING = {"aucom_v1_l1": 3.0, "aucom_v1": 5.2, "aucom_v1_l16": 6.0}
FALLING = {"aucom_v1_l1": 0.2, "aucom_v1": 0.15, "aucom_v1_l16": 0.1}
EQUAL = dict.fromkeys(SWEEP, 2.0)


def judged(page: Page, items: pd.DataFrame) -> dict[str, str]:
    return {row.id.removeprefix("aucom."): row.verdict for row in rate_distortion.judge(page, items)}


def above_floor(page: Page) -> Page:
    """The same without floors: what the fake codecs explain is not the point."""
    claims = {name: claim.model_copy(update={"floor": None}) for name, claim in page.claims.items()}
    return replace(page, claims=claims)


def test_known_sweeps_have_known_verdicts(open_aucom: Callable[[str], Page]) -> None:
    page = above_floor(open_aucom("rate_distortion"))
    assert judged(page, sweep(RISING, FALLING)) == {"tau_monotone": "reproduced", "rd_tradeoff": "reproduced"}
    assert judged(page, sweep(FALLING, RISING))["rd_tradeoff"] == "contradicted"
    flat = judged(page, sweep(EQUAL, EQUAL, by_tau=False))
    assert flat == {"tau_monotone": "inconclusive", "rd_tradeoff": "inconclusive"}
    few = judged(page, sweep(RISING, FALLING, count=2))
    assert set(few.values()) == {"inconclusive"}


def test_weak_codecs_are_below_the_floor(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("rate_distortion")
    found = rate_distortion.judge(page, sweep(RISING, FALLING))
    floor = {row.id: "below the floor" in row.reason for row in found}
    explained = {run: 1 - rate_distortion.load(page, [run]).query("tau == 1")["mse"].mean() for run in SWEEP}
    assert floor["aucom.tau_monotone"] == (explained["aucom_v1"] < 0.73)
    assert floor["aucom.rd_tradeoff"] == (min(explained.values()) < 0.73)


def test_lambdas_are_those_of_the_rows_or_the_system(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("rate_distortion")
    assert rate_distortion.by_lambda(page, ["aucom_v1_l16", "aucom_v1", "aucom_v1_l1"]) == SWEEP
    assert rate_distortion.lambda_of(page, "aucom_v1") == page.params.systems.aucom_codec.lmbda
    table = rate_distortion.trade_off(page, rate_distortion.load(page, SWEEP), SWEEP)
    assert len(table) == len(SWEEP) * len(TAUS)
    assert table["floor_kbps"].unique().tolist() == [1.0]
    assert (table["kbps_huffman"] >= 0.98 * table["floor_kbps"]).all()
    for drawn in (table, table.iloc[:1]):
        assert len(rate_distortion.draw_lambda(drawn, "").axes) == len(rate_distortion.draw_tau(drawn, "").axes) == 2
        plt.close("all")


def test_items_of_two_corpora_with_one_name_stay_two(open_aucom: Callable[[str], Page]) -> None:
    items = rate_distortion.load(open_aucom("rate_distortion"), ["aucom_v1"])
    assert items.groupby("tau")["segment_id"].nunique().eq(6 * 24).all()


def test_each_weighting_of_the_loss_is_its_own_reference(open_aucom: Callable[[str], Page]) -> None:
    table = rate_distortion.cost_table(open_aucom("rate_distortion"), sweep(RISING, FALLING), SWEEP)
    own = table[table["weighting"] == table["lmbda"]]
    assert own["excess"].tolist() == [0.0, 0.0, 0.0]
    row = table[(table["weighting"] == 16.0) & (table["run"] == "aucom_v1_l1")].iloc[0]
    assert row["cost"] == pytest.approx(3.0 / 8 + 16 * 0.2)
    assert row["excess"] == pytest.approx(row["cost"] - (6.0 / 8 + 16 * 0.1))


def test_words_say_which_run_makes_least_of_each_loss(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("rate_distortion")
    better = FALLING | {"aucom_v1": 0.3}  # more distortion than lambda 1: it makes least of no loss
    lines = rate_distortion.cost_words(rate_distortion.cost_table(page, sweep(RISING, better), SWEEP)).splitlines()
    assert lines[0] == "- Under lambda = 1 the run that was trained for it makes the least of the loss."
    gap = (5.2 / 8 + 4 * 0.3) - (6.0 / 8 + 4 * 0.1)
    assert lines[1].startswith("- Under lambda = 4 the run of lambda = 16 makes less of the loss")
    assert f"by {gap:.4f} bits a value, 95 % {gap:.4f} to {gap:.4f}." in lines[1]
    assert "lambda = 16 the run that was trained" in lines[2]
    # a gap whose interval reaches zero is not settled
    table = rate_distortion.cost_table(page, sweep(RISING, better), SWEEP)
    unsettled = rate_distortion.cost_words(table.assign(high=table["high"] + 1.0)).splitlines()
    assert unsettled[1].endswith("which these items do not settle.")


def test_words_say_how_far_the_curves_lie_apart(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("rate_distortion")
    flat = rate_distortion.trade_off(page, sweep(EQUAL, FALLING, by_tau=False), SWEEP)
    told = rate_distortion.apart_words(page, flat)
    assert "rates differ by 0.0 % at most, their distortions by 100.0 %" in told
    assert "lambda = 16: 80 steps from scratch" in told


def test_every_system_with_features_has_a_distortion(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("rate_distortion")
    items = recognition.load(page, ["aucom_v1", "aucom_deepcod", "aucom_compared"])
    table = rate_distortion.distortion_table(page, items)
    assert set(table["family"]) == {"aucom_v1", "aucom_deepcod", "bilinear", "bicubic"}
    assert table["items"].eq(24).all()
    assert len(rate_distortion.draw_systems(table.iloc[:1], "").axes) == 2


@pytest.fixture(scope="module")
def codecs(root: Path, workspace: Path) -> None:
    """Codecs with random weights and a few chunks, in the workspace."""
    write_prior = runpy.run_path(str(root / "tests" / "notebooks" / "fake_aucom_prior.py"))["write_prior"]
    write_prior(workspace, chunks=1)


@pytest.mark.usefixtures("codecs")
def test_the_prior_is_a_cumulative_and_eq_24_as_printed_is_not(open_aucom: Callable[[str], Page]) -> None:
    page = above_floor(open_aucom("rate_distortion"))
    table = prior.cdf_table(page, ["aucom_v1", "aucom_v3"])
    assert table["is_cdf"].tolist() == [True, True, False]
    assert table["rows"].tolist() == [40, 10, 40]
    noise = prior.noise_table(prior.load_codec(page, "aucom_v1"), prior.chunk_features(page))
    found = {row.id: row.verdict for row in prior.judge(page, table, noise)}
    assert found["aucom.prior_is_cdf"] == "reproduced"
    apart = noise.assign(bits_per_symbol=[2.0, 1.8])
    assert {row.id: row.verdict for row in prior.judge(page, table, apart)}["aucom.noise_vs_round"] == "contradicted"


def test_bits_of_bytes_stand_beside_those_of_the_prior() -> None:
    noise = pd.DataFrame({"quantiser": ["noise", "rounding"], "bits_per_symbol": [2.1, 2.0], "mse": 0.1})
    items = sweep(RISING, FALLING).query("run == 'aucom_v1'")
    found = prior.with_bytes(noise, items).set_index("quantiser")
    assert found.loc["bytes, arithmetic coder", "bits_per_symbol"] == pytest.approx(5.2)


def test_noise_adds_as_much_error_as_rounding_of_a_flat_latent() -> None:
    """Where a latent spreads over many steps both errors are uniform, and an even prior charges both alike."""
    torch.manual_seed(0)
    settings = Settings(spectrum=AucomFbank(n_mels=16), channels=4, chunk_s=1.0)
    net = AuComNet(settings, AucomRow(after="x", steps=1))
    net.normalisation.attach(torch.zeros(net.rows, net.columns), torch.full((net.rows, net.columns), 0.01))
    table = prior.noise_table(net.eval(), torch.randn(3, 16, 100)).set_index("quantiser")
    assert table.loc["noise", "bits_per_symbol"] == pytest.approx(table.loc["rounding", "bits_per_symbol"], rel=0.05)
    assert table.loc["noise", "mse"] == pytest.approx(table.loc["rounding", "mse"], rel=0.05)
