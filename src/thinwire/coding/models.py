"""Integer tables of zero-mean Gaussian and Laplace variables rounded to integers.

A table must be the same to the last bit where it is encoded and where it is decoded, and `exp` or `erf` differ between
mathematical libraries. So the scales lie on a grid of short binary fractions, and the distribution functions are
computed with +, -, *, / and square root alone, which IEEE 754 fixes.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from thinwire.coding.quantise import IntegerTable, integer_table

SCALES = tuple((1 + j / 8) * 2.0**e for e in range(-4, 8) for j in range(8))
_BORDERS = tuple((a + b) / 2 for a, b in zip(SCALES, SCALES[1:], strict=False))
TAIL = 8  # symbols reach this many standard deviations; the two outermost carry what lies beyond


def gaussian_table(scale: float) -> IntegerTable:
    """Table of round(N(0, scale^2)) for the grid's scale nearest to `scale` (standard deviation in steps).

    Scales go from 1/16 to 240 in ratios of at most 9/8, which costs less than 0.01 bit a symbol. Equal grid scales give
    the same object. Raises ValueError for a scale that is not positive.
    """
    return _gaussian(_snap(scale))


def laplace_table(scale: float) -> IntegerTable:
    """Table of a rounded Laplace variable of standard deviation `scale` in steps; else as `gaussian_table`."""
    return _laplace(_snap(scale))


def _snap(scale: float) -> float:
    if not scale > 0:
        raise ValueError(f"scale is {scale}, expected a positive number of steps")
    return SCALES[bisect_left(_BORDERS, scale)]


@lru_cache(maxsize=len(SCALES))
def _gaussian(scale: float) -> IntegerTable:
    return _table(scale, _normal_tail)


@lru_cache(maxsize=len(SCALES))
def _laplace(scale: float) -> IntegerTable:
    return _table(scale, lambda x: 0.5 * _exp_minus(x * math.sqrt(2.0)))


def _table(scale: float, tail: Callable[[np.ndarray], np.ndarray]) -> IntegerTable:
    """Masses of unit cells of a symmetric variable from its upper tail function at unit scale."""
    reach = math.ceil(TAIL * scale) + 1
    beyond = tail((np.arange(reach) + 0.5) / scale)  # P(x > k + 1/2), k = 0..reach-1
    side = np.append(beyond[:-1] - beyond[1:], beyond[-1])
    masses = np.concatenate([side[::-1], [1.0 - 2.0 * beyond[0]], side])
    return integer_table(np.maximum(masses, 0.0), low=-reach)


def _exp_minus(y: np.ndarray) -> np.ndarray:
    """exp(-y) for 0 <= y < 600: the Taylor series of exp(-y / 1024), squared ten times (relative error about 1e-13)."""
    t = y / 1024.0
    series = np.ones_like(t)
    for n in range(12, 0, -1):
        series = 1.0 - series * t / n
    for _ in range(10):
        series = series * series
    return series


def _normal_tail(x: np.ndarray) -> np.ndarray:
    """1 - Phi(x), x >= 0, by the all-positive series Phi(x) - 1/2 = phi(x) (x + x^3/3 + x^5/15 + ...)."""
    x = np.minimum(x, 8.5)  # beyond, the tail is below 1e-17
    term = x.copy()
    series = x.copy()
    for n in range(3, 400, 2):
        term = term * x * x / n
        series = series + term
    density = 0.3989422804014327 * _exp_minus(x * x / 2.0)
    return np.maximum(0.5 - density * series, 0.0)
