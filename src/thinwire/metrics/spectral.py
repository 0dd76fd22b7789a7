"""Measures on spectra (..., F, T), real or complex: one value for each item of the leading dimensions."""

from __future__ import annotations

import math

import numpy as np

from thinwire.audio import SAMPLE_RATE


def _power(x: np.ndarray) -> np.ndarray:
    """Mean squared magnitude over F and T, summed in float64."""
    return np.asarray(np.mean(np.square(np.abs(np.asarray(x))), axis=(-2, -1), dtype=np.float64))


def psnr(x: np.ndarray, x_hat: np.ndarray, peak: np.ndarray | float) -> np.ndarray:
    """20 log10(peak / sqrt(MSE)) in dB of x_hat (..., F, T) against x (Eq. 13); infinite where they are equal.

    `peak` is MAX: a number, or one an item. Differences in dB do not depend on it, ratios of dB values do.
    """
    with np.errstate(divide="ignore"):
        return 20.0 * np.log10(peak) - 10.0 * np.log10(_power(np.asarray(x) - np.asarray(x_hat)))


def spectral_snr(x: np.ndarray, x_hat: np.ndarray) -> np.ndarray:
    """10 log10(sum |x|^2 / sum |x - x_hat|^2) in dB (Eq. 12); NaN where x is silent, infinite where they are equal."""
    signal, error = _power(x), _power(np.asarray(x) - np.asarray(x_hat))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(signal > 0, 10.0 * (np.log10(signal) - np.log10(error)), np.nan)[()]


def phase_error(phase: np.ndarray, phase_hat: np.ndarray, weight: np.ndarray | float = 1.0) -> np.ndarray:
    """Mean anti-wrapped phase difference |d - 2 pi round(d / 2 pi)| in radians, 0 to pi; pi / 2 for unrelated phases.

    `weight` (..., F, T), say the magnitude, says how much each bin counts; NaN where all weights are zero.
    """
    d = np.asarray(phase, np.float64) - np.asarray(phase_hat, np.float64)
    d = np.abs(d - 2 * np.pi * np.round(d / (2 * np.pi)))
    w = np.broadcast_to(np.asarray(weight, np.float64), d.shape)
    total = w.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore"):
        return (d * w).sum(axis=(-2, -1)) / total


def log_spectral_distance(
    x: np.ndarray,
    x_hat: np.ndarray,
    band_hz: tuple[float, float] = (0.0, math.inf),
    sample_rate: int = SAMPLE_RATE,
    floor_db: float = 80.0,
) -> np.ndarray:
    """Log-spectral distance in dB (Gray and Markel 1976): RMS over F of the levels' difference, averaged over T.

    The bins of x and x_hat (..., F, T) lie evenly from 0 to half the sample rate; those inside `band_hz` count. Levels
    further than `floor_db` below the loudest bin of x (whole band) are raised to there, so that the noise floor of
    pauses does not decide. NaN where x is silent or no bin lies in the band.
    """
    power, power_hat = (np.square(np.abs(np.asarray(s)), dtype=np.float64) for s in (x, x_hat))
    frequency = np.linspace(0.0, sample_rate / 2, power.shape[-2])
    inside = (frequency >= band_hz[0]) & (frequency <= band_hz[1])
    peak = power.max(axis=(-2, -1), keepdims=True)
    floor = np.where(peak > 0, peak, np.nan) * 10.0 ** (-floor_db / 10.0)
    level, level_hat = (10.0 * np.log10(np.maximum(p, floor)[..., inside, :]) for p in (power, power_hat))
    if not inside.any():
        return np.full(power.shape[:-2], np.nan)[()]
    return np.sqrt(np.square(level - level_hat).mean(axis=-2)).mean(axis=-1)[()]
