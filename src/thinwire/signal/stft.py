"""Short-time Fourier transform, its inverse, and Griffin-Lim, for any leading dimensions.

Defaults are those of the distributed speech coding paper (section 4, Feature Extraction): 2048-sample periodic Hann
window, hop 512, at 16 kHz.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

N_FFT = 2048
HOP_LENGTH = 512


@lru_cache(maxsize=64)
def _window(name: str, n_fft: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """A periodic window; `sqrt_hann` gives perfect reconstruction when it is used for analysis and synthesis."""
    if name not in ("hann", "sqrt_hann"):
        raise ValueError(f"window is {name!r}; known windows: 'hann', 'sqrt_hann'")
    # Made outside inference mode, because a tensor born inside it could not be used in training later on.
    with torch.inference_mode(False):
        window = torch.hann_window(n_fft, periodic=True, device=device, dtype=dtype)
        return window.sqrt() if name == "sqrt_hann" else window


def stft(
    x: Tensor, n_fft: int = N_FFT, hop_length: int = HOP_LENGTH, window: str = "hann", center: bool = True
) -> Tensor:
    """Complex spectrum (..., F, T) of x (..., samples), F = n_fft // 2 + 1 (paper, Eq. 9 and 26).

    With `center`, frame t is centred on sample t * hop_length (edges reflected), so T = 1 + samples // hop_length;
    without, T = 1 + (samples - n_fft) // hop_length. Raises ValueError for a signal too short to hold a frame.
    """
    samples = x.shape[-1]
    shortest = n_fft // 2 + 1 if center else n_fft
    if samples < shortest:
        raise ValueError(f"signal has {samples} samples, an STFT with n_fft={n_fft} needs at least {shortest}")
    flat = x.reshape(-1, samples)
    spectrum = torch.stft(
        flat,
        n_fft,
        hop_length,
        window=_window(window, n_fft, x.device, x.dtype),
        center=center,
        pad_mode="reflect",
        return_complex=True,
    )
    return spectrum.reshape(*x.shape[:-1], *spectrum.shape[-2:])


def istft(
    X: Tensor, n_fft: int = N_FFT, hop_length: int = HOP_LENGTH, length: int | None = None, window: str = "hann"
) -> Tensor:
    """Waveform (..., length) of a centred spectrum X (..., F, T) by weighted overlap-add; inverse of `stft`.

    `length` in samples; without it the end is cut to hop_length * (T - 1).
    """
    flat = X.reshape(-1, *X.shape[-2:])
    x = torch.istft(
        flat, n_fft, hop_length, window=_window(window, n_fft, X.device, X.real.dtype), center=True, length=length
    )
    return x.reshape(*X.shape[:-2], x.shape[-1])


def griffin_lim(
    magnitude: Tensor,
    n_fft: int = N_FFT,
    hop_length: int = HOP_LENGTH,
    length: int | None = None,
    n_iter: int = 32,
    seed: int = 0,
) -> Tensor:
    """Waveform (..., length) whose magnitude spectrum is near `magnitude` (..., F, T), from a seeded random phase.

    Fast Griffin-Lim (Perraudin et al. 2013, momentum 0.99) of torchaudio; linear magnitude in, no compression.
    """
    from torchaudio.functional import griffinlim

    devices = [magnitude.device] if magnitude.device.type == "cuda" else []
    # torchaudio draws the first phase from the global generator: it is seeded inside a fork, so nothing else changes.
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        return griffinlim(
            magnitude,
            window=_window("hann", n_fft, magnitude.device, magnitude.dtype),
            n_fft=n_fft,
            hop_length=hop_length,
            win_length=n_fft,
            power=1.0,
            n_iter=n_iter,
            momentum=0.99,
            length=length,
            rand_init=True,
        )
