"""STFT against librosa, inverse, Griffin-Lim."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from thinwire.signal import griffin_lim, istft, stft


@pytest.mark.parametrize("n_fft,hop_length", [(2048, 512), (510, 128), (400, 100)])
@pytest.mark.parametrize("center", [True, False])
def test_stft_equals_librosa(n_fft: int, hop_length: int, center: bool) -> None:
    x = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    ours = stft(torch.from_numpy(x), n_fft, hop_length, center=center).numpy()
    theirs = librosa.stft(x, n_fft=n_fft, hop_length=hop_length, window="hann", center=center, pad_mode="reflect")
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 1e-4 * np.abs(theirs).max()


def test_one_second_has_32_frames_and_1025_bins() -> None:
    assert stft(torch.zeros(3, 4, 16_000)).shape == (3, 4, 1025, 32)


def test_leading_dimensions_are_independent() -> None:
    x = torch.randn(2, 3, 5000, generator=torch.Generator().manual_seed(0))
    X = stft(x, 512, 128)
    assert torch.allclose(X[1, 2], stft(x[1, 2], 512, 128), atol=1e-5)


@pytest.mark.parametrize("window", ["hann", "sqrt_hann"])
@pytest.mark.parametrize("length", [16_000, 15_999, 1025])
def test_istft_inverts(window: str, length: int) -> None:
    x = torch.randn(2, length, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(istft(stft(x, window=window), length=length, window=window), x, atol=1e-4)


def test_istft_passes_gradients() -> None:
    X = torch.zeros(1025, 32, dtype=torch.complex64, requires_grad=True)
    istft(X, length=16_000).square().sum().backward()
    assert X.grad is not None and torch.isfinite(torch.view_as_real(X.grad)).all()


def test_window_made_in_inference_mode_serves_training() -> None:
    with torch.inference_mode():
        stft(torch.zeros(4000), 1000, 250)
    x = torch.randn(4000, requires_grad=True)
    stft(x, 1000, 250).abs().square().sum().backward()
    assert x.grad is not None


def test_short_signal_and_unknown_window_are_refused() -> None:
    with pytest.raises(ValueError, match="needs at least 1025"):
        stft(torch.zeros(1024))
    with pytest.raises(ValueError, match="needs at least 2048"):
        stft(torch.zeros(2047), center=False)
    with pytest.raises(ValueError, match="known windows"):
        stft(torch.zeros(4096), window="kaiser")


def _voiced() -> torch.Tensor:
    t = torch.arange(16_000) / 16_000
    return 0.1 * sum(torch.sin(2 * torch.pi * 140 * k * t) / k for k in range(1, 20)) * (1 + torch.sin(9 * t))


def test_griffin_lim_is_seeded_and_keeps_the_global_generator() -> None:
    magnitude = stft(_voiced()).abs()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = griffin_lim(magnitude, length=16_000, seed=1)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first, griffin_lim(magnitude, length=16_000, seed=1))
    assert not torch.equal(first, griffin_lim(magnitude, length=16_000, seed=2))


def test_griffin_lim_finds_a_waveform_of_the_magnitude() -> None:
    magnitude = stft(torch.stack([_voiced(), 0.5 * _voiced().flip(0)])).abs()
    x = griffin_lim(magnitude, length=16_000)
    assert x.shape == (2, 16_000)
    error = (stft(x).abs() - magnitude).square().sum() / magnitude.square().sum()
    assert 10 * torch.log10(error) < -15
