"""What AUCOM and the systems it is compared with have in common: features to rows of symbols and back, through the same
normalisation and rounding (sections 4.3.4 and 5.4), so that they differ by their transforms alone.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from thinwire.systems.aucom.normalisation import LatentNormalisation, Scale


class FeatureCodec(Protocol):
    """A codec of features up to its symbols; whole chunks of 5 s, tau the step in standard deviations."""

    @property
    def rows(self) -> int:
        """Rows of symbols, each with a code table of its own."""
        ...

    def symbols(self, f: Tensor, tau: float = 1.0) -> Tensor:
        """int32 (B, rows, columns) of features (B, H, L)."""
        ...

    def features(self, symbols: Tensor, tau: float = 1.0) -> Tensor:
        """(B, H, L) of symbols (B, rows, columns)."""
        ...


class FeatureNet(nn.Module):
    """A FeatureCodec from two transforms of standardised features, `analyse` and `synthesise`; `encoder` is the module
    behind the first, all that the edge computes.

    The weights hold everything but the normalisation tables, which `normalisation.attach` takes.
    """

    encoder: nn.Module
    feature_mean: Tensor
    feature_std: Tensor

    def __init__(self, n_mels: int, chunk_frames: int, rows: int, columns: int) -> None:
        super().__init__()
        self.n_mels, self.chunk_frames, self.rows, self.columns = n_mels, chunk_frames, rows, columns
        self.normalisation = LatentNormalisation(rows)
        self.register_buffer("feature_mean", torch.zeros(n_mels))
        self.register_buffer("feature_std", torch.ones(()))

    def analyse(self, x: Tensor) -> Tensor:
        """The latent r (B, rows, columns) of standardised features x (B, H, L)."""
        return self.encoder(x)

    def synthesise(self, r: Tensor) -> Tensor:
        """Standardised features (B, H, L) of a latent (B, rows, columns)."""
        raise NotImplementedError

    @torch.no_grad()
    def fit_statistics(self, f: Tensor) -> None:
        """Means of each mel and one standard deviation for all, from training features (n, H, L), as for AuComNet."""
        mean = f.mean((0, 2))
        self.feature_mean.copy_(mean)
        self.feature_std.copy_((f - mean[:, None]).square().mean().sqrt().clamp(min=1e-3))

    def standardise(self, f: Tensor) -> Tensor:
        """Features in the units of the network and of the distortion."""
        return (f - self.feature_mean[:, None]) / self.feature_std

    def latent(self, f: Tensor) -> Tensor:
        """r (B, rows, columns) of features (B, H, L), of which normalisation tables are measured."""
        return self.analyse(self.standardise(f))

    @torch.inference_mode()
    def symbols(self, f: Tensor, tau: float = 1.0) -> Tensor:
        """round(r~ / tau), int32 (B, rows, columns), of features (B, H, L) of whole chunks.

        Raises CheckpointError without tables.
        """
        return torch.round(self.normalisation.tables.normalise(self.latent(f)) / tau).to(torch.int32)

    @torch.inference_mode()
    def features(self, symbols: Tensor, tau: float = 1.0) -> Tensor:
        """f_hat (B, H, L) of symbols (B, rows, columns), or of fewer rows where the system allows it.

        Raises CheckpointError without tables.
        """
        tables, rows = self.normalisation.tables, symbols.shape[1]
        scale = Scale(tables.mu[:rows], tables.sigma[:rows])
        x_hat = self.synthesise(scale.restore(symbols.to(self.feature_mean) * tau))
        return x_hat * self.feature_std + self.feature_mean[:, None]
