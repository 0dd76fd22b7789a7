"""What encoders and decoders of maps are stacked from (facts 4.2)."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional


def keep_scale(net: nn.Module) -> None:
    """Initialise a net so that signals keep their scale through GELUs: weights N(0, 2 / fan-in), biases 0, residual
    branches 0. With torch's own start the latents of three levels are 0.01 of the input, and the codebook collapses.
    """
    for module in net.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            taps = module.weight[0].numel()
            if isinstance(module, nn.ConvTranspose2d):  # a value reaches 1 in stride^2 of the kernel's places
                taps = module.in_channels * module.weight[0, 0].numel() // math.prod(module.stride)
            nn.init.normal_(module.weight, std=math.sqrt(2.0 / taps))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in net.modules():
        if isinstance(module, ResidualLayer):
            nn.init.zeros_(module.narrow.weight)


class ResidualLayer(nn.Module):
    """x + conv1x1(GELU(conv3x3(GELU(x)))) of maps (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.wide = nn.Conv2d(channels, channels, 3, padding=1)
        self.narrow = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.wide(functional.gelu(x))
        return x + self.narrow(functional.gelu(y))


def residual_stack(channels: int, layers: int) -> nn.Sequential:
    """`layers` residual layers and a GELU."""
    return nn.Sequential(*(ResidualLayer(channels) for _ in range(layers)), nn.GELU())


def down(channels: int, levels: int, layers: int) -> nn.Sequential:
    """`levels` levels of a residual stack and a 4x4 convolution of stride 2 that doubles the channels:
    (B, C, H, W) to (B, C 2^levels, H / 2^levels, W / 2^levels).
    """
    parts: list[nn.Module] = []
    for level in range(levels):
        width = channels << level
        parts += [residual_stack(width, layers), nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)]
    return nn.Sequential(*parts)


def up(channels: int, levels: int, layers: int) -> nn.Sequential:
    """The mirror of `down`, by transposed convolutions: ends with `channels` channels."""
    parts: list[nn.Module] = []
    for level in reversed(range(levels)):
        width = channels << level
        parts += [nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1), residual_stack(width, layers)]
    return nn.Sequential(*parts)
