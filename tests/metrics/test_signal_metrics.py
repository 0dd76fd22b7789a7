"""PSNR, spectral SNR, phase error, log-spectral distance and SI-SDR against their closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinwire.metrics import log_spectral_distance, phase_error, psnr, si_sdr, spectral_snr


def test_psnr_of_a_constant_error() -> None:
    x = np.random.default_rng(0).random((2, 5, 7)).astype(np.float32)
    assert np.allclose(psnr(x, x + 0.01, 1.0), 40.0, atol=1e-3)
    assert np.allclose(psnr(x, x + 0.01, np.array([1.0, 10.0])), [40.0, 60.0], atol=1e-3)
    assert psnr(x[0], x[0], 1.0) == math.inf
    assert psnr(x[0], x[0] + 1.0, 255.0) == pytest.approx(48.13, abs=0.01)


def test_psnr_of_complex_spectra_counts_both_parts() -> None:
    x = np.zeros((3, 4), np.complex64)
    assert psnr(x, x + (0.03 + 0.04j), 1.0) == pytest.approx(20 * math.log10(1 / 0.05), abs=1e-4)


def test_spectral_snr_closed_form_and_silence() -> None:
    x = np.ones((2, 3, 4))
    assert np.allclose(spectral_snr(x, 0.9 * x), 20.0)
    assert spectral_snr(x[0], 0 * x[0]) == pytest.approx(0.0)
    assert np.isnan(spectral_snr(0 * x[0], x[0])) and spectral_snr(x[0], x[0]) == math.inf


@given(st.floats(-20, 20), st.integers(-3, 3))
def test_phase_error_does_not_see_whole_turns(difference: float, turns: int) -> None:
    phase = np.random.default_rng(0).uniform(-np.pi, np.pi, (4, 5))
    expected = abs(math.remainder(difference, 2 * math.pi))
    assert phase_error(phase, phase + difference + turns * 2 * np.pi) == pytest.approx(expected, abs=1e-9)


def test_unrelated_phases_err_by_half_pi_and_weights_count() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-np.pi, np.pi, (2, 3, 200, 200))
    assert np.allclose(phase_error(a, b), np.pi / 2, atol=0.02)
    weight = np.zeros((200, 200))
    assert np.isnan(phase_error(a[0], b[0], weight))
    weight[0, 0] = 2.0
    assert phase_error(a[0], a[0] + weight, weight) == pytest.approx(2.0)


@given(st.floats(-20, 20), st.floats(-20, 20), st.floats(1e-3, 1e3))
def test_log_spectral_distance_of_gains(low_db: float, high_db: float, scale: float) -> None:
    """Bins 0 to 8 kHz in 1 kHz steps, one gain below 4 kHz, another from there on; the scale of both is no matter."""
    x = scale * np.exp(1j * np.random.default_rng(0).uniform(-3, 3, (2, 9, 5)))
    x_hat = x * 10.0 ** (np.array([low_db] * 4 + [high_db] * 5) / 20.0)[:, None]
    assert np.allclose(log_spectral_distance(x, x_hat, (4000.0, 8000.0)), abs(high_db), atol=1e-6)
    assert np.allclose(log_spectral_distance(x, x_hat, (0.0, 3999.0)), abs(low_db), atol=1e-6)
    both = math.sqrt((4 * low_db**2 + 5 * high_db**2) / 9)
    assert np.allclose(log_spectral_distance(x, x_hat), both, atol=1e-6)


def test_log_spectral_distance_averages_frames_and_ends_at_its_floor() -> None:
    x = np.ones((3, 2))
    assert log_spectral_distance(x, x * [1.0, 10.0]) == pytest.approx(10.0)
    assert log_spectral_distance(x, 0 * x) == pytest.approx(80.0)
    assert log_spectral_distance(x, 0 * x, floor_db=30.0) == pytest.approx(30.0)
    quiet = np.array([[1.0], [1e-6], [1e-6]])
    assert log_spectral_distance(quiet, quiet * [[1.0], [0.01], [0.01]], (4000.0, 8000.0)) == 0.0
    assert np.isnan(log_spectral_distance(0 * x, x)) and np.isnan(log_spectral_distance(x, x, (8500.0, 9000.0)))
    assert log_spectral_distance(np.stack([x, 0 * x]), np.stack([x, x])).shape == (2,)


@given(st.floats(0.01, 100), st.floats(0.01, 100), st.floats(-1, 1))
def test_si_sdr_closed_form(gain: float, noise: float, offset: float) -> None:
    t = np.arange(1600) / 1600
    s, n = np.sin(2 * np.pi * 5 * t), np.cos(2 * np.pi * 9 * t)  # orthogonal, no mean, equal energy
    assert si_sdr(s, gain * s + noise * n + offset) == pytest.approx(20 * math.log10(gain / noise), abs=1e-6)
    assert si_sdr(7.0 * s + offset, gain * s + noise * n) == pytest.approx(20 * math.log10(gain / noise), abs=1e-6)


def test_si_sdr_edges_and_batch() -> None:
    s = np.random.default_rng(0).standard_normal((2, 3, 800))
    assert si_sdr(s, s + 0.1).shape == (2, 3)
    assert si_sdr(s[0, 0], 2.0 * s[0, 0]) > 200
    assert np.isnan(si_sdr(np.zeros(800), s[0, 0]))
    assert si_sdr(s[0, 0], np.zeros(800)) == -math.inf
