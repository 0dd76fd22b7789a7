"""Measures on waveforms (..., samples)."""

from __future__ import annotations

import numpy as np


def si_sdr(reference: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019), both sides freed of their mean.

    NaN where the reference is silent, -infinity where the estimate is silent or orthogonal, infinity where it is a
    scaled copy.
    """
    s = np.asarray(reference, np.float64)
    e = np.asarray(estimate, np.float64)
    s = s - s.mean(axis=-1, keepdims=True)
    e = e - e.mean(axis=-1, keepdims=True)
    energy = np.square(s).sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        target = (e * s).sum(axis=-1, keepdims=True) / energy * s
        numerator = np.square(target).sum(axis=-1)
        ratio = 10.0 * (np.log10(numerator) - np.log10(np.square(e - target).sum(axis=-1)))
    # A silent estimate gives 0 / 0 above; it holds nothing of the reference.
    ratio = np.where(numerator == 0, -np.inf, ratio)
    return np.where(energy[..., 0] > 0, ratio, np.nan)[()]
