"""Spectral encoder and decoder (section 3.2, Eq. 4 to 8)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from thinwire.nn.blocks import ResidualBlock


class FrequencyProjection(nn.Conv1d):
    """Eq. 4 on standardised bins: W ((x - mean) / std) + b, computed as one convolution whose weights hold mean and
    std.

    Shape: (B, features, T) to (B, width, T). `mean` and `std` (features,) are training statistics and belong to the
    model.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, features: int, width: int) -> None:
        super().__init__(features, width, 1)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight / self.std[None, :, None]
        assert self.bias is not None
        return F.conv1d(x, weight, self.bias - weight[:, :, 0] @ self.mean)


class FrequencyExpansion(nn.Conv1d):
    """Eq. 8 to standardised bins: (W h + b) std + mean, likewise as one convolution.

    Shape: (B, width, T) to (B, features, T).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, width: int, features: int) -> None:
        super().__init__(width, features, 1)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        assert self.bias is not None
        return F.conv1d(x, self.weight * self.std[:, None, None], self.bias * self.std + self.mean)


class SpectralEncoder(nn.Module):
    """Frequency projection (Eq. 4), temporal convolutions, residual blocks (Eq. 5), linear to the latent.

    Shape: (B, features, T) to (B, latent), where features = microphones x representation channels x bins.
    """

    def __init__(self, features: int, frames: int, latent: int, width: int, blocks: int, stride: int) -> None:
        super().__init__()
        self.projection = FrequencyProjection(features, width)
        self.temporal = nn.Conv1d(width, width, 3, padding=1)
        self.down = nn.Conv1d(width, width, stride, stride=stride)
        self.blocks = nn.Sequential(*[ResidualBlock(width) for _ in range(blocks)])
        self.to_latent = nn.Linear(width * (frames // stride), latent)

    def stages(self, x: Tensor) -> dict[str, Tensor]:
        """Every intermediate feature by name, in order; the last is the latent."""
        out = {"projection": self.projection(x)}
        out["temporal"] = torch.relu(self.temporal(torch.relu(out["projection"])))
        out["down"] = torch.relu(self.down(out["temporal"]))
        out["residual"] = self.blocks(out["down"])
        out["latent"] = self.to_latent(out["residual"].flatten(1))
        return out

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)["latent"]


class SpectralDecoder(nn.Module):
    """Latent projection (Eq. 7), residual blocks, frequency projection (Eq. 8).

    Shape: (B, latent) to (B, features, T).
    """

    def __init__(self, features: int, frames: int, latent: int, width: int, blocks: int, stride: int) -> None:
        super().__init__()
        self.shape = (width, frames // stride)
        self.from_latent = nn.Linear(latent, width * (frames // stride))
        self.blocks = nn.Sequential(*[ResidualBlock(width) for _ in range(blocks)])
        self.up = nn.ConvTranspose1d(width, width, stride, stride=stride)
        self.smooth = ResidualBlock(width)
        self.output = FrequencyExpansion(width, features)
        pad = frames - (frames // stride) * stride
        self.pad = nn.ReplicationPad1d((0, pad)) if pad else nn.Identity()

    def stages(self, z: Tensor) -> dict[str, Tensor]:
        """Every intermediate feature by name, in order; the last is the output."""
        out = {"from_latent": self.from_latent(z).view(-1, *self.shape)}
        out["residual"] = self.blocks(out["from_latent"])
        out["up"] = self.smooth(self.pad(self.up(out["residual"])))
        out["output"] = self.output(out["up"])
        return out

    def forward(self, z: Tensor) -> Tensor:
        return self.stages(z)["output"]
