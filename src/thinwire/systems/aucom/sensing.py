"""CS: compressed sensing of mel features: learned measurements at the edge, unrolled ISTA at the server (section 5.4).

After ISTA-Net++ (You et al. 2021): one sensing matrix serves every number of measurements by its first rows, and each
stage is a gradient step towards the measurements and a learned proximal step over the whole plane, across blocks. The
proximal step is ISTA-Net+'s (Zhang and Ghanem 2018), soft thresholding in a learned domain. Blocks are 40 ms of all
mels, so that a measurement is a row with AuComNet's 25 symbols a second (reading; the paper says nothing of blocks).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from thinwire.params.aucom_compared import BLOCK_FRAMES
from thinwire.params.aucom_sensing import Settings
from thinwire.systems.aucom.feature_codec import FeatureNet


def soft_threshold(x: Tensor, theta: Tensor) -> Tensor:
    """sign(x) max(|x| - theta, 0): the proximal map of theta |x|."""
    return x.sign() * F.relu(x.abs() - theta)


def as_blocks(x: Tensor) -> Tensor:
    """The plane (B, H, L) as one column of 4 H values each 40 ms, (B, 4 H, L / 4)."""
    return x.unflatten(2, (-1, BLOCK_FRAMES)).transpose(2, 3).flatten(1, 2)


def as_plane(blocks: Tensor) -> Tensor:
    """Inverse of `as_blocks`."""
    return blocks.unflatten(1, (-1, BLOCK_FRAMES)).transpose(2, 3).flatten(2, 3)


def gradient_step(x: Tensor, y: Tensor, phi: Tensor, rho: Tensor) -> Tensor:
    """x - rho Phi^T (Phi x - y): a step down |Phi x - y|^2 / 2 on the plane x (B, H, L), y (B, m, T), Phi (m, 4 H)."""
    return x - rho * as_plane(phi.T @ (phi @ as_blocks(x) - y))


class IstaStage(nn.Module):
    """One iteration; step size and threshold are positive and depend on the share of measurements taken."""

    def __init__(self, width: int) -> None:
        super().__init__()
        # softplus(a + b share): begins as a plain gradient step of size one with a small threshold
        self.rho = nn.Parameter(torch.tensor([0.5413, 0.0]))
        self.theta = nn.Parameter(torch.tensor([-4.0, 0.0]))
        self.widen = nn.Conv2d(1, width, 3, padding=1)
        self.forth = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)
        )
        self.back = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)
        )
        self.narrow = nn.Conv2d(width, 1, 3, padding=1)
        for value in self.narrow.parameters():
            nn.init.zeros_(value)

    def forward(self, x: Tensor, y: Tensor, phi: Tensor, share: float) -> Tensor:
        rho, theta = (F.softplus(value[0] + value[1] * share) for value in (self.rho, self.theta))
        r = gradient_step(x, y, phi, rho)
        domain = soft_threshold(self.forth(self.widen(r.unsqueeze(1))), theta)
        return r + self.narrow(self.back(domain)).squeeze(1)


class Measurement(nn.Module):
    """Phi (measurements, 4 H), of which each block of a plane (B, H, L) gets all: (B, measurements, L / 4)."""

    def __init__(self, measurements: int, values: int) -> None:
        super().__init__()
        self.phi = nn.Parameter(torch.empty(measurements, values))
        nn.init.orthogonal_(self.phi)

    def forward(self, x: Tensor) -> Tensor:
        return self.phi @ as_blocks(x)


class SensingNet(FeatureNet):
    """Features (B, H, L), L a multiple of 4, to at most `measurements[-1]` rows of symbols, and back from any number of
    rows, the first ones; `at` gives the codec of a number of measurements.
    """

    encoder: Measurement

    def __init__(self, settings: Settings) -> None:
        frames = settings.chunk_frames
        super().__init__(settings.n_mels, frames, settings.measurements[-1], frames // BLOCK_FRAMES)
        self.encoder = Measurement(self.rows, settings.n_mels * BLOCK_FRAMES)
        self.stages = nn.ModuleList(IstaStage(settings.width) for _ in range(settings.stages))

    def synthesise(self, r: Tensor) -> Tensor:
        phi = self.encoder.phi[: r.shape[1]]
        share = len(phi) / self.rows
        x = as_plane(phi.T @ r)
        for stage in self.stages:
            x = stage(x, r, phi, share)
        return x

    def at(self, measurements: int) -> Measured:
        """The codec of that many measurements a block; raises ValueError for more than the matrix has."""
        if not 1 <= measurements <= self.rows:
            raise ValueError(f"{measurements} measurements asked for, the sensing matrix has 1 to {self.rows}")
        return Measured(self, measurements)


@dataclass(frozen=True)
class Measured:
    """A FeatureCodec of a sensing network's first `rows` measurements."""

    net: SensingNet
    rows: int

    @property
    def n_mels(self) -> int:
        return self.net.n_mels

    @property
    def chunk_frames(self) -> int:
        return self.net.chunk_frames

    @property
    def columns(self) -> int:
        return self.net.columns

    def symbols(self, f: Tensor, tau: float = 1.0) -> Tensor:
        return self.net.symbols(f, tau)[:, : self.rows]

    def features(self, symbols: Tensor, tau: float = 1.0) -> Tensor:
        return self.net.features(symbols, tau)
