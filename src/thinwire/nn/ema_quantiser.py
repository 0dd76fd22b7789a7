"""A vector quantiser whose codebook follows the encoder by exponential moving averages, also over several processes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional

from thinwire.errors import ParamError

_REVIVED_COUNT = 1.0
"""EMA count that a revived codeword begins with, as if one latent a step, itself, had always chosen it. Reading."""


@dataclass
class EmaQuantised:
    """`z_q` (B, D, *grid), in the forward pass the codewords, in the backward pass the gradient straight to z;
    `indices` (B, *grid) int64; `commitment`, mean (z - sg(z_q))^2; `perplexity`, 2^entropy of the batch's indices.
    """

    z_q: Tensor
    indices: Tensor
    commitment: Tensor
    perplexity: Tensor


class EmaQuantiser(nn.Module):
    """K codewords of D numbers; EMA codebook without codebook loss, decay 0.99, eps 1e-5 (facts 4.2).

    Counts and sums of latents that chose a codeword are averaged over training steps, and a codeword is their quotient
    (van den Oord et al. 2017, appendix A.1), with the count smoothed by `eps`. A codeword whose count is below
    `revive_below` is dead: a drawn latent of the batch takes its place, and its count and sum start anew. Before the
    first step all counts are zero, so nearly all codewords begin as latents, whatever the encoder's scale; the
    reference's start N(0, 0.05^2) is what is seen before.

    Where processes train together, statistics are those of the joint batch, and the first process draws for all.
    Raises ParamError for fewer than two codewords and for a decay or a `revive_below` outside [0, 1).
    """

    codebook: Tensor
    count: Tensor
    total: Tensor

    def __init__(
        self, codewords: int, dimension: int, decay: float = 0.99, eps: float = 1e-5, revive_below: float = 0.9
    ) -> None:  # fmt: skip
        super().__init__()
        for name, value in (("decay", decay), ("revive_below", revive_below)):
            if not 0.0 <= value < 1.0:
                raise ParamError(f"quantiser.{name} is {value}: must lie in [0, 1)")
        if codewords < 2:
            raise ParamError(f"a codebook of {codewords} codewords tells nothing; take at least 2")
        self.codewords, self.dimension, self.decay, self.eps = codewords, dimension, decay, eps
        self.revive_below = revive_below
        self.register_buffer("codebook", 0.05 * torch.randn(codewords, dimension))
        self.register_buffer("count", torch.zeros(codewords))
        self.register_buffer("total", torch.zeros(codewords, dimension))

    def forward(self, z: Tensor, generator: torch.Generator | None = None) -> EmaQuantised:
        """Quantise z (B, D, *grid); training needs a generator, which draws latents for dead codewords.

        Raises ValueError for another D, and for training without a generator.
        """
        vectors = self._vectors(z)
        flat = self._nearest(vectors)
        indices = flat.reshape(z.shape[0], *z.shape[2:])
        used = torch.bincount(flat, minlength=self.codewords).to(vectors)
        chosen = self.lookup(indices).to(z.dtype)
        if self.training:
            if generator is None:
                raise ValueError("training draws latents for dead codewords; give it a generator")
            used = _summed(used)
            self._update(vectors, flat, used, generator)
        shares = used / used.sum()
        perplexity = (-torch.xlogy(shares, shares).sum()).exp()
        commitment = functional.mse_loss(z, chosen)
        return EmaQuantised(z + (chosen - z).detach(), indices, commitment, perplexity)

    def encode(self, z: Tensor) -> Tensor:
        """Indices (B, *grid) int64 of z (B, D, *grid); nothing is updated. Raises ValueError for another D."""
        return self._nearest(self._vectors(z)).reshape(z.shape[0], *z.shape[2:])

    def lookup(self, indices: Tensor) -> Tensor:
        """Codewords (B, D, *grid) of indices (B, *grid)."""
        return functional.embedding(indices, self.codebook).movedim(-1, 1)

    def _vectors(self, z: Tensor) -> Tensor:
        """Latents (B, D, *grid) as (N, D), without gradient."""
        if z.shape[1] != self.dimension:
            raise ValueError(f"latents of {z.shape[1]} channels; the codewords have {self.dimension} numbers")
        return z.detach().movedim(1, -1).reshape(-1, self.dimension).float()

    def _nearest(self, vectors: Tensor) -> Tensor:
        """(N,): the codeword nearest to each of (N, D), the first of equally near ones."""
        with torch.autocast(vectors.device.type, enabled=False):  # half precision would confuse neighbours
            energy = self.codebook.square().sum(-1)
            return torch.addmm(energy, vectors, self.codebook.T, alpha=-2.0).argmin(-1)

    @torch.no_grad()
    def _update(self, vectors: Tensor, flat: Tensor, used: Tensor, generator: torch.Generator) -> None:
        summed = _summed(torch.zeros_like(self.total).index_add_(0, flat, vectors))
        count = torch.lerp(used, self.count, self.decay)
        total = torch.lerp(summed, self.total, self.decay)
        all_in_all = count.sum()
        smoothed = (count + self.eps) / (all_in_all + self.codewords * self.eps) * all_in_all
        codebook = total / smoothed[:, None]
        dead = count < self.revive_below
        if dead.any():
            drawn = _drawn(vectors, self.codewords, generator)
            codebook = torch.where(dead[:, None], drawn, codebook)
            count = count.masked_fill(dead, _REVIVED_COUNT)
            total = torch.where(dead[:, None], drawn * _REVIVED_COUNT, total)
        self.codebook.copy_(codebook)
        self.count.copy_(count)
        self.total.copy_(total)


def _together() -> bool:
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def _summed(values: Tensor) -> Tensor:
    """Sum over processes, in place."""
    if _together():
        distributed.all_reduce(values)
    return values


def _drawn(vectors: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """`number` of the latents (N, D), different ones as far as they go; of the joint batch of all processes, whose
    latents follow each other in the order of ranks, chosen by the first process's generator.
    """
    rank, sizes = 0, torch.tensor([len(vectors)], device=vectors.device)
    if _together():
        rank = distributed.get_rank()
        sizes = functional.one_hot(torch.tensor(rank), distributed.get_world_size()).to(sizes) * len(vectors)
        distributed.all_reduce(sizes)
    available = int(sizes.sum())
    order = torch.randperm(available, generator=generator, device=generator.device).to(vectors.device)
    places = order[torch.arange(number, device=vectors.device) % available]
    if not _together():
        return vectors[places]
    distributed.broadcast(places, 0)
    own = places - int(sizes[:rank].sum())
    mine = (own >= 0) & (own < len(vectors))
    drawn = torch.zeros(number, vectors.shape[1], device=vectors.device, dtype=vectors.dtype)
    drawn[mine] = vectors[own[mine]]
    distributed.all_reduce(drawn)
    return drawn
