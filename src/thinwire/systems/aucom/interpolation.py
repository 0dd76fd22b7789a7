"""Intp: mel features made smaller by interpolation at the edge and larger again at the server (section 5.4)."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from thinwire.systems.aucom.feature_codec import FeatureNet

Mode = Literal["bilinear", "bicubic"]


def resampling_matrix(size: int, new_size: int, mode: Mode) -> Tensor:
    """The matrix (new_size, size) of linear or cubic interpolation along one axis, with pixel centres at halves.

    Where an axis shrinks, the kernel is stretched over the samples that fall away, against aliasing; each row adds up
    to one. Bilinear and bicubic interpolation are separable, so two such matrices are the whole operation.
    """
    impulses = torch.eye(size)[None, None]
    smaller = new_size < size
    moved = F.interpolate(impulses, (new_size, size), mode=mode, align_corners=False, antialias=smaller)
    return moved[0, 0]


class Resampling(nn.Module):
    """Planes (B, H, L) to another size by a matrix for each axis."""

    over_mels: Tensor
    over_time: Tensor

    def __init__(self, size: tuple[int, int], new_size: tuple[int, int], mode: Mode) -> None:
        super().__init__()
        self.register_buffer("over_mels", resampling_matrix(size[0], new_size[0], mode))
        self.register_buffer("over_time", resampling_matrix(size[1], new_size[1], mode))

    def forward(self, x: Tensor) -> Tensor:
        return self.over_mels @ x @ self.over_time.T

    def macs(self) -> int:
        """Multiplications of one plane: along an axis each output takes as many as its row has weights that are not
        zero; the better order of the two axes.
        """
        mels, time = self.over_mels, self.over_time
        weights_mels, weights_time = int((mels != 0).sum()), int((time != 0).sum())
        mels_first = weights_mels * time.shape[1] + weights_time * mels.shape[0]
        time_first = weights_time * mels.shape[1] + weights_mels * time.shape[0]
        return min(mels_first, time_first)


class Interpolation(FeatureNet):
    """Mel features (B, H, L) at every `factors[0]`-th mel and `factors[1]`-th frame, through the same quantiser as the
    learned codecs. Nothing is trained; the normalisation tables are measured.

    With factors (4, 4) a chunk has as many symbols as AuComNet v2. Raises ValueError for factors that do not divide
    H and L.
    """

    encoder: Resampling

    def __init__(self, n_mels: int, chunk_frames: int, factors: tuple[int, int], mode: Mode = "bilinear") -> None:
        if min(factors) < 1 or n_mels % factors[0] or chunk_frames % factors[1]:
            raise ValueError(f"factors {factors} do not divide {n_mels} mels and {chunk_frames} frames")
        small = (n_mels // factors[0], chunk_frames // factors[1])
        super().__init__(n_mels, chunk_frames, *small)
        self.encoder = Resampling((n_mels, chunk_frames), small, mode)
        self.decoder = Resampling(small, (n_mels, chunk_frames), mode)

    def synthesise(self, r: Tensor) -> Tensor:
        return self.decoder(r)
