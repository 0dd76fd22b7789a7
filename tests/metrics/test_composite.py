"""CSIG, CBAK, COVL and their distances: what equal, louder and noisier speech must give, and independent solutions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import solve_toeplitz, toeplitz
from scipy.signal import lfilter

from thinwire.metrics import pesq_wb
from thinwire.metrics.composite import (
    LPC_ORDER,
    WINDOW,
    _autocorrelation,
    _nearest_peaks,
    _predictor,
    composite,
    log_likelihood_ratio,
    segmental_snr,
    weighted_spectral_slope,
)


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """Two seconds that PESQ takes for speech: a gliding buzz in syllables, over faint noise."""
    t = np.arange(32_000) / 16_000
    buzz = sum(np.sin(2 * np.pi * k * (110 + 40 * t) * t) / k for k in range(1, 25))
    faint = 3e-4 * np.random.default_rng(0).standard_normal(len(t))
    return (0.1 * buzz * (np.sin(2 * np.pi * 2.5 * t) > -0.4) + faint).astype(np.float32)


def noise(samples: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def test_a_perfect_copy_gets_the_best_of_everything(voice: np.ndarray) -> None:
    best = composite(voice, voice)
    assert (best.csig, best.cbak, best.covl) == (5.0, 5.0, 5.0)
    assert best.ssnr == 35.0 and best.llr == pytest.approx(0.0, abs=1e-9) and best.wss == 0.0
    assert best.pesq == pytest.approx(float(pesq_wb(voice, voice))) and best.reason == ""


def test_digital_silence_in_a_perfect_copy_costs_nothing(voice: np.ndarray) -> None:
    gapped = voice.copy()
    gapped[8_000:16_000] = 0.0
    best = composite(gapped, gapped)
    assert best.ssnr == 35.0 and best.llr == pytest.approx(0.0, abs=1e-9)
    dropped = composite(voice, gapped)  # speech lost is not silence kept
    assert math.isfinite(dropped.llr) and dropped.ssnr < 30.0 and dropped.llr > 0.0


def test_a_louder_copy_keeps_its_envelope(voice: np.ndarray) -> None:
    assert log_likelihood_ratio(voice, 0.5 * voice) == pytest.approx(0.0, abs=1e-6)
    assert weighted_spectral_slope(voice, 0.5 * voice, divisor=1.0) < 1.0
    assert segmental_snr(voice, 0.9 * voice) == pytest.approx(20.0, abs=1e-3)
    assert segmental_snr(voice, 0.5 * voice) == pytest.approx(20.0 * math.log10(2.0), abs=1e-3)
    assert segmental_snr(voice, 0.999 * voice) == 35.0 and segmental_snr(voice, -9.0 * voice) == -10.0


def test_segmental_snr_is_a_mean_of_decibels() -> None:
    x = noise(64_000, 0)
    gain = np.where(np.arange(64_000) < 32_000, 0.9, 0.0).astype(np.float32)  # 20 dB, then 0 dB
    assert segmental_snr(x, gain * x) == pytest.approx(10.0, abs=0.1)


def test_more_noise_is_worse_in_every_measure(voice: np.ndarray) -> None:
    graded = [composite(voice, voice + gain * noise(len(voice))) for gain in (0.0003, 0.003, 0.03)]
    for name, sign in (("csig", 1), ("cbak", 1), ("covl", 1), ("ssnr", 1), ("llr", -1), ("wss", -1)):
        values = [sign * getattr(one, name) for one in graded]
        assert values == sorted(values, reverse=True), name
    assert all(1.0 <= getattr(one, name) <= 5.0 for one in graded for name in ("csig", "cbak", "covl"))
    worst = graded[-1]
    assert worst.cbak == pytest.approx(1.634 + 0.478 * worst.pesq - 0.007 * worst.wss + 0.063 * worst.ssnr)


def test_llr_of_two_resonators_is_that_of_their_theory() -> None:
    clean_a, test_a = np.array([1.0, -0.9]), np.array([1.0, -0.3])
    excitation = noise(160_000)
    measured = log_likelihood_ratio(lfilter([1.0], clean_a, excitation), lfilter([1.0], test_a, excitation))
    R = toeplitz([1.0, 0.9])
    theory = math.log((test_a @ R @ test_a) / (clean_a @ R @ clean_a))
    assert measured == pytest.approx(theory, rel=0.15)  # 30 ms frames, and their worst twentieth left out


def test_predictors_solve_the_normal_equations() -> None:
    frames = lfilter([1.0], [1.0, -1.2, 0.6], noise(5 * WINDOW)).reshape(5, WINDOW)
    frames[4] = 0.0
    R = _autocorrelation(frames)
    a = _predictor(R)
    for frame in range(4):
        expected = solve_toeplitz(R[frame, :-1], R[frame, 1:])
        assert np.allclose(-a[frame, 1:], expected, atol=1e-8)
        lags = [float(frames[frame, : WINDOW - k] @ frames[frame, k:]) for k in range(LPC_ORDER + 1)]
        assert np.allclose(R[frame], lags, rtol=1e-6)
    assert np.array_equal(a[4], np.eye(LPC_ORDER + 1)[0])


def test_nearest_peaks_are_found_by_walking_uphill() -> None:
    energy = np.random.default_rng(0).normal(size=(40, 25))
    slope = np.diff(energy, axis=1)
    found = _nearest_peaks(energy, slope)
    for frame in range(40):
        for band in range(24):
            place = band
            if slope[frame, band] > 0:
                while place + 1 < 24 and slope[frame, place + 1] > 0:
                    place += 1
            else:
                while place > 0 and slope[frame, place - 1] <= 0:
                    place -= 1
            assert found[frame, band] == energy[frame, place]


def test_wss_sees_slopes_and_not_levels() -> None:
    x = noise(32_000)
    tilted = lfilter([1.0, -0.95], [1.0], x)
    assert weighted_spectral_slope(x, tilted, 1.0) > 5.0 * weighted_spectral_slope(x, 3.0 * x, 1.0)
    assert weighted_spectral_slope(x, 3.0 * x, 1.0) < 1e-6


def test_what_cannot_be_judged_says_why(voice: np.ndarray) -> None:
    silent = composite(np.zeros(16_000), voice[:16_000])
    assert math.isnan(silent.csig) and math.isnan(silent.ssnr) and silent.reason == "silent"
    assert math.isnan(segmental_snr(np.zeros(16_000), voice[:16_000]))
    with pytest.raises(ValueError, match="one length"):
        segmental_snr(voice, voice[:-1])
    with pytest.raises(ValueError, match="at least 600"):
        weighted_spectral_slope(voice[:599], voice[:599])
