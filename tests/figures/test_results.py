"""Curves, ratios and correlations behind the figures, against plain computations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from thinwire.errors import PipelineError
from thinwire.figures import results
from thinwire.figures.paths import find_root
from thinwire.figures.perception import with_rate, with_weight


def table(values: dict[str, list[float]], run: str = "a", m: int = 4) -> pd.DataFrame:
    """Items of one run: segment ids to values, one a seed."""
    rows = [(run, "ndpca", m, name, seed, value) for name, seeds in values.items() for seed, value in enumerate(seeds)]
    return pd.DataFrame(rows, columns=["run", "bottleneck", "m", "segment_id", "seed", "psnr_magnitude"])


def test_curve_averages_seeds_before_items() -> None:
    rows = table({"x": [1.0, 3.0], "y": [10.0], "z": [float("nan")]})
    found = results.curve(rows, "psnr_magnitude", draws=100)
    assert found.loc[0, "n"] == 2
    assert found.loc[0, "mean"] == pytest.approx(6.0)
    assert found.loc[0, "low"] <= 6.0 <= found.loc[0, "high"]


def test_paired_keeps_the_items_that_both_have() -> None:
    items = pd.concat([table({"x": [1.0], "y": [2.0]}), table({"y": [5.0], "w": [9.0]}, run="b")])
    a, b = results.paired(items, "a/ndpca", "b/ndpca", "psnr_magnitude")
    assert (a.tolist(), b.tolist()) == ([2.0], [5.0])
    with pytest.raises(PipelineError, match="no test item in common"):
        results.paired(
            pd.concat([table({"x": [1.0]}), table({"w": [1.0]}, run="b")]), "a/ndpca", "b/ndpca", "psnr_magnitude"
        )


def test_gain_in_percent_is_that_of_the_means() -> None:
    a, b = np.array([20.0, 22.0]), np.array([16.0, 18.0])
    interval = results.bootstrap_of_means(a, b, results.gain_percent, 200)
    assert interval.mean == pytest.approx(100 * (21 / 17 - 1))
    assert interval.low <= interval.mean <= interval.high
    same = results.bootstrap_of_means(2 * b, b, results.ratio_percent, 200)
    assert (same.low, same.high) == pytest.approx((200.0, 200.0))


def test_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    values, along = rng.integers(0, 5, (20, 6)).astype(float), rng.standard_normal(6)
    expected = [spearmanr(row, along).statistic for row in values]
    np.testing.assert_allclose(results.rank_correlation(values, along), expected, atol=1e-12)
    assert results.rank_correlation(np.ones((1, 4)), np.arange(4.0)).tolist() == [0.0]


def test_monotone_sweep_has_full_rank_correlations() -> None:
    rows = [(w, m, f"s{k}", 1.0 + w - 0.01 * m) for w in (0.0, 1.0, 4.0) for m in (2, 8, 32) for k in range(3)]
    items = pd.DataFrame(rows, columns=["lambda_perc", "m", "segment_id", "distortion"])
    np.testing.assert_allclose(with_weight(items), 1.0)
    assert set(with_rate(items)) == {"weight 0", "weight 1", "weight 4"}
    assert all(np.allclose(values, 1.0) for values in with_rate(items).values())


def test_root_is_found_upwards(tmp_path) -> None:
    (tmp_path / "params.yaml").write_text("{}")
    (tmp_path / "notebooks" / "ndpca").mkdir(parents=True)
    assert find_root(tmp_path / "notebooks" / "ndpca") == tmp_path.resolve()
    with pytest.raises(PipelineError, match="no params.yaml"):
        find_root("/proc")
