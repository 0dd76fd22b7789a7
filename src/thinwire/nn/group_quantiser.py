"""Group vector quantisers with soft gradients: by distance, and by a linear projection (TF-Codec, section III-E)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from thinwire.errors import ParamError


class QuantiserSettings(Protocol):
    """What a quantiser reads of its settings: alpha of the paper, the factor from distances to logits."""

    @property
    def alpha(self) -> float: ...


@dataclass
class Quantised:
    """A quantised latent: `z_hat` (B, C, T), `indices` (B, G, S) int64, `logits` (B, G, S, K) before noise and
    temperature, and `shares` (G, K), softmax(logits) averaged over batch and time (Eq. 6).

    The logits are a record without gradient, each vector's up to a constant of its own that neither softmax nor argmax
    sees.
    """

    z_hat: Tensor
    indices: Tensor
    logits: Tensor
    shares: Tensor

    @property
    def probabilities(self) -> Tensor:
        """softmax(logits) (B, G, S, K): the soft assignment, without temperature (facts 2.2)."""
        return self.logits.softmax(-1)


@dataclass(frozen=True)
class Usage:
    """How codewords are used: `counts` (G, K) int64, `perplexity` (G,) of each group's shares, `dead` (G,) int64, the
    codewords of each group that never occur.
    """

    counts: Tensor
    perplexity: Tensor
    dead: Tensor


def entropy_bits(shares: Tensor) -> Tensor:
    """Entropy in bits over the last dimension of shares that sum to one there (Eq. 7, with log2: facts 2.4.7)."""
    return -torch.xlogy(shares, shares).sum(-1) / math.log(2.0)


def hard_shares(indices: Tensor, codewords: int) -> Tensor:
    """(G, K) float: the share of each codeword in `indices` (B, G, S)."""
    return codebook_counts(indices, codewords).float() / (indices.shape[0] * indices.shape[2])


def codebook_counts(indices: Tensor, codewords: int) -> Tensor:
    """(G, K) int64: how often each codeword occurs in `indices` (B, G, S)."""
    groups = indices.shape[1]
    offsets = torch.arange(groups, device=indices.device)[:, None] * codewords
    flat = (indices.transpose(0, 1).reshape(groups, -1) + offsets).flatten()
    return torch.bincount(flat, minlength=groups * codewords).reshape(groups, codewords)


def codebook_usage(indices: Tensor, codewords: int) -> Usage:
    """Statistics of `indices` (B, G, S) over codebooks of `codewords` entries (Fig. 8)."""
    counts = codebook_counts(indices, codewords)
    perplexity = 2.0 ** entropy_bits(counts.double() / counts.sum(1, keepdim=True).clamp_min(1))
    return Usage(counts, perplexity, (counts == 0).sum(1))


def soft_entropy(quantised: Quantised) -> Tensor:
    """(G,) bits: entropy of the batch's averaged soft assignment (Eq. 6 and 7)."""
    return entropy_bits(quantised.shares)


def hard_entropy(indices: Tensor, codewords: int) -> Tensor:
    """(G,) bits: entropy of the shares of codewords in `indices` (B, G, S)."""
    return entropy_bits(hard_shares(indices, codewords))


# e^-40 of the largest is the least share of a soft assignment: lesser ones would be denormal numbers, in which a CPU
# computes ten times slower, here and in the backward pass
_LEAST = 40.0


class _Assignment(torch.autograd.Function):
    """Codewords (G, N, D) and indices (G, N) of the largest of logits (G, N, K) plus noise, and soft shares (G, K).

    Backward the chosen codewords are the product of assignment and codebook, and the gradient of the one-hot assignment
    goes to softmax((logits + noise) / tau) instead. Autograd's own way, one_hot + soft - soft.detach(), makes four more
    tensors of that size. Consumes `noise`.
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, noise: Tensor | None, tau: float, codebook: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        scaled = logits / tau if noise is None else noise.add_(logits).div_(tau)
        best = scaled.max(-1, keepdim=True)  # three times faster than argmax
        indices = best.indices[..., 0]
        weights = _softmax(torch.maximum(scaled, best.values - _LEAST, out=scaled))
        probabilities = _softmax(torch.maximum(logits, logits.amax(-1, keepdim=True) - _LEAST))
        ctx.save_for_backward(weights, probabilities, codebook, indices)
        ctx.tau = tau
        ctx.mark_non_differentiable(indices)
        return _look_up(codebook, indices), indices, probabilities.mean(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, Tensor]:
        weights, probabilities, codebook, indices = ctx.saved_tensors
        to_chosen, _, to_shares = gradients
        to_logits = torch.bmm(to_chosen, codebook.transpose(1, 2)).mul_(weights)
        to_logits.addcmul_(weights, to_logits.sum(-1, keepdim=True), value=-1.0).div_(ctx.tau)
        each = to_shares[..., None] / probabilities.shape[1]
        centred = each.transpose(1, 2) - torch.bmm(probabilities, each)
        to_logits.addcmul_(probabilities, centred)
        groups, codewords, dimension = codebook.shape
        rows = (indices + torch.arange(groups, device=indices.device)[:, None] * codewords).flatten()
        flat = to_chosen.new_zeros(groups * codewords, dimension)
        to_codebook = flat.index_add_(0, rows, to_chosen.reshape(-1, dimension)).reshape_as(codebook)
        return to_logits, None, None, to_codebook


def _softmax(logits: Tensor) -> Tensor:
    """softmax in place."""
    return torch.softmax(logits, -1, out=logits)


def _look_up(codebook: Tensor, indices: Tensor) -> Tensor:
    """(G, N, D): codewords of (G, K, D) at (G, N)."""
    return codebook.gather(1, indices[..., None].expand(-1, -1, codebook.shape[2]))


def _gumbel(like: Tensor, generator: torch.Generator) -> Tensor:
    """Gumbel(0, 1) draws of the shape of `like`, on its device; -log(-log u), four times faster than by `exponential_`.

    A uniform draw of exactly 0 gives -inf, a codeword that is not chosen.
    """
    if generator.device != like.device:
        seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
        generator = torch.Generator(like.device).manual_seed(seed)
    return torch.empty_like(like).uniform_(generator=generator).log_().neg_().log_().neg_()


class GroupQuantiser(nn.Module):
    """Quantises the vectors of G channel groups, `frames` frames together, each with its own codebook of K codewords.

    Group g holds channels [g C/G, (g+1) C/G) of all frames of a step, so a codeword has D = frames C/G numbers, ordered
    by channel, then frame. Codebooks start uniform in (-1, 1) (facts 2.2). Raises ParamError where G does not divide C.
    """

    def __init__(
        self, latent: int, frames: int, groups: int, codewords: int, settings: QuantiserSettings
    ) -> None:  # fmt: skip
        super().__init__()
        if latent % groups:
            raise ParamError(f"{groups} groups do not divide {latent} latent channels; change `groups` or `latent`")
        self.latent, self.frames, self.groups, self.codewords = latent, frames, groups, codewords
        self.dimension = frames * latent // groups
        self.codebook = nn.Parameter(torch.empty(groups, codewords, self.dimension).uniform_(-1.0, 1.0))

    def logits(self, vectors: Tensor) -> Tensor:
        """(G, N, K) for vectors (G, N, D)."""
        raise NotImplementedError

    def forward(self, x: Tensor, tau: float = 1.0, generator: torch.Generator | None = None) -> Quantised:
        """Quantise latents (B, C, T), T whole steps. Without a generator there is no noise: the likeliest codeword.

        Hard one-hot assignment forward; backward the gradient of softmax((logits + v) / tau), v ~ Gumbel(0, 1)
        (Eq. 5).
        """
        batch, steps = x.shape[0], x.shape[2] // self.frames
        logits = self.logits(self.vectors(x))
        noise = None if generator is None else _gumbel(logits.detach(), generator)
        chosen, indices, shares = _Assignment.apply(logits, noise, tau, self.codebook)
        return Quantised(
            self._join(chosen, batch),
            indices.reshape(self.groups, batch, steps).transpose(0, 1),
            logits.detach().reshape(self.groups, batch, steps, -1).transpose(0, 1),
            shares,
        )

    def encode(self, x: Tensor) -> Tensor:
        """Indices (B, G, S) of latents (B, C, T): the likeliest codewords."""
        indices = self.logits(self.vectors(x)).max(-1).indices
        return indices.reshape(self.groups, x.shape[0], -1).transpose(0, 1)

    def decode(self, indices: Tensor) -> Tensor:
        """Latents (B, C, T) of indices (B, G, S)."""
        return self._join(_look_up(self.codebook, indices.transpose(0, 1).flatten(1)), indices.shape[0])

    @torch.no_grad()
    def set_codewords(self, centres: Tensor) -> None:
        """Have codewords (G, K, D), each the likeliest for vectors that it is the nearest to."""
        self.codebook.copy_(centres)

    def vectors(self, x: Tensor) -> Tensor:
        """The groups' vectors (G, B S, D) of latents (B, C, T), T whole steps."""
        batch, channels, time = x.shape
        if channels != self.latent or time % self.frames:
            raise ValueError(f"latent {tuple(x.shape)}; need {self.latent} channels and whole steps of {self.frames}")
        x = x.reshape(batch, self.groups, channels // self.groups, time // self.frames, self.frames)
        return x.permute(1, 0, 3, 2, 4).reshape(self.groups, -1, self.dimension)

    def _join(self, vectors: Tensor, batch: int) -> Tensor:
        """Inverse of `vectors`."""
        x = vectors.reshape(self.groups, batch, -1, self.latent // self.groups, self.frames)
        return x.permute(1, 0, 3, 2, 4).reshape(batch, self.latent, -1)


class DistanceGumbelQuantiser(GroupQuantiser):
    """Logits -alpha |x - e|^2 (Eq. 4 and 5, with the squared distance: facts 2.2), less the constant -alpha |x|^2."""

    def __init__(
        self, latent: int, frames: int, groups: int, codewords: int, settings: QuantiserSettings
    ) -> None:  # fmt: skip
        super().__init__(latent, frames, groups, codewords, settings)
        self.alpha = settings.alpha

    def logits(self, vectors: Tensor) -> Tensor:
        energy = self.codebook.square().sum(-1)[:, None]
        return torch.baddbmm(energy, vectors, self.codebook.transpose(1, 2), beta=-self.alpha, alpha=2.0 * self.alpha)


class GumbelQuantiser(GroupQuantiser):
    """Logits from a linear projection of each group, the compared method (section III-E; Baevski et al. 2020).

    Projections start as theirs do: weights N(0, 1), biases 0.
    """

    def __init__(
        self, latent: int, frames: int, groups: int, codewords: int, settings: QuantiserSettings
    ) -> None:  # fmt: skip
        super().__init__(latent, frames, groups, codewords, settings)
        self.alpha = settings.alpha
        self.projection = nn.Parameter(torch.randn(groups, self.dimension, codewords))
        self.bias = nn.Parameter(torch.zeros(groups, 1, codewords))

    def logits(self, vectors: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, vectors, self.projection)

    @torch.no_grad()
    def set_codewords(self, centres: Tensor) -> None:
        """Beside the codewords, the projection that gives the logits of `DistanceGumbelQuantiser`: linear as well."""
        super().set_codewords(centres)
        self.projection.copy_(2.0 * self.alpha * centres.transpose(1, 2))
        self.bias.copy_(-self.alpha * centres.square().sum(-1)[:, None])
