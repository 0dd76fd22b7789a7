"""A small noise-conditional U-Net that estimates scores, and denoising score matching."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from thinwire.errors import ParamError
from thinwire.nn.sde import OuveSde, ScoreFunction, over_batch


@dataclass(frozen=True)
class ScoreConfig:
    """Shape of a score network.

    `channels`: parts of a state (1 magnitude, 2 real and imaginary); `base`: width of the finest level; `multipliers`:
    width of each level over `base`, a level halving both axes; `blocks`: residual blocks a level; `fold`: neighbouring
    bins that become channels at the input; `fourier_scale`: spread of the time embedding's frequencies, 16 in NCSN++
    (a smaller one learns faster in short trainings); `residual_scale`: typical deviation of x0 - y, see `ScoreNetwork`.
    """

    channels: int = 1
    base: int = 32
    multipliers: tuple[int, ...] = (1, 2, 2)
    blocks: int = 1
    fold: int = 8
    fourier_scale: float = 16.0
    residual_scale: float = 0.1

    def __post_init__(self) -> None:
        if min(self.channels, self.base, self.blocks, self.fold, *self.multipliers) < 1 or self.base % 4:
            raise ParamError(f"score network {self}: sizes must be at least 1 and base a multiple of 4")
        if min(self.fourier_scale, self.residual_scale) <= 0.0:
            scales = f"fourier_scale {self.fourier_scale}, residual_scale {self.residual_scale}"
            raise ParamError(f"score network: {scales}; both must be positive")


class TimeEmbedding(nn.Module):
    """Gaussian Fourier features of log t, then two linear layers: (B,) -> (B, width) (NCSN++; method facts 1.6)."""

    frequencies: Tensor

    def __init__(self, features: int, width: int, scale: float) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.randn(features // 2) * scale)
        self.layers = nn.Sequential(nn.Linear(features, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())

    def forward(self, t: Tensor) -> Tensor:
        angle = 2.0 * math.pi * torch.log(t)[:, None] * self.frequencies
        return self.layers(torch.cat([torch.sin(angle), torch.cos(angle)], dim=1))


class TimedBlock(nn.Module):
    """Residual block: group norm, SiLU and 3 x 3 convolution twice, the time embedding added in between."""

    def __init__(self, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(math.gcd(inputs, 8), inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(embedding, outputs)
        self.norm2 = nn.GroupNorm(math.gcd(outputs, 8), outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        h = self.conv1(functional.silu(self.norm1(x)))
        h = h + self.time(embedding)[:, :, None, None]
        h = self.conv2(functional.silu(self.norm2(h)))
        return (self.skip(x) + h) / math.sqrt(2.0)


class UNet(nn.Module):
    """Residual U-Net over (B, inputs, H, W) at times (B,) to (B, outputs, H, W); H and W multiples of `stride`.

    Each coarser level halves both axes by averaging, and comes back by repetition beside the finer level's features.
    The last convolution starts at zero.
    """

    def __init__(self, inputs: int, outputs: int, config: ScoreConfig) -> None:
        super().__init__()
        widths = [config.base * m for m in config.multipliers]
        embedding = 4 * config.base
        self.stride = 2 ** (len(widths) - 1)
        self.time = TimeEmbedding(2 * config.base, embedding, config.fourier_scale)
        self.head = nn.Conv2d(inputs, widths[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        before = widths[0]
        for width in widths:
            self.down.append(_level(before, width, embedding, config.blocks))
            before = width
        self.middle = TimedBlock(before, before, embedding)
        for width in reversed(widths):
            self.up.append(_level(before + width, width, embedding, config.blocks))
            before = width
        self.norm = nn.GroupNorm(math.gcd(before, 8), before)
        self.tail = nn.Conv2d(before, outputs, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        assert self.tail.bias is not None
        nn.init.zeros_(self.tail.bias)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        embedding = self.time(t)
        h = self.head(x.contiguous(memory_format=torch.channels_last))  # a quarter faster on CPUs
        finer: list[Tensor] = []
        for level, blocks in enumerate(self.down):
            h = functional.avg_pool2d(h, 2) if level else h
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h, embedding)
            finer.append(h)
        h = self.middle(h, embedding)
        for level, blocks in enumerate(self.up):
            h = functional.interpolate(h, scale_factor=2.0) if level else h
            h = torch.cat([h, finer.pop()], dim=1)
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h, embedding)
        return self.tail(functional.silu(self.norm(h)))


def _level(inputs: int, width: int, embedding: int, blocks: int) -> nn.ModuleList:
    return nn.ModuleList(TimedBlock(inputs if i == 0 else width, width, embedding) for i in range(blocks))


class ScoreNetwork(nn.Module):
    """Score of x_t given y, states (B, C, F, T) at times (B,), under an OUVE process (paper 000, Eq. 16).

    The score is minus the noise estimate over std(t), SGMSE's convention (method facts 1.6). NCSN++ in spirit at a
    hundredth of its size. Frequencies are padded and folded into channels, so every bin, the last of 1025 too, has its
    score. Reading adopted for short training: the U-Net does not estimate the noise from nothing but what is left of it
    after the best linear guess from x_t - y for residuals x0 - y of deviation `residual_scale`. So an untrained network
    is the exact score for x0 ~ N(y, residual_scale^2), and the difference it sees has unit scale at all t.
    """

    def __init__(self, config: ScoreConfig, sde: OuveSde) -> None:
        super().__init__()
        self.config = config
        self.sde = sde
        self.unet = UNet(2 * config.channels * config.fold, config.channels * config.fold, config)

    def forward(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        if x.shape != y.shape or x.dim() != 4 or x.shape[1] != self.config.channels:
            shapes = f"{tuple(x.shape)} and {tuple(y.shape)}"
            raise ParamError(f"score network: states {shapes}; need two of (B, {self.config.channels}, F, T)")
        std = over_batch(self.sde.std(t), x)
        left = over_batch(self.sde.residual(t), x) * (self.config.residual_scale * math.sqrt(self.sde.part_variance))
        part_std = std * math.sqrt(self.sde.part_variance)
        spread = torch.sqrt(part_std**2 + left**2)
        offset = (x - y) / spread
        unknown = self.unfold(self.unet(self.fold(torch.cat([offset, y], dim=1)), t), x.shape)
        # noise of variance part_variance: what the offset tells of it, and what only the network can
        noise = (part_std * offset + left * unknown) / spread * math.sqrt(self.sde.part_variance)
        return -noise / std

    def fold(self, x: Tensor) -> Tensor:
        """(B, P, F, T) -> (B, P * fold, F', T'), zero-padded to sizes that the U-Net halves evenly."""
        f, stride = self.config.fold, self.unet.stride
        x = functional.pad(x, (0, -x.shape[3] % stride, 0, -x.shape[2] % (f * stride)))
        b, parts, bins, frames = x.shape
        return x.reshape(b, parts, bins // f, f, frames).transpose(2, 3).reshape(b, parts * f, bins // f, frames)

    def unfold(self, x: Tensor, shape: torch.Size) -> Tensor:
        """Inverse of `fold`, cropped to `shape`."""
        b, folded, rows, frames = x.shape
        f = self.config.fold
        x = x.reshape(b, folded // f, f, rows, frames).transpose(2, 3).reshape(b, folded // f, rows * f, frames)
        return x[:, :, : shape[2], : shape[3]]


def dsm_loss(net: ScoreFunction, sde: OuveSde, x0: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    """Denoising score matching of each item, 0.5 * mean over parts and bins of |std score + z|^2, (B,).

    Eq. 17 of paper 000 weighted by std^2 as SGMSE trains it, with t ~ U[t_eps, T]; the mean stands where SGMSE sums, so
    that the number does not depend on the size of the map. Gradients flow to the network and to y (the task loss
    trains the codec through y).
    """
    t = sde.times(x0.shape[0], generator).to(x0)
    std = over_batch(sde.std(t), x0)
    z = sde.noise(x0, generator)
    score = net(sde.mean(x0, y, t) + std * z, y, t)
    return 0.5 * (std * score + z).square().flatten(1).mean(1)
