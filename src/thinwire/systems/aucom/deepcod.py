"""DeepCOD-like: one strided convolution at the edge, a decoder with self-attention at the server (section 5.4).

After DeepCOD (Yao et al. 2020), whose point is an encoder that costs next to nothing. Table 3 gives it 51 parameters:
a 4 x 4 kernel of stride 4 from 1 to 3 channels has 3 (16 + 1) = 51 (reading). Its quantiser is AUCOM's here, so that
the systems differ by their transforms alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from thinwire.params.aucom_compared import BLOCK_FRAMES
from thinwire.params.aucom_deepcod import Settings
from thinwire.systems.aucom.feature_codec import FeatureNet


class PlaneAttention(nn.Module):
    """x + gamma Attention(x) over all places of x (B, C, H, W), as in self-attention GANs; gamma begins at 0."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Conv2d(channels, 3 * channels, 1)
        self.join = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        places = self.project(x).flatten(2).unflatten(1, (3, self.heads, -1)).transpose(3, 4)  # (B, 3, heads, H W, d)
        query, key, value = places.unbind(1)
        heard = F.scaled_dot_product_attention(query, key, value)
        return x + self.gamma * self.join(heard.transpose(2, 3).flatten(1, 2).unflatten(2, x.shape[2:]))


class PlaneBlock(nn.Module):
    """Residual pair of convolutions, then attention; (B, C, H, W) to the same."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1), nn.GELU(), nn.Conv2d(channels, channels, 3, padding=1)
        )
        self.attention = PlaneAttention(channels, heads)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x + self.convs(x))


class StridedConv(nn.Conv2d):
    """Planes (B, H, L) to channels of a fourth of both sides, as rows (B, channels H / 4, L / 4)."""

    def __init__(self, channels: int) -> None:
        super().__init__(1, channels, BLOCK_FRAMES, BLOCK_FRAMES)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.unsqueeze(1)).flatten(1, 2)


class DeepcodNet(FeatureNet):
    """Features (B, H, L), H and L multiples of 4, to `latents` H / 4 rows of symbols, and back."""

    def __init__(self, settings: Settings) -> None:
        rows, frames = settings.latents * settings.n_mels // BLOCK_FRAMES, settings.chunk_frames
        super().__init__(settings.n_mels, frames, rows, frames // BLOCK_FRAMES)
        self.latents = settings.latents
        self.encoder = StridedConv(settings.latents)
        self.decoder = nn.Sequential(
            nn.Conv2d(settings.latents, settings.width, 3, padding=1),
            *(PlaneBlock(settings.width, settings.heads) for _ in range(settings.blocks)),
            nn.GELU(),
            nn.Conv2d(settings.width, settings.width * 4, 3, padding=1),
            nn.PixelShuffle(2),
            nn.GELU(),
            nn.Conv2d(settings.width, 4, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def synthesise(self, r: Tensor) -> Tensor:
        return self.decoder(r.unflatten(1, (self.latents, -1))).squeeze(1)
