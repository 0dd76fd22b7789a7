"""Causal short-time Fourier transform and compression of complex spectra by a learnable power (TF-Codec).

Frame t sees samples [hop_length t - (n_fft - hop_length), hop_length (t + 1)), zeros before sample 0, so nothing waits
for samples that a live coder has not got yet (facts 2.4.12; the published code centres its frames). Four hops a window:
a periodic Hann window in analysis and synthesis, whose squares sum to 1.5 everywhere.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from thinwire.params.tfcodec import STEP_FRAMES

WINDOW_POWER = 1.5
"""Sum of the squared periodic Hann windows over a sample, four hops a window."""

FLOOR = 1e-7
"""Squared magnitude below which compression is a straight line, for a finite gradient in silence (facts 2.2: eps)."""


@lru_cache(maxsize=16)
def hann(n_fft: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Periodic Hann window of `n_fft` samples."""
    # Made outside inference mode, because a tensor born inside it could not be used in training later on.
    with torch.inference_mode(False):
        return torch.hann_window(n_fft, periodic=True, device=device, dtype=dtype)


def frames_of(samples: int, hop_length: int) -> int:
    """Frames of a signal: as many as bring its last sample into four frames, rounded up to whole steps."""
    return STEP_FRAMES * -(-(samples + 3 * hop_length) // (STEP_FRAMES * hop_length))


def causal_stft(x: Tensor, n_fft: int, hop_length: int) -> Tensor:
    """Complex spectrum (B, F, T) of x (B, N), F = n_fft // 2 + 1 and T = `frames_of(N)`; N is padded with zeros."""
    _four_hops(n_fft, hop_length)
    frames = frames_of(x.shape[-1], hop_length)
    padded = functional.pad(x, (n_fft - hop_length, frames * hop_length - x.shape[-1]))
    windowed = padded.unfold(-1, n_fft, hop_length) * hann(n_fft, x.device, x.dtype)
    return torch.fft.rfft(windowed).transpose(1, 2)


def causal_istft(X: Tensor, n_fft: int, hop_length: int, length: int) -> Tensor:
    """Waveform (B, length) of a causal spectrum X (B, F, T) by weighted overlap-add; inverse of `causal_stft`.

    Sample n is final with frame (n + n_fft - hop_length) // hop_length. Raises ValueError where X has too few frames.
    """
    _four_hops(n_fft, hop_length)
    batch, _, frames = X.shape
    blocks = frames - 3
    if blocks * hop_length < length:
        held = max(blocks, 0) * hop_length
        raise ValueError(f"{frames} frames of hop {hop_length} hold {held} samples, not {length}")
    window = hann(n_fft, X.device, X.real.dtype)
    segments = torch.fft.irfft(X.transpose(1, 2), n_fft) * window
    quarters = segments.reshape(batch, frames, 4, hop_length)
    # block m of hop_length samples is the last quarter of frame m, the third of frame m + 1, ...
    x = sum(quarters[:, 3 - j : 3 - j + blocks, j] for j in range(4))
    return x.reshape(batch, -1)[:, :length] / WINDOW_POWER  # type: ignore[union-attr]


def _four_hops(n_fft: int, hop_length: int) -> None:
    if n_fft != 4 * hop_length:
        raise ValueError(f"n_fft {n_fft} and hop_length {hop_length}: a causal STFT has four hops a window")


def as_pairs(X: Tensor) -> Tensor:
    """Complex (B, F, T) to real and imaginary part (B, 2, F, T), without copying."""
    return torch.view_as_real(X).permute(0, 3, 1, 2)


def as_complex(pairs: Tensor) -> Tensor:
    """Inverse of `as_pairs`."""
    return torch.view_as_complex(pairs.permute(0, 2, 3, 1).contiguous())


def compress(pairs: Tensor, power: Tensor | float) -> Tensor:
    """|X|^power with the phase kept, for real and imaginary part (B, 2, ...) (section III-B); `power` may learn."""
    energy = pairs.square().sum(1, keepdim=True)
    return pairs * energy.clamp(min=FLOOR) ** ((power - 1.0) * 0.5)


def expand(pairs: Tensor, power: Tensor | float) -> Tensor:
    """Inverse of `compress` with the same power, exact everywhere."""
    energy = pairs.square().sum(1, keepdim=True)
    floor = torch.as_tensor(FLOOR, dtype=pairs.dtype, device=pairs.device) ** power
    return pairs * torch.maximum(energy, floor) ** ((1.0 / power - 1.0) * 0.5)
