"""Mel features at the door of a network on the server: in units that it likes, and varied while it learns."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from thinwire.kaldi import FRAME_RATE
from thinwire.params.aucom_tasks import Variation

_LEAST_STD = 1e-3


class MelInput(nn.Module):
    """Features f (B, H, L) less the mean of each mel and over its standard deviation, both of training items."""

    mean: Tensor
    std: Tensor

    def __init__(self, n_mels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_mels))
        self.register_buffer("std", torch.ones(n_mels))

    @torch.no_grad()
    def fit(self, f: Tensor) -> None:
        """Take mean and deviation from features (n, H, L)."""
        self.mean.copy_(f.mean((0, 2)))
        self.std.copy_(f.std((0, 2)).clamp(min=_LEAST_STD))

    def forward(self, f: Tensor) -> Tensor:
        return (f - self.mean[:, None]) / self.std[:, None]

    def varied(self, f: Tensor, settings: Variation, generator: torch.Generator) -> Tensor:
        """Features (B, H, L) at other levels, with stretches of mels and of time at their mean; drawn item by item."""
        batch, n_mels, frames = f.shape
        gain = settings.gain_db * math.log(10.0) / 10.0 * (2.0 * torch.rand(batch, generator=generator) - 1.0)
        hidden = torch.zeros(batch, n_mels, frames, dtype=torch.bool)
        for _ in range(settings.masks):
            hidden |= _stretches(batch, n_mels, settings.mels, generator)[:, :, None]
            hidden |= _stretches(batch, frames, round(settings.time_s * FRAME_RATE), generator)[:, None, :]
        return torch.where(hidden.to(f.device), self.mean[:, None], f + gain[:, None, None].to(f))


def _stretches(batch: int, length: int, longest: int, generator: torch.Generator) -> Tensor:
    """Bool (batch, length): in each row one stretch of 0 to `longest` places, anywhere."""
    size = torch.rand(batch, generator=generator) * min(longest, length)
    start = torch.rand(batch, generator=generator) * (length - size)
    place = torch.arange(length)
    return (place >= start[:, None]) & (place < (start + size)[:, None])
