"""Distributed PCA against brute force, explicit projections and finite differences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from thinwire.errors import CheckpointError
from thinwire.systems.ndpca.pca import FITS, LinearBottleneck, fit_ndpca, fit_pca_equal, project_budget, truncate


def captured(bottleneck: LinearBottleneck, latents: list[np.ndarray], m: int) -> float:
    """Variance that budget m keeps."""
    z_hat = bottleneck.reconstruct(latents, m)
    return float(np.square(z_hat - np.concatenate(bottleneck.mean)).mean(0).sum())


def by_brute_force(latents: list[np.ndarray], m: int) -> float:
    """The largest variance that any choice of m principal directions, of whichever sources, keeps."""
    values = [np.linalg.eigvalsh(np.cov(z.T, bias=True)) for z in latents]
    return max(sum(choice) for choice in itertools.combinations(np.concatenate(values), m))


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(2, 4), min_size=1, max_size=3), st.integers(6, 20))
def test_selection_is_the_best_of_all_subsets(seed: int, sizes: list[int], items: int) -> None:
    generator = np.random.default_rng(seed)
    latents = [generator.standard_normal((items, d)) @ generator.standard_normal((d, d)) for d in sizes]
    bottleneck = fit_ndpca(latents)
    for m in range(1, sum(sizes) + 1):
        best = by_brute_force(latents, m)
        assert captured(bottleneck, latents, m) == pytest.approx(best, rel=1e-9, abs=1e-12)
        assert np.square(bottleneck.deviation[:m]).sum() == pytest.approx(best, rel=1e-9, abs=1e-12)
        # each alone can take only what it can; no equal split keeps more
        assert captured(fit_pca_equal(latents), latents, m) <= best * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize("mode", sorted(FITS))
def test_budgets_nest_and_counts_add_up(sources: list[np.ndarray], mode: str) -> None:
    bottleneck = FITS[mode](sources)
    kept = [captured(bottleneck, sources, m) for m in range(21)]
    assert kept[0] == 0.0 and all(a <= b + 1e-12 for a, b in itertools.pairwise(kept))
    for m in range(21):
        counts = bottleneck.counts(m)
        assert counts.sum() == m and len(counts) == 4
        assert [len(bottleneck.columns(m, i)) for i in range(4)] == list(counts)
        if mode != "ndpca":
            assert counts.max() - counts.min() <= 1 and list(counts) == sorted(counts, reverse=True)
    np.testing.assert_allclose(bottleneck.reconstruct(sources, 20), np.concatenate(sources, 1), atol=1e-10)
    assert {tuple(pair) for pair in bottleneck.order} == set(itertools.product(range(4), range(5)))


def test_allocation_goes_where_the_variance_is(sources: list[np.ndarray]) -> None:
    counts = fit_ndpca([100.0 * sources[0], *sources[1:]]).counts(5)
    assert list(counts) == [5, 0, 0, 0]
    bottleneck = fit_ndpca([100.0 * sources[0], *sources[1:]])
    z_hat = bottleneck.reconstruct([100.0 * sources[0], *sources[1:]], 5)
    np.testing.assert_allclose(z_hat[:, 5:], np.concatenate([z.mean(0) for z in sources[1:]])[None].repeat(60, 0))


def test_a_source_needs_nothing_of_the_others(sources: list[np.ndarray]) -> None:
    bottleneck = fit_ndpca(sources)
    z_hat = bottleneck.reconstruct(sources, 7)
    for i in range(4):
        sent = bottleneck.encode_source(sources[i], 7, i)
        assert sent.shape == (60, bottleneck.counts(7)[i])
        np.testing.assert_array_equal(bottleneck.decode_source(sent, 7, i), z_hat[:, 5 * i : 5 * i + 5])
        others = [z if j == i else z + 100.0 for j, z in enumerate(sources)]
        np.testing.assert_array_equal(
            bottleneck.reconstruct(others, 7)[:, 5 * i : 5 * i + 5], z_hat[:, 5 * i : 5 * i + 5]
        )


def test_truncation_keeps_the_first_numbers(sources: list[np.ndarray]) -> None:
    z_hat = truncate(sources).reconstruct(sources, 6)  # 2, 2, 1, 1
    for i, kept in enumerate((2, 2, 1, 1)):
        part = z_hat[:, 5 * i : 5 * i + 5]
        np.testing.assert_allclose(part[:, :kept], sources[i][:, :kept])
        np.testing.assert_allclose(part[:, kept:], np.broadcast_to(sources[i].mean(0)[kept:], part[:, kept:].shape))


@pytest.mark.parametrize("items", [3, 400])
def test_directions_are_orthonormal_whatever_the_number_of_items(items: int) -> None:
    z = np.random.default_rng(1).standard_normal((items, 6))
    bottleneck = fit_ndpca([z])
    np.testing.assert_allclose(bottleneck.directions[0].T @ bottleneck.directions[0], np.eye(6), atol=1e-12)
    np.testing.assert_allclose(bottleneck.reconstruct([z], 6), z, atol=1e-12)
    assert np.count_nonzero(bottleneck.deviation > 1e-12) == min(items - 1, 6)


def test_impossible_budgets_are_refused(sources: list[np.ndarray]) -> None:
    for m in (-1, 21):
        with pytest.raises(CheckpointError, match=f"budget {m} is outside 0 to 20"):
            fit_ndpca(sources).reconstruct(sources, m)


def as_tensors(arrays: list[np.ndarray], grad: bool = False) -> list[Tensor]:
    return [torch.tensor(z, dtype=torch.float64, requires_grad=grad) for z in arrays]


def test_training_bottleneck_equals_the_fitted_one(sources: list[np.ndarray]) -> None:
    for m in range(21):
        out = project_budget(as_tensors(sources), m)
        expected = fit_ndpca(sources).reconstruct(sources, m)
        np.testing.assert_allclose(torch.cat(out, 1).numpy(), expected, atol=1e-9)
        ranks = [int(torch.linalg.matrix_rank(z - z.mean(0), tol=1e-8)) for z in out]
        assert sum(ranks) == m


def test_unselected_source_is_its_batch_mean(sources: list[np.ndarray]) -> None:
    out = project_budget(as_tensors([100 * sources[0], *sources[1:]]), 3)
    for z, given_ in zip(out[1:], sources[1:], strict=True):
        np.testing.assert_allclose(z.numpy(), np.broadcast_to(given_.mean(0), given_.shape), atol=1e-12)


def target_of(latents: list[Tensor], budget: int, weights: Tensor) -> Tensor:
    return (torch.sin(torch.cat(project_budget(latents, budget), dim=1)) * weights).sum()


@pytest.mark.parametrize("budget", [1, 4, 9, 15])
def test_gradient_against_finite_differences(budget: int) -> None:
    generator = np.random.default_rng(budget)
    latents = [generator.standard_normal((9, 4)) * 2.0 ** -np.arange(4) * (1 + i) for i in range(4)]
    weights = torch.tensor(generator.standard_normal((9, 16)))
    tensors = as_tensors(latents, grad=True)
    gradients = torch.autograd.grad(target_of(tensors, budget, weights), tensors)
    step = 1e-6
    for i, gradient in enumerate(gradients):
        for row, column in itertools.product((0, 4, 8), range(4)):
            sides = []
            for sign in (1, -1):
                moved = [z.copy() for z in latents]
                moved[i][row, column] += sign * step
                sides.append(target_of(as_tensors(moved), budget, weights).item())
            numeric = (sides[0] - sides[1]) / (2 * step)
            assert gradient[row, column].item() == pytest.approx(numeric, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("case", ["equal rows", "one row", "repeated eigenvalues", "zeros"])
def test_gradient_is_finite_where_directions_are_not_unique(case: str) -> None:
    z = {
        "equal rows": torch.ones(8, 4),
        "one row": torch.arange(4.0)[None],
        "repeated eigenvalues": torch.cat([torch.eye(4), -torch.eye(4)]),
        "zeros": torch.zeros(8, 4),
    }[case]
    for budget in range(1, 9):
        latents = [z.clone().requires_grad_(), z.clone().requires_grad_()]
        out = torch.cat(project_budget(latents, budget), dim=1)
        assert torch.isfinite(out).all()
        for gradient in torch.autograd.grad((out * torch.arange(out.numel()).view_as(out)).sum(), latents):
            assert torch.isfinite(gradient).all()
