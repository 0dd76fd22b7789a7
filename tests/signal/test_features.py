"""Power compression near zero, mel features against librosa."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thinwire.signal import mel_filterbank, power_compress, power_expand


@given(st.floats(0.1, 1.0), st.floats(-9, 4), st.floats(-3.2, 3.2))
def test_expand_inverts_compress_and_keeps_phase(power: float, exponent: float, angle: float) -> None:
    X = torch.polar(torch.tensor(10.0**exponent, dtype=torch.float64), torch.tensor(angle, dtype=torch.float64))
    Y = power_compress(X, power)
    assert torch.allclose(Y.angle(), X.angle(), atol=1e-9)
    assert torch.allclose(power_expand(Y, power), X, rtol=1e-9, atol=0)


def test_compress_is_the_power_law_above_the_floor() -> None:
    X = torch.tensor([1e-4, 0.01, 1.0, 4.0, 100.0])
    assert torch.allclose(power_compress(X, 0.5), X.sqrt())


@pytest.mark.parametrize("function", [power_compress, power_expand])
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_silence_has_finite_gradients(function, dtype: torch.dtype) -> None:
    X = torch.zeros(4, 5, dtype=dtype, requires_grad=True)
    Y = function(X, 0.3)
    assert (Y == 0).all()
    (Y.real.sum() + Y.abs().sum()).backward()
    assert X.grad is not None and torch.isfinite(torch.view_as_real(X.grad) if X.grad.is_complex() else X.grad).all()


@pytest.mark.parametrize("n_mels,f_max", [(80, None), (40, 7600.0)])
def test_filterbank_equals_librosa(n_mels: int, f_max: float | None) -> None:
    theirs = librosa.filters.mel(sr=16_000, n_fft=1024, n_mels=n_mels, fmin=20.0, fmax=f_max)
    assert np.abs(mel_filterbank(1024, n_mels, 16_000, 20.0, f_max).numpy() - theirs).max() < 1e-4 * theirs.max()
