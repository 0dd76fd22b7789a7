"""Means over test items with bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_BLOCK = 1 << 22  # draws held in memory at once


@dataclass(frozen=True)
class Interval:
    """A statistic with its bootstrap interval and the number of items that it rests on; NaN where there are too few."""

    mean: float
    low: float
    high: float
    items: int


def bootstrap_mean(values: np.ndarray, seed: int = 0, n: int = 2000, confidence: float = 0.95) -> Interval:
    """Mean of values (items,) and its percentile interval from `n` resamplings of the items; NaN items are left out."""
    values = np.asarray(values, np.float64).ravel()
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    draws = _resample(len(values), seed, n, lambda index: values[index].mean(axis=1))
    return _interval(float(values.mean()), draws, len(values), confidence)


def paired_bootstrap(a: np.ndarray, b: np.ndarray, seed: int = 0, n: int = 2000, confidence: float = 0.95) -> Interval:
    """Mean of a - b over the same items (items,), with its percentile interval; items with a NaN side are left out."""
    a, b = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    if a.shape != b.shape:
        raise ValueError(f"a paired comparison needs the same items, got {len(a)} and {len(b)}")
    return bootstrap_mean(a - b, seed, n, confidence)


def spearman(a: np.ndarray, b: np.ndarray, seed: int = 0, n: int = 2000, confidence: float = 0.95) -> Interval:
    """Spearman's rank correlation of a and b (items,), ties sharing their mean rank, with a bootstrap interval.

    Items with a NaN side are left out; NaN for fewer than three items or a side that never changes.
    """
    from scipy.stats import rankdata

    a, b = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    if a.shape != b.shape:
        raise ValueError(f"a correlation needs the same items, got {len(a)} and {len(b)}")
    usable = ~(np.isnan(a) | np.isnan(b))
    a, b = a[usable], b[usable]
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return Interval(math.nan, math.nan, math.nan, len(a))

    def correlation(index: np.ndarray) -> np.ndarray:
        ra, rb = rankdata(a[index], axis=1), rankdata(b[index], axis=1)
        ra, rb = ra - ra.mean(axis=1, keepdims=True), rb - rb.mean(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            return (ra * rb).sum(axis=1) / np.sqrt(np.square(ra).sum(axis=1) * np.square(rb).sum(axis=1))

    draws = _resample(len(a), seed, n, correlation)
    return _interval(float(correlation(np.arange(len(a))[None])[0]), draws, len(a), confidence)


def _resample(items: int, seed: int, n: int, statistic: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The statistic of `n` draws of items with replacement; it gets an index matrix (draws, items)."""
    generator = np.random.default_rng(seed)
    block = max(1, _BLOCK // items)
    sizes = [min(block, n - start) for start in range(0, n, block)]
    return np.concatenate([statistic(generator.integers(0, items, (size, items))) for size in sizes])


def _interval(mean: float, draws: np.ndarray, items: int, confidence: float) -> Interval:
    """Percentile interval; resamplings in which the statistic does not exist (all ties) are left out."""
    tail = 50.0 * (1.0 - confidence)
    low, high = np.nanpercentile(draws, [tail, 100.0 - tail])
    return Interval(mean, float(low), float(high), items)
