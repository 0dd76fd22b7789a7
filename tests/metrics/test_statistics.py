"""Bootstrap against a known case; rank correlation against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from thinwire.metrics import bootstrap_mean, paired_bootstrap, spearman


def test_interval_of_a_mean_is_the_normal_one() -> None:
    values = np.random.default_rng(0).normal(5.0, 2.0, 400)
    interval = bootstrap_mean(values, seed=1, n=20_000)
    half = 1.96 * values.std() / math.sqrt(400)
    assert interval.mean == values.mean() and interval.items == 400
    assert interval.low == pytest.approx(values.mean() - half, abs=0.02 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.02 * half)


def test_interval_of_two_items_is_exact() -> None:
    """Means of two draws from {0, 1} are 0, 1/2, 1 with chances 1/4, 1/2, 1/4: the middle 95 % is everything."""
    interval = bootstrap_mean(np.array([0.0, 1.0]))
    assert (interval.mean, interval.low, interval.high) == (0.5, 0.0, 1.0)
    middle = bootstrap_mean(np.array([0.0, 1.0]), n=10_000, confidence=0.4)
    assert (middle.low, middle.high) == (0.5, 0.5)


def test_coverage_of_the_interval_is_near_its_confidence() -> None:
    draws = np.random.default_rng(5).exponential(1.0, (400, 60))
    intervals = [bootstrap_mean(row, seed=i, n=400) for i, row in enumerate(draws)]
    assert np.mean([i.low <= 1.0 <= i.high for i in intervals]) == pytest.approx(0.93, abs=0.04)


def test_pairing_removes_what_items_share() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 10, 100)
    a, b = shared + 0.5 + rng.normal(0, 0.1, 100), shared
    interval = paired_bootstrap(a, b, seed=2)
    assert interval.low > 0.4 and interval.high < 0.6
    assert bootstrap_mean(a).low < bootstrap_mean(b).high


def test_seed_decides_and_nan_items_are_left_out() -> None:
    values = np.random.default_rng(0).random(50)
    assert bootstrap_mean(values, 3) == bootstrap_mean(values, 3) != bootstrap_mean(values, 4)
    holes = np.append(values, [math.nan] * 5)
    assert bootstrap_mean(holes, 3) == bootstrap_mean(values, 3)
    assert paired_bootstrap(holes, np.zeros(55), 3) == bootstrap_mean(values, 3)
    empty = bootstrap_mean(np.full(4, math.nan))
    assert empty.items == 0 and math.isnan(empty.mean) and math.isnan(empty.low)


def test_one_item_is_certain_of_itself() -> None:
    interval = bootstrap_mean(np.array([2.0]))
    assert (interval.low, interval.high, interval.items) == (2.0, 2.0, 1)


def test_spearman_equals_scipy_with_ties() -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(0, 8, 60).astype(float)
    b = a + rng.normal(0, 3, 60)
    interval = spearman(a, b, n=500)
    assert interval.mean == pytest.approx(spearmanr(a, b).statistic)
    assert interval.low < interval.mean < interval.high
    assert spearman(a, np.exp(a)).mean == pytest.approx(1.0)
    assert math.isnan(spearman(a, np.zeros(60)).mean)


def test_different_items_are_refused() -> None:
    with pytest.raises(ValueError, match="same items"):
        paired_bootstrap(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="same items"):
        spearman(np.zeros(3), np.zeros(4))
