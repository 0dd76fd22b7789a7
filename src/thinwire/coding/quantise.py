"""From real numbers to integers: reverse water-filling, centroids, integer probability tables."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

PRECISION_BITS = 24  # what constriction's coders work with: a table of this precision is used without any rounding


@dataclass(frozen=True)
class WaterFilling:
    """The water level, and distortion (mean squared error) and rate (bits) of each component."""

    level: float
    distortions: np.ndarray
    bits: np.ndarray


def water_fill(
    variances: np.ndarray, *, rate_bits: float | None = None, distortion: float | None = None
) -> WaterFilling:
    """Reverse water-filling over independent Gaussians (Cover and Thomas, theorem 10.3.3), in closed form.

    D_i = min(level, variance_i), R_i = max(0, log2(variance_i / level) / 2), for components (n,) whose rates add up to
    `rate_bits` or whose distortions add up to `distortion` (at most the sum of variances). Give exactly one of the two;
    raises ValueError otherwise or for values that no level reaches.
    """
    variances = np.asarray(variances, np.float64)
    if variances.ndim != 1 or not np.isfinite(variances).all() or (variances < 0).any():
        raise ValueError("variances must be a vector of finite numbers that are not negative")
    if (rate_bits is None) == (distortion is None):
        raise ValueError("give either rate_bits or distortion")
    descending = np.sort(variances)[::-1]
    positive = descending[descending > 0]
    counts = np.arange(1, len(positive) + 1)
    if rate_bits is not None:
        if not 0 <= rate_bits < math.inf:
            raise ValueError(f"rate_bits is {rate_bits}, expected a finite number that is not negative")
        # With the k largest components active: log2 level = (sum of log2 variances - 2 R) / k.
        levels = (np.cumsum(np.log2(positive)) - 2 * rate_bits) / counts
        # k grows while the next component would still stand above the level: the last such k is the answer.
        standing = np.flatnonzero(np.log2(positive) >= levels)
        log_level = float(levels[max(standing, default=0)]) if len(positive) else -math.inf
    else:
        assert distortion is not None
        total = float(variances.sum())
        if not 0 < distortion <= total * (1 + 1e-12):
            raise ValueError(f"distortion is {distortion}, expected above 0 and at most {total}, the variances' sum")
        # With the k largest components active: k * level + (sum of the others) = D.
        remainder = total - np.cumsum(positive)
        levels = (distortion - remainder) / counts
        log_level = math.log2(levels[max(np.flatnonzero(positive >= levels), default=0)])
    level = 2.0**log_level
    # A component that lies below the level (a silent one too) costs nothing and is replaced by its mean.
    bits = np.zeros_like(variances)
    above = variances > 0
    bits[above] = np.maximum(0.0, 0.5 * (np.log2(variances[above]) - log_level))
    return WaterFilling(level, np.minimum(level, variances), bits)


def gaussian_centroid(index: np.ndarray, scale: np.ndarray | float) -> np.ndarray:
    """Mean of N(0, scale^2) within the unit cell around each index, in steps: the decoder's least-squares value.

    `scale` is the standard deviation in steps and broadcasts with `index`. Far out in the tail the cell's near edge.
    """
    from scipy.special import ndtr

    index = np.asarray(index, np.float64)
    scale = np.asarray(scale, np.float64)
    # By symmetry only the positive side is computed, where the upper tail 1 - Phi keeps its relative precision.
    lower, upper = (np.abs(index) - 0.5) / scale, (np.abs(index) + 0.5) / scale
    density = (np.exp(-0.5 * lower**2) - np.exp(-0.5 * upper**2)) / math.sqrt(2 * math.pi)
    mass = ndtr(-lower) - ndtr(-upper)
    safe = mass > 1e-250
    centre = np.where(safe, scale * density / np.where(safe, mass, 1.0), np.abs(index) - 0.5)
    return np.sign(index) * centre


@dataclass(frozen=True, eq=False)
class IntegerTable:
    """Frequencies (n,) of the symbols low, low + 1, ...: positive integers that add up to 2**precision_bits."""

    counts: np.ndarray
    low: int = 0
    precision_bits: int = PRECISION_BITS

    def __post_init__(self) -> None:
        counts = np.array(self.counts, np.int64)
        if not 1 <= self.precision_bits <= PRECISION_BITS:
            raise ValueError(f"precision_bits is {self.precision_bits}, expected 1 to {PRECISION_BITS}")
        if counts.ndim != 1 or (counts < 1).any() or counts.sum() != 1 << self.precision_bits:
            raise ValueError(f"a table needs counts of at least 1 that add up to 2**{self.precision_bits}")
        counts.setflags(write=False)
        object.__setattr__(self, "counts", counts)

    @property
    def high(self) -> int:
        """The last symbol."""
        return self.low + len(self.counts) - 1

    def bits(self, symbols: np.ndarray) -> np.ndarray:
        """Ideal code length of each symbol in bits, -log2 of its probability."""
        return self.precision_bits - np.log2(self.counts[np.asarray(symbols, np.int64) - self.low])

    def entropy(self) -> float:
        """Mean of `bits` over the table's own distribution."""
        probabilities = self.counts / self.counts.sum()
        return float(-(probabilities * np.log2(probabilities)).sum())


def integer_table(probabilities: np.ndarray, precision_bits: int = PRECISION_BITS, low: int = 0) -> IntegerTable:
    """Round probabilities (n,) (or any weights, histograms too) to an IntegerTable that gives every symbol at least 1.

    Uses only operations that IEEE 754 fixes to the last bit, so equal inputs give equal tables on every machine.
    Raises ValueError for weights that are negative, not finite, all zero, or too many for the precision.
    """
    weights = np.asarray(probabilities, np.float64)
    total = math.fsum(weights.tolist()) if weights.ndim == 1 else 0.0
    if weights.ndim != 1 or not np.isfinite(weights).all() or (weights < 0).any() or not 0 < total < math.inf:
        raise ValueError("probabilities must be a vector of finite numbers, none negative and not all zero")
    spare = (1 << precision_bits) - len(weights)
    if spare < 0:
        raise ValueError(f"{len(weights)} symbols do not fit a table of {precision_bits} bits")
    shares = weights / total * spare
    whole = np.floor(shares)
    left = spare - int(whole.sum())
    # What rounding down left over goes to the largest remainders, earlier symbols first.
    order = np.argsort(whole - shares, kind="stable")
    counts = whole.astype(np.int64) + 1
    if left >= 0:
        counts[order[:left]] += 1
    else:  # the division may round up by a hair; the most frequent symbol can spare it
        counts[int(np.argmax(counts))] += left
    return IntegerTable(counts, low, precision_bits)
