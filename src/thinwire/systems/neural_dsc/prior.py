"""The latent prior: a decoder-only transformer over indices in raster order (facts 4.2). It never sees y, which the
encoder does not have."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from thinwire.coding.quantise import IntegerTable, integer_table
from thinwire.params.neural_dsc_prior import Settings

TABLE_BITS = 20
"""Precision of integer tables: 1024 codewords lose at most 0.1 % of their mass to the least frequency of 1."""


@dataclass
class Cache:
    """Keys and values (blocks, 2, B, heads, positions, dim / heads), filled up to `position`: what is in place is
    never copied again. None before the first step, which knows B.
    """

    filled: Tensor | None = None
    position: int = 0


def dropped(x: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Dropout whose draws come from a generator; without one there is none."""
    if generator is None or share == 0.0:
        return x
    kept = torch.rand(x.shape, generator=generator, device=generator.device).to(x.device) >= share
    return x * kept / (1.0 - share)


class Block(nn.Module):
    """Causal self-attention and a feed-forward part, each after its normalisation and added to its input (reading)."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        dim = settings.dim
        self.heads, self.dropout = settings.heads, settings.dropout
        self.before_attention, self.before_dense = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.project, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.dense = nn.Sequential(nn.Linear(dim, settings.dff), nn.GELU(), nn.Linear(settings.dff, dim))

    def split(self, x: Tensor) -> Tensor:
        """Queries, keys and values (3, B, heads, L, dim / heads) of x (B, L, dim)."""
        projected = self.project(self.before_attention(x)).unflatten(-1, (3, self.heads, -1))
        return projected.permute(2, 0, 3, 1, 4)

    def attention(self, x: Tensor) -> Tensor:
        """Weights (B, heads, L, L) with which positions look at themselves and earlier ones."""
        q, k, _ = self.split(x)
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
        return scores.masked_fill(later, -math.inf).softmax(-1)

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """All positions at once, x (B, L, dim)."""
        q, k, v = self.split(x)
        return self._finish(x, functional.scaled_dot_product_attention(q, k, v, is_causal=True), generator)

    def step(self, x: Tensor, filled: Tensor, position: int) -> Tensor:
        """The next position, x (B, 1, dim), given keys and values `filled` (2, B, heads, positions, dim / heads) of
        those before; its own are added.
        """
        split = self.split(x)
        filled[:, :, :, position] = split[1:, :, :, 0]
        q, (k, v) = split[0], filled[:, :, :, : position + 1]
        weights = (q / math.sqrt(q.shape[-1]) @ k.transpose(-1, -2)).softmax(-1)
        return self._finish(x, weights @ v, None)

    def _finish(self, x: Tensor, attended: Tensor, generator: torch.Generator | None) -> Tensor:
        x = x + dropped(self.out(attended.transpose(1, 2).flatten(2)), self.dropout, generator)
        return x + dropped(self.dense(self.before_dense(x)), self.dropout, generator)


class LatentPrior(nn.Module):
    """p(index | indices before it) for sequences of `positions` indices below `codewords`.

    Embeddings of the indices, shifted by a start token, plus sinusoidal positions; blocks; a linear layer.
    """

    sinusoids: Tensor

    def __init__(self, settings: Settings, positions: int, codewords: int) -> None:
        super().__init__()
        self.positions, self.codewords, self.dropout = positions, codewords, settings.dropout
        self.embedding = nn.Embedding(codewords + 1, settings.dim)
        nn.init.normal_(self.embedding.weight, std=0.5)
        angles = torch.arange(positions)[:, None] * 10_000.0 ** -(torch.arange(0, settings.dim, 2) / settings.dim)
        self.register_buffer("sinusoids", torch.cat([angles.sin(), angles.cos()], 1), persistent=False)
        self.blocks = nn.ModuleList([Block(settings) for _ in range(settings.blocks)])
        self.norm = nn.LayerNorm(settings.dim)
        self.logits = nn.Linear(settings.dim, codewords)

    def forward(self, indices: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Logits (B, L, K) of each index of (B, L) given those before it; `generator`: with dropout."""
        x = self._embedded(indices, generator)
        for block in self.blocks:
            x = block(x, generator)
        logits: Tensor = self.logits(self.norm(x))
        return logits

    def bits(self, indices: Tensor) -> Tensor:
        """-log2 p (B, L) of indices (B, L)."""
        return functional.cross_entropy(self(indices).transpose(1, 2), indices, reduction="none") / math.log(2.0)

    @torch.no_grad()
    def attention(self, indices: Tensor) -> Tensor:
        """Attention weights (blocks, B, heads, L, L) over what each position sees: the start token, then indices."""
        x, weights = self._embedded(indices, None), []
        for block in self.blocks:
            assert isinstance(block, Block)
            weights.append(block.attention(x))
            x = block(x)
        return torch.stack(weights)

    def begin(self) -> Cache:
        """A cache for `step`, before the first position."""
        return Cache()

    def step(self, before: Tensor | None, cache: Cache) -> Tensor:
        """Logits (B, K) of the next position, given the index before it (B,), None at the first position of one item;
        the cache moves on. Raises ValueError past the last position.
        """
        if cache.position >= self.positions:
            raise ValueError(f"the prior was made for {self.positions} positions")
        if before is None:
            before = torch.full((1,), self.codewords, device=self.sinusoids.device)
        x = (self.embedding(before) + self.sinusoids[cache.position])[:, None]
        if cache.filled is None:
            cache.filled = self._room(x)
        for block, filled in zip(self.blocks, cache.filled, strict=True):
            assert isinstance(block, Block)
            x = block.step(x, filled, cache.position)
        cache.position += 1
        logits: Tensor = self.logits(self.norm(x[:, 0]))
        return logits

    def _room(self, x: Tensor) -> Tensor:
        """An empty `Cache.filled` for items like x (B, 1, dim)."""
        (first, *_), (batch, _, dim) = self.blocks, x.shape
        assert isinstance(first, Block)
        return x.new_empty(len(self.blocks), 2, batch, first.heads, self.positions, dim // first.heads)

    def _embedded(self, indices: Tensor, generator: torch.Generator | None) -> Tensor:
        """What the blocks get (B, L, dim) for indices (B, L): the start token first, the last index never."""
        shifted = functional.pad(indices, (1, -1), value=self.codewords)
        return dropped(self.embedding(shifted) + self.sinusoids[: indices.shape[1]], self.dropout, generator)


class StepwisePrior:
    """A prior as coder and decoder both run it: one position after the other, in double precision, its probabilities
    as integer tables.

    Both must make the same tables to the last unit, so both take this way, never the pass over all positions, whose
    sums are ordered otherwise. Double precision leaves errors of 1e-14 against table steps of 1e-6: what another number
    of threads or items at once changes reaches a table once in thousands of millions of entries.
    """

    def __init__(self, prior: LatentPrior) -> None:
        self.prior = copy.deepcopy(prior).double().cpu().eval().requires_grad_(False)

    @property
    def positions(self) -> int:
        """Indices of an item."""
        return self.prior.positions

    @property
    def codewords(self) -> int:
        """K."""
        return self.prior.codewords

    def begin(self) -> Cache:
        """A cache for `next_table`."""
        return self.prior.begin()

    def next_table(self, before: int | None, cache: Cache) -> IntegerTable:
        """The table of the next position given the index before it, None at the first; the cache moves on."""
        return self._tables(None if before is None else torch.tensor([before]), cache)[0]

    def tables(self, indices: np.ndarray) -> list[list[IntegerTable]]:
        """Tables of every position for items of indices (n, L)."""
        cache = self.begin()
        items = torch.from_numpy(np.asarray(indices, np.int64))
        start = torch.full((len(items),), self.codewords)
        columns = [
            self._tables(start if place == 0 else items[:, place - 1], cache) for place in range(items.shape[1])
        ]  # fmt: skip
        return [list(row) for row in zip(*columns, strict=True)]

    @torch.inference_mode()
    def _tables(self, before: Tensor | None, cache: Cache) -> list[IntegerTable]:
        probabilities = self.prior.step(before, cache).softmax(-1).numpy()
        return [integer_table(row, TABLE_BITS) for row in probabilities]
