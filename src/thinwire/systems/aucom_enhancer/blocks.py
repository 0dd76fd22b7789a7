"""The parts of encoder and decoders, on maps (B, C, T, F): frames by bins."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from thinwire.params.aucom_enhancer import EnhancerShape
from thinwire.systems.aucom_enhancer.norm import NormAct
from thinwire.systems.aucom_enhancer.performer import PerformerBlock
from thinwire.systems.aucom_enhancer.wtconv import WaveletConv


class WtDenseLayer(nn.Module):
    """PReLU(IN(WTConv(GELU(Conv(x))))) (Eq. 7); kernel 2 x 3 and causal dilation in time, MP-SENet's (facts 3.2)."""

    def __init__(self, in_channels: int, channels: int, dilation: int, levels: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.conv = nn.Conv2d(in_channels, channels, (2, 3), dilation=(dilation, 1), padding=(0, 1))
        self.wavelet = WaveletConv(channels, levels)
        self.norm_act = NormAct(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(functional.pad(x, (0, 0, self.dilation, 0)))
        return self.norm_act(self.wavelet(functional.gelu(x)))


class WtDenseBlock(nn.Module):
    """Layers of which each sees the block's input and what all layers before it gave; the last one's output counts."""

    def __init__(self, shape: EnhancerShape) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            WtDenseLayer((i + 1) * shape.channels, shape.channels, 2**i, shape.wavelet_levels)
            for i in range(shape.dense_layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for layer in self.layers:
            x = layer(seen)
            seen = torch.cat([x, seen], 1)
        return x


class TimeFrequencyPerformer(nn.Module):
    """A Performer over the frames of each bin, then one over the bins of each frame, each added to its input."""

    def __init__(self, shape: EnhancerShape) -> None:
        super().__init__()
        self.time, self.frequency = (
            PerformerBlock(shape.channels, shape.heads, shape.random_features, shape.expansion) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        batch, _, frames, bins = x.shape
        x = x.permute(0, 3, 2, 1).flatten(0, 1)
        x = x + self.time(x)
        x = x.unflatten(0, (batch, bins)).transpose(1, 2).flatten(0, 1)
        x = x + self.frequency(x)
        return x.unflatten(0, (batch, frames)).permute(0, 3, 1, 2)


class Upsample(nn.Sequential):
    """Transposed convolution over bins, half of F - 1 to F, then norm and PReLU; undoes the encoder's stride."""

    def __init__(self, channels: int) -> None:
        super().__init__(nn.ConvTranspose2d(channels, channels, (1, 3), (1, 2)), NormAct(channels))


class LearnableSigmoid(nn.Module):
    """W / (1 + exp(-b x)) with a slope b for each of the last dimension's `width` values, from 1 (Eq. 8).

    Two readings: the printed exponent 1 - b x should be -b x (facts 3.4.4); W stays fixed, as in MP-SENet.
    """

    def __init__(self, width: int, W: float) -> None:
        super().__init__()
        self.W = W
        self.slope = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.W * torch.sigmoid(self.slope * x)
