"""The factorised prior is a distribution whatever its weights, and learns one that it is shown."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Normal

from thinwire.nn.factorised_prior import FactorisedPrior


def wild(rows: int, filters: tuple[int, ...], seed: int, spread: float) -> FactorisedPrior:
    """A prior with every weight drawn at random."""
    generator = torch.Generator().manual_seed(seed)
    prior = FactorisedPrior(rows, filters).double()
    with torch.no_grad():
        for value in prior.parameters():
            value.copy_(spread * torch.randn(value.shape, generator=generator, dtype=torch.float64))
    return prior.requires_grad_(False)


@given(st.integers(1, 3), st.sampled_from([(3, 3, 3, 3), (2,), (4, 1)]), st.integers(0, 10_000), st.floats(0.1, 3.0))
@settings(max_examples=60, deadline=None)
def test_it_is_a_cumulative_distribution(rows: int, filters: tuple[int, ...], seed: int, spread: float) -> None:
    """Monotone, from 0 to 1."""
    prior = wild(rows, filters, seed, spread)
    x = torch.linspace(-60, 60, 4001, dtype=torch.float64).expand(rows, -1)
    F = prior.cumulative(x)
    assert float(F.min()) >= 0.0 and float(F.max()) <= 1.0 and float(F.diff(dim=1).min()) >= 0.0
    far = torch.tensor([[-1e30, 1e30]], dtype=torch.float64).expand(rows, -1)
    assert torch.allclose(prior.cumulative(far), torch.tensor([0.0, 1.0], dtype=torch.float64))


@given(st.integers(0, 10_000), st.floats(0.1, 1.5), st.floats(0.25, 10.0))
@settings(max_examples=40, deadline=None)
def test_cells_fill_the_line(seed: int, spread: float, step: float) -> None:
    """The density integrates to 1: cells of any width add up to it, and so do the masses of a table."""
    prior = wild(2, (3, 3, 3, 3), seed, spread)
    low, high = (float(prior.quantile(p).min() if p < 0.5 else prior.quantile(p).max()) for p in (1e-6, 1 - 1e-6))
    masses = prior.masses(math.floor(low / step), math.ceil(high / step), step)
    assert float(masses.min()) >= 0.0 and torch.allclose(masses.sum(1), torch.ones(2, dtype=torch.float64))
    count = min(masses.shape[1], 2000)
    centres = step * (math.floor(low / step) + torch.arange(1, count - 1, dtype=torch.float64))
    cells = prior.likelihood(centres.expand(2, -1), step)
    assert torch.allclose(cells, masses[:, 1 : count - 1].clamp(min=1e-9), atol=1e-12)


def test_masses_hold_the_tails_in_the_outermost_symbols() -> None:
    prior = wild(1, (3,), 4, 0.5)
    assert prior.masses(2, 2).tolist() == [[1.0]]
    narrow, wide = prior.masses(-1, 1), prior.masses(-50, 50)
    assert float(narrow[0, 0]) == pytest.approx(float(wide[0, :50].sum()), abs=1e-9)
    with pytest.raises(ValueError, match="none"):
        prior.masses(1, 0)


@given(st.integers(0, 10_000), st.floats(0.0001, 0.9999))
@settings(max_examples=40, deadline=None)
def test_quantiles_are_where_the_cumulative_says(seed: int, probability: float) -> None:
    prior = wild(3, (3, 3), seed, 0.7)
    F = prior.cumulative(prior.quantile(probability)[:, None])
    assert torch.allclose(F, torch.full_like(F, probability), atol=1e-6)


def test_far_cells_keep_digits_and_a_floor() -> None:
    prior = FactorisedPrior(1, (3,), init_scale=1.0).requires_grad_(False)
    x = torch.tensor([[-8.0, 8.0, 1e4]])
    exact = prior.double().likelihood(x.double())
    assert torch.allclose(prior.float().likelihood(x).double(), exact, rtol=1e-3)
    assert float(exact[0, 2]) == pytest.approx(1e-9)


def test_it_learns_a_normal_distribution() -> None:
    """Bits a symbol come within 0.02 of the entropy of the noisy symbol's true distribution, and rows keep apart."""
    torch.manual_seed(0)
    prior, generator = FactorisedPrior(2), torch.Generator().manual_seed(0)
    sigma = torch.tensor([[1.0], [3.0]])

    def draw(count: int) -> torch.Tensor:
        uniform = torch.rand(2, count, generator=generator) - 0.5
        return sigma * torch.randn(2, count, generator=generator) + uniform

    optimiser = torch.optim.Adam(prior.parameters(), 0.02)
    for _ in range(400):
        loss = prior.bits(draw(512)[None]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    x = draw(100_000)
    true = -(Normal(0.0, sigma).cdf(x + 0.5) - Normal(0.0, sigma).cdf(x - 0.5)).log2().mean(1)
    ours = prior.bits(x[None]).mean((0, 2)).detach()
    assert torch.allclose(ours, true, atol=0.03)
    assert float(true[0]) == pytest.approx(2.1, abs=0.1) and float(ours[1] - ours[0]) > 1.0
