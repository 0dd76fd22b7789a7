"""Features on spectra: power compression of magnitudes and mel filters."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

COMPRESSION_FLOOR = 1e-5


def power_compress(X: Tensor, power: float) -> Tensor:
    """|X|^power with the phase (or sign) of X kept, for real or complex X of any shape.

    Below the magnitude COMPRESSION_FLOOR the curve goes on as a straight line to zero, so that silence has a finite
    gradient and `power_expand` is the exact inverse everywhere.
    """
    if power == 1.0:
        return X
    return X * X.abs().clamp(min=COMPRESSION_FLOOR) ** (power - 1.0)


def power_expand(X: Tensor, power: float) -> Tensor:
    """Inverse of `power_compress`: the magnitude to the power 1/power, phase kept."""
    if power == 1.0:
        return X
    return X * X.abs().clamp(min=COMPRESSION_FLOOR**power) ** (1.0 / power - 1.0)


@lru_cache(maxsize=32)
def mel_filterbank(
    n_fft: int, n_mels: int, sample_rate: int = 16_000, f_min: float = 0.0, f_max: float | None = None
) -> Tensor:
    """Triangular filters (n_mels, F) on Slaney's mel scale with unit area each; frequencies in Hz."""
    from torchaudio.functional import melscale_fbanks

    with torch.inference_mode(False):
        filters = melscale_fbanks(
            n_fft // 2 + 1,
            f_min,
            sample_rate / 2 if f_max is None else f_max,
            n_mels,
            sample_rate,
            norm="slaney",
            mel_scale="slaney",
        )
        return filters.T.contiguous()
