"""Encoder and decoder of maps (C, H, W): images, mel frames, spectra (facts 4.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from thinwire.params.neural_dsc import Form, NdscConv
from thinwire.systems.neural_dsc.blocks import down, residual_stack, up


class ConvEncoder(nn.Module):
    """`width` channels of x beside `width` channels of y, levels of residual stacks and strides, a 1x1 convolution.

    Where the encoder has no side information the channels of y are zeros, so that what follows has equal width in all
    forms (facts 4.2).
    """

    def __init__(self, channels: int, levels: int, form: Form, settings: NdscConv) -> None:
        super().__init__()
        width = settings.width
        self.source = nn.Conv2d(channels, width, 3, padding=1)
        self.side = nn.Conv2d(channels, width, 3, padding=1) if form == "joint" else None
        self.levels = down(2 * width, levels, settings.residual_layers)
        self.code = nn.Sequential(nn.GELU(), nn.Conv2d(2 * width << levels, settings.code_dim, 1))

    def forward(self, x: Tensor, y: Tensor | None, step: Tensor | None) -> Tensor:
        """Latents (B, D, H / 2^levels, W / 2^levels) of x and, in the joint form, y, both (B, C, H, W)."""
        source: Tensor = self.source(x)
        side = torch.zeros_like(source) if self.side is None or y is None else self.side(y)
        z: Tensor = self.code(self.levels(torch.cat([source, side], 1)))
        return z


class ConvDecoder(nn.Module):
    """The encoder's mirror; its first feature map stands beside that of the conditioning net.

    The SI net is a 3x3 convolution and a residual stack on y, the conditioning net an encoder-like stack on that. In
    the separate form, and where y is absent, zeros take the place of its map.
    """

    def __init__(self, channels: int, levels: int, form: Form, settings: NdscConv) -> None:
        super().__init__()
        width, layers = 2 * settings.width, settings.residual_layers
        top = width << levels
        self.first = nn.Conv2d(settings.code_dim, top, 1)
        self.condition = None if form == "separate" else nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), residual_stack(width, layers), down(width, levels, layers)
        )  # fmt: skip
        self.join = nn.Sequential(nn.GELU(), nn.Conv2d(2 * top, top, 1), nn.GELU())
        self.levels = up(width, levels, layers)
        self.last = nn.Conv2d(width, channels, 3, padding=1)

    def conditioning(self, y: Tensor) -> Tensor | None:
        """The conditioning map (B, C', h, w) of y (B, C, H, W); None in the separate form."""
        return None if self.condition is None else self.condition(y)

    def forward(self, z_q: Tensor, y: Tensor | None, step: Tensor | None) -> Tensor:
        """(B, C, H, W), without a last nonlinearity."""
        first: Tensor = self.first(z_q)
        condition = None if y is None else self.conditioning(y)
        if condition is None:
            condition = torch.zeros_like(first)
        out: Tensor = self.last(self.levels(self.join(torch.cat([first, condition], 1))))
        return out
