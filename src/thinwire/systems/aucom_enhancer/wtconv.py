"""Wavelet convolution WTConv2d (Finder et al. 2024, the paper's [69]; facts 3.2): small kernels on Haar sub-bands."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

KERNEL = 5
SUB_BAND_SCALE = 0.1
"""Where the scale of the sub-bands' convolutions starts: at first the layer is nearly its base convolution."""


def haar(x: Tensor) -> Tensor:
    """Orthonormal two-dimensional Haar analysis of x (B, H, W, C), H and W even, to (B, H / 2, W / 2, 4 C).

    Sub-bands in order: low, difference along H, difference along W, along both. Energy is kept.
    """
    even, odd = x.unflatten(1, (-1, 2)).unbind(2)
    low, high = (part.unflatten(2, (-1, 2)).unbind(3) for part in (even + odd, even - odd))
    return 0.5 * torch.cat([low[0] + low[1], high[0] + high[1], low[0] - low[1], high[0] - high[1]], -1)


def inverse_haar(bands: Tensor) -> Tensor:
    """Inverse of `haar`: (B, H / 2, W / 2, 4 C) to (B, H, W, C)."""
    ll, hl, lh, hh = (0.5 * bands).chunk(4, -1)
    low = torch.stack([ll + lh, ll - lh], 3).flatten(2, 3)
    high = torch.stack([hl + hh, hl - hh], 3).flatten(2, 3)
    return torch.stack([low + high, low - high], 2).flatten(1, 2)


class WaveletConv(nn.Module):
    """Depthwise convolution of x (B, C, H, W) to the same shape whose field doubles with each of `levels` levels.

    x goes through a 5 x 5 depthwise convolution with bias and a scale a channel; at each level the low band goes
    through a Haar analysis, its four sub-bands through 5 x 5 depthwise convolutions with scales, and back; all is
    added. Odd sizes are padded with zeros and cut again.
    """

    def __init__(self, channels: int, levels: int = 1) -> None:
        super().__init__()
        self.base = nn.Conv2d(channels, channels, KERNEL, padding=KERNEL // 2, groups=channels)
        self.base_scale = nn.Parameter(torch.ones(channels, 1, 1))
        self.bands = nn.ModuleList(
            nn.Conv2d(4 * channels, 4 * channels, KERNEL, padding=KERNEL // 2, groups=4 * channels, bias=False)
            for _ in range(levels)
        )
        self.band_scales = nn.ParameterList(torch.full((4 * channels, 1, 1), SUB_BAND_SCALE) for _ in range(levels))

    def forward(self, x: Tensor) -> Tensor:
        assert self.base.bias is not None
        weight, bias = self.base.weight * self.base_scale.unsqueeze(1), self.base.bias * self.base_scale.flatten()
        base = functional.conv2d(x, weight, bias, padding=KERNEL // 2, groups=len(weight))
        return base + self._level(x, 0)

    def _level(self, low: Tensor, level: int) -> Tensor:
        """What `level` and those below it add to its input, the low band (B, C, H, W) of the level above."""
        height, width = low.shape[-2:]
        padded = functional.pad(low, (0, width % 2, 0, height % 2))
        bands = haar(padded.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        weight = self.bands[level].weight * self.band_scales[level].unsqueeze(1)
        filtered = functional.conv2d(bands, weight, padding=KERNEL // 2, groups=len(weight))
        if level + 1 < len(self.bands):
            channels = low.shape[1]
            below = self._level(bands[:, :channels], level + 1)
            filtered = torch.cat([filtered[:, :channels] + below, filtered[:, channels:]], 1)
        return inverse_haar(filtered.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)[..., :height, :width]
