"""From evaluation rows to differences, gains and floors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thinwire.claims import check_floor, item_scores, load_paper, ordering_differences, paper_setting, ratio_percent
from thinwire.errors import PipelineError

GRID = [2, 8, 32, 128]
LEVEL = {"e1_agnostic/ndpca": 21.0, "e2_ndpca_agnostic/ndpca": 20.5, "e4_ndpca_agnostic/ndpca": 20.0,
         "e2_plain_agnostic/truncate": 17.5, "e4_plain_agnostic/truncate": 16.0}  # fmt: skip


@pytest.fixture
def items() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    easy = rng.normal(0, 2.0, 30)  # how hard an item is, which pairing removes
    rows = [
        {"run": system.split("/")[0], "bottleneck": system.split("/")[1], "seed": seed, "m": m,
         "segment_id": f"s{number:02d}",
         "psnr_magnitude": level + easy[number] + np.log2(m) / 8 + rng.normal(0, 0.05)}
        for system, level in LEVEL.items() for seed in (0, 1) for m in GRID for number in range(30)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_differences_are_paired_and_averaged(items: pd.DataFrame, root: Path) -> None:
    claim = {claim.id: claim for claim in load_paper("ndpca", root).claims}["ndpca.fig3b_order"]
    differences = ordering_differences(claim, items.sample(frac=1.0, random_state=0), GRID)
    assert list(differences) == [pair.name for pair in claim.rule.pairs]  # type: ignore[union-attr]
    assert [round(float(d.mean()), 1) for d in differences.values()] == [0.5, 0.5, 2.5, 1.5]
    assert all(d.shape == (30,) and d.std() < 0.1 for d in differences.values())


def test_gain_is_the_ratio_of_means(items: pd.DataFrame, root: Path) -> None:
    claims = {claim.id: claim for claim in load_paper("ndpca", root).claims}
    gain = ratio_percent(claims["ndpca.fig3b.e4d1_gain"], items, GRID)
    a, b = (
        item_scores(items, name, "psnr_magnitude") for name in ("e4_ndpca_agnostic/ndpca", "e4_plain_agnostic/truncate")
    )
    assert gain.percent.mean == pytest.approx(100 * (a.mean() / b.mean() - 1))
    assert gain.percent.low < gain.percent.mean < gain.percent.high
    assert gain.difference.mean == pytest.approx((a - b).mean())
    draws = np.random.default_rng(2).integers(0, 30, (4000, 30))
    direct = 100 * (a.to_numpy()[draws].mean(1) / b.to_numpy()[draws].mean(1) - 1)
    assert [gain.percent.low, gain.percent.high] == pytest.approx(np.percentile(direct, [2.5, 97.5]), abs=0.25)
    ratio = ratio_percent(claims["ndpca.fig3b.e2d1_vs_jae"], items, GRID)
    assert ratio.percent.mean == pytest.approx(100 * 20.5 / 21.0, abs=0.5)


def test_items_without_a_value_are_left_out(items: pd.DataFrame) -> None:
    items.loc[items["segment_id"] == "s03", "psnr_magnitude"] = np.nan
    assert len(item_scores(items, "e1_agnostic/ndpca", "psnr_magnitude")) == 29


def test_missing_rows_are_named(items: pd.DataFrame, root: Path) -> None:
    with pytest.raises(PipelineError, match="results/e1_aware/items.parquet"):
        item_scores(items, "e1_aware/ndpca", "psnr_magnitude")
    with pytest.raises(PipelineError, match=r"at m = \[64\]"):
        item_scores(items, "e1_agnostic/ndpca", "psnr_magnitude", [8, 64])
    claim = {claim.id: claim for claim in load_paper("ndpca", root).claims}["ndpca.fig3b.e2_beats_e4"]
    fewer = items[(items["run"] != "e4_ndpca_agnostic") | (items["segment_id"] != "s00")]
    with pytest.raises(PipelineError, match="different test items"):
        ordering_differences(claim, fewer, GRID)


def test_floor(items: pd.DataFrame, root: Path) -> None:
    floor = load_paper("ndpca", root).floors["agnostic"]
    best = item_scores(items, "e1_agnostic/ndpca", "psnr_magnitude", [128]).mean()
    assert check_floor(floor, items, best - 1.01).ok
    weak = check_floor(floor, items, best - 0.99)
    assert not weak.ok and "e1_agnostic/ndpca at m = 128" in weak.reason


def test_paper_setting_needs_scale_and_corpus() -> None:
    assert paper_setting("paper", "/corpora/CHiME6")
    assert not paper_setting("paper", None) and not paper_setting("default", "/corpora/CHiME6")
