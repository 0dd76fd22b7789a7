"""Distributed principal component analysis: which components of which source cross the wire.

Section 3.2, Eq. 6; facts 1.3, 1.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from thinwire.errors import CheckpointError


class _Subspace(torch.autograd.Function):
    """Projector V_S V_S^T onto chosen eigenvectors of a symmetric matrix, with the exact gradient of the *subspace*.

    Differentiating the eigenvectors themselves divides by every gap between eigenvalues, and fails where two are equal
    (facts 1.4). The projector only depends on gaps between a chosen and an unchosen eigenvalue, so only those appear
    here, bounded from below.
    """

    @staticmethod
    def forward(ctx, covariance: Tensor, values: Tensor, vectors: Tensor, chosen: Tensor) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(values, vectors, chosen)
        kept = vectors[:, chosen]
        return kept @ kept.T

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        values, vectors, chosen = ctx.saved_tensors
        inside, outside = vectors[:, chosen], vectors[:, ~chosen]
        gaps = values[chosen][:, None] - values[~chosen][None, :]
        floor = 1e-3 * values.abs().max().clamp_min(1e-12)
        gaps = torch.where(gaps.abs() < floor, torch.where(gaps < 0, -floor, floor), gaps)
        symmetric = 0.5 * (grad + grad.T)
        middle = inside @ (inside.T @ symmetric @ outside / gaps) @ outside.T
        return middle + middle.T, None, None, None


def project_budget(latents: Sequence[Tensor], budget: int) -> list[Tensor]:
    """The random bottleneck of training: per-source PCA of the batch, one pooled choice of `budget` components,
    back-projection.

    Shape: each latent (B, d_i) to the same. A source of which nothing is chosen keeps its batch mean (facts 1.3.5).
    Gradients flow through the projection and through the choice of directions.
    """
    spectra = []
    for z in latents:
        centred = z - z.mean(0, keepdim=True)
        covariance = centred.double().T @ centred.double()
        values, vectors = torch.linalg.eigh(covariance.detach())
        spectra.append((centred, covariance, values, vectors))
    pooled = torch.cat([values for _, _, values, _ in spectra])
    chosen = torch.zeros_like(pooled, dtype=torch.bool)
    chosen[torch.sort(pooled, descending=True, stable=True).indices[:budget]] = True
    out, start = [], 0
    for z, (centred, covariance, values, vectors) in zip(latents, spectra, strict=True):
        mine = chosen[start : start + len(values)]
        start += len(values)
        projector = _Subspace.apply(covariance, values, vectors, mine).to(z.dtype)
        out.append(centred @ projector + z.mean(0, keepdim=True))
    return out


@dataclass(frozen=True)
class LinearBottleneck:
    """Directions per source and one global order; a budget m sends the first m entries of the order.

    `mean` and `directions` hold, per source, mu_i (d_i,) and V_i (d_i, d_i) in columns; `order` (D, 2) lists (source,
    column), best first; `deviation` (D,) is the training standard deviation of each coefficient, in that order. Made by
    `fit_ndpca`, `fit_pca_equal` or `truncate`.
    """

    mean: tuple[np.ndarray, ...]
    directions: tuple[np.ndarray, ...]
    order: np.ndarray
    deviation: np.ndarray

    @property
    def sizes(self) -> tuple[int, ...]:
        """Latent dimensions d_i."""
        return tuple(len(mean) for mean in self.mean)

    def counts(self, m: int) -> np.ndarray:
        """m_i: how many components of each source a budget of m sends."""
        return np.bincount(self.order[:m, 0], minlength=len(self.mean))

    def columns(self, m: int, source: int) -> np.ndarray:
        """Columns of V_i that source i sends at budget m, in the order in which they are sent."""
        head = self.order[:m]
        return head[head[:, 0] == source, 1]

    def encode_source(self, z: np.ndarray, m: int, source: int) -> np.ndarray:
        """c_i = (z_i - mu_i) V_i[:, I_i(m)] for one source alone, (n, d_i) to (n, m_i); nothing of the others is
        needed.
        """
        return (z - self.mean[source]) @ self.directions[source][:, self.columns(m, source)]

    def decode_source(self, coefficients: np.ndarray, m: int, source: int) -> np.ndarray:
        """z_hat_i = c_i V_i[:, I_i(m)]^T + mu_i, (n, m_i) to (n, d_i)."""
        return coefficients @ self.directions[source][:, self.columns(m, source)].T + self.mean[source]

    def reconstruct(self, latents: Sequence[np.ndarray], m: int) -> np.ndarray:
        """What the decoder is given at budget m: the full-width concatenation (n, D) of all z_hat_i."""
        if not 0 <= m <= len(self.order):
            raise CheckpointError(f"budget {m} is outside 0 to {len(self.order)}, the floats that this model can send")
        parts = [self.decode_source(self.encode_source(z, m, i), m, i) for i, z in enumerate(latents)]
        return np.concatenate(parts, axis=1)


def _principal(latents: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Per source: mean, principal directions in columns and standard deviations, descending; float64, signs made
    unique.
    """
    out = []
    for z in latents:
        z = np.asarray(z, np.float64)
        mean = z.mean(0)
        _, singular, rows = np.linalg.svd(z - mean, full_matrices=len(z) < z.shape[1])
        deviation = np.zeros(z.shape[1])
        deviation[: len(singular)] = singular / np.sqrt(len(z))
        pivots = rows[np.arange(len(rows)), np.abs(rows).argmax(1)]
        out.append((mean, (rows * np.where(pivots < 0, -1.0, 1.0)[:, None]).T, deviation))
    return out


def _equal_order(sizes: Sequence[int]) -> np.ndarray:
    """Round robin over sources: an equal split m/K at every m, remainders to the first sources."""
    return np.array([(i, j) for j in range(max(sizes)) for i, size in enumerate(sizes) if j < size])


def fit_ndpca(latents: Sequence[np.ndarray]) -> LinearBottleneck:
    """The deployment fit of facts 1.3: SVD per source over the whole training set, singular values pooled and sorted
    once.
    """
    parts = _principal(latents)
    pool = [(-value, i, j) for i, (_, _, deviation) in enumerate(parts) for j, value in enumerate(deviation)]
    pool.sort()
    order = np.array([(i, j) for _, i, j in pool])
    deviation = np.array([-value for value, _, _ in pool])
    return LinearBottleneck(tuple(p[0] for p in parts), tuple(p[1] for p in parts), order, deviation)


def fit_pca_equal(latents: Sequence[np.ndarray]) -> LinearBottleneck:
    """Per-source PCA with an equal split (facts 1.5 b): the value of PCA without that of allocation."""
    parts = _principal(latents)
    order = _equal_order([len(p[0]) for p in parts])
    deviation = np.array([parts[i][2][j] for i, j in order])
    return LinearBottleneck(tuple(p[0] for p in parts), tuple(p[1] for p in parts), order, deviation)


def truncate(latents: Sequence[np.ndarray]) -> LinearBottleneck:
    """The first m/K numbers of each plain latent, the rest at its training mean (facts 1.5 a): the paper's naive
    baseline.
    """
    sizes = [z.shape[1] for z in latents]
    order = _equal_order(sizes)
    spread = [np.asarray(z, np.float64).std(0) for z in latents]
    deviation = np.array([spread[i][j] for i, j in order])
    return LinearBottleneck(
        tuple(np.asarray(z, np.float64).mean(0) for z in latents),
        tuple(np.eye(size) for size in sizes),
        order,
        deviation,
    )


FITS = {"ndpca": fit_ndpca, "pca_equal": fit_pca_equal, "truncate": truncate, "fixed": truncate}
