"""Performer: attention linear in the sequence's length by positive orthogonal random features, FAVOR+.

Choromanski et al. 2021, the paper's [64]. The package `performer-pytorch` (last release 2022) draws its features from
torch's global generator in the middle of a forward pass, so that a resumed training would take another path; here they
come from the step's generator.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_LEAST = 1e-4
"""Added to every feature, as a share of their mean, so that no query is left without a key."""


def orthogonal_features(count: int, width: int, generator: torch.Generator | None = None) -> Tensor:
    """Projections (count, width): rows orthogonal within each block of `width`, lengths as those of Gaussian vectors
    (chi with `width` degrees of freedom), from `generator` or, where a model is built, torch's own.
    """
    blocks = []
    for start in range(0, count, width):
        q, r = torch.linalg.qr(torch.randn(width, width, generator=generator))
        # signs of R's diagonal make Q uniform over rotations (Mezzadri 2007)
        blocks.append((q * r.diagonal().sign()).T[: count - start])
    lengths = torch.randn(count, width, generator=generator).norm(dim=1, keepdim=True)
    return torch.cat(blocks) * lengths


def query_features(x: Tensor, projection: Tensor) -> Tensor:
    """Positive features (..., T, m) of queries x (..., T, d), each row scaled to sum 1, which cancels in attention."""
    return functional.softmax(_exponents(x, projection), -1) + _LEAST / len(projection)


def key_features(x: Tensor, projection: Tensor) -> Tensor:
    """Positive features (..., T, m) of keys x (..., T, d), each sequence scaled to sum 1, which cancels in attention.

    E[phi(q) phi(k)] is proportional to exp(q k / sqrt(d)).
    """
    squared = 0.5 * x.square().sum(-1, keepdim=True) * x.shape[-1] ** -0.5
    exponents = _exponents(x, projection) - squared
    flat = exponents.flatten(-2)
    return (functional.softmax(flat, -1) + _LEAST / flat.shape[-1]).view_as(exponents)


def _exponents(x: Tensor, projection: Tensor) -> Tensor:
    return x @ (projection.T * x.shape[-1] ** -0.25)


def linear_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Normalised attention (..., T, e) of features (..., T, m), (..., S, m) and values (..., S, e) without a T x S
    matrix.
    """
    weighted = query @ (key.transpose(-1, -2) @ functional.pad(value, (0, 1), value=1.0))
    return weighted[..., :-1] / weighted[..., -1:]


class Favor(nn.Module):
    """Multi-head self-attention of x (B, T, C) by FAVOR+; `projection` (features, C / heads) is a buffer."""

    projection: Tensor

    def __init__(self, channels: int, heads: int, features: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.register_buffer("projection", orthogonal_features(features, channels // heads))

    def redraw(self, generator: torch.Generator) -> None:
        """Draw other random features."""
        count, width = self.projection.shape
        self.projection.copy_(orthogonal_features(count, width, generator))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.to_qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = linear_attention(query_features(q, self.projection), key_features(k, self.projection), v)
        return self.out(attended.transpose(1, 2).flatten(2))


class PerformerBlock(nn.Module):
    """FAVOR+ attention, then two linear layers with GELU, each behind a layer norm and with a residual; x (B, T, C)."""

    def __init__(self, channels: int, heads: int, features: int, expansion: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(channels)
        self.attention = Favor(channels, heads, features)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, expansion * channels),
            nn.GELU(),
            nn.Linear(expansion * channels, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed_forward(x)
