"""Causal STFT against librosa, what each frame sees, inverse, compression by a power."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from thinwire.signal.causal_stft import (
    WINDOW_POWER,
    as_complex,
    as_pairs,
    causal_istft,
    causal_stft,
    compress,
    expand,
    frames_of,
    hann,
)

N_FFT, HOP = 64, 16


def noise(samples: int, seed: int = 0) -> Tensor:
    return torch.randn(2, samples, generator=torch.Generator().manual_seed(seed))


def test_equals_librosa_on_a_signal_with_silence_before_it() -> None:
    x = noise(16_000).double()
    ours = causal_stft(x, 640, 160).numpy()
    frames = frames_of(16_000, 160)
    padded = np.pad(x.numpy(), ((0, 0), (480, frames * 160 - 16_000)))
    theirs = librosa.stft(padded, n_fft=640, hop_length=160, center=False)
    assert ours.shape == theirs.shape == (2, 321, frames)
    assert np.abs(ours - theirs).max() < 1e-9 * np.abs(theirs).max()


@given(st.integers(0, 400))
def test_a_frame_sees_no_sample_after_its_hop(sample: int) -> None:
    x = noise(401)
    changed = x.clone()
    changed[:, sample] += 1.0
    differs = (causal_stft(x, N_FFT, HOP) - causal_stft(changed, N_FFT, HOP)).abs().amax((0, 1)) > 0
    seen = differs.nonzero().flatten()
    assert sample // HOP <= seen.min() and seen.max() <= sample // HOP + 3


@given(st.integers(1, 900), st.integers(0, 3))
def test_inverse_for_any_length(length: int, seed: int) -> None:
    x = noise(length, seed)
    X = causal_stft(x, N_FFT, HOP)
    assert X.shape[2] == frames_of(length, HOP) and X.shape[2] % 4 == 0
    assert torch.allclose(causal_istft(X, N_FFT, HOP, length), x, atol=1e-5)


def test_a_sample_is_final_with_its_fourth_frame() -> None:
    X = causal_stft(noise(640), N_FFT, HOP)
    whole = causal_istft(X, N_FFT, HOP, 640)
    for frames in (4, 9, 22):
        final = (frames - 3) * HOP
        assert torch.equal(causal_istft(X[..., :frames], N_FFT, HOP, final), whole[:, :final])


def test_squared_windows_sum_to_a_constant() -> None:
    squares = hann(640, torch.device("cpu"), torch.float64).square().view(4, 160).sum(0)
    assert torch.allclose(squares, torch.full_like(squares, WINDOW_POWER), atol=1e-12)


def test_too_few_frames_and_other_overlaps_are_refused() -> None:
    X = causal_stft(noise(320), N_FFT, HOP)
    with pytest.raises(ValueError, match="hold 336 samples, not 337"):
        causal_istft(X, N_FFT, HOP, 337)
    with pytest.raises(ValueError, match="four hops"):
        causal_stft(noise(320), 64, 32)
    with pytest.raises(ValueError, match="four hops"):
        causal_istft(X, 64, 32, 10)


@pytest.mark.parametrize("power", [0.2, 0.3, 0.7, 1.0])
def test_compression_keeps_the_phase_and_takes_the_power_of_the_magnitude(power: float) -> None:
    X = causal_stft(noise(320).double(), N_FFT, HOP)
    compressed = as_complex(compress(as_pairs(X), torch.tensor(power, dtype=torch.float64)))
    assert torch.allclose(compressed.abs(), X.abs() ** power)
    assert torch.allclose(compressed * X.abs(), X * compressed.abs())


@pytest.mark.parametrize("power", [0.2, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("level", [1e-9, 1e-4, 1.0, 300.0])
def test_expansion_undoes_compression_at_every_level(power: float, level: float) -> None:
    pairs = level * noise(320).view(1, 2, 8, 40)
    back = expand(compress(pairs, power), power)
    assert torch.allclose(back, pairs, rtol=1e-4, atol=1e-5 * level)


def test_silence_has_finite_gradients() -> None:
    pairs, power = torch.zeros(1, 2, 3, 4, requires_grad=True), torch.tensor(0.3, requires_grad=True)
    expand(compress(pairs, power), power).square().sum().backward()
    compress(pairs, power).sum().backward()
    assert pairs.grad is not None and pairs.grad.isfinite().all()
    assert power.grad is not None and power.grad.isfinite()


@pytest.mark.parametrize("function", [compress, expand])
def test_gradients_of_signal_and_power(function: object) -> None:
    pairs = noise(8).double().view(1, 2, 2, 4).requires_grad_()
    power = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (pairs, power))  # type: ignore[arg-type]
