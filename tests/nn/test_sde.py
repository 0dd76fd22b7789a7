from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from thinwire.errors import ParamError
from thinwire.nn.sde import OuveSde, over_batch, sample


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_known_values():
    sde = OuveSde()
    t = torch.tensor([1.0, 0.03], dtype=torch.float64)
    assert sde.std(t).tolist() == pytest.approx([0.389, 0.0188], rel=3e-3)
    assert float(sde.residual(t)[0]) == pytest.approx(0.223, abs=5e-4)
    assert float(sde.std(torch.tensor(0.0))) == 0.0


@pytest.mark.parametrize("sde", [OuveSde(), OuveSde(theta=2.0, sigma_min=0.1, sigma_max=1.0)])
def test_moments_solve_their_differential_equations(sde):
    x0, y = 0.8, -0.3

    def moments(t, m):
        g = float(sde.diffusion(torch.tensor(t, dtype=torch.float64)))
        return [sde.theta * (y - m[0]), -2.0 * sde.theta * m[1] + g**2]

    times = np.array([0.03, 0.25, 0.5, 1.0])
    solved = solve_ivp(moments, (0.0, 1.0), [x0, 0.0], t_eval=times, rtol=1e-9, atol=1e-12).y
    t = torch.tensor(times)
    mean = sde.mean(torch.full((4,), x0, dtype=torch.float64), torch.full((4,), y, dtype=torch.float64), t)
    np.testing.assert_allclose(mean, solved[0], rtol=1e-7)
    np.testing.assert_allclose(sde.std(t) ** 2, solved[1], rtol=1e-7)


@pytest.mark.parametrize("part_variance", [1.0, 0.5])
def test_forward_simulation_agrees_with_the_closed_form(part_variance):
    sde, steps, count = OuveSde(part_variance=part_variance), 400, 40000
    x0, y = torch.tensor(0.9), torch.tensor(0.1)
    x, generator, dt = x0.expand(count, 1, 1, 1), seeded(0), 1.0 / steps
    for step in range(steps):
        t = torch.tensor((step + 0.5) * dt)
        x = x + sde.drift(x, y) * dt + sde.diffusion(t) * math.sqrt(dt) * sde.noise(x, generator)
    one = torch.ones(1)
    assert float(x.mean()) == pytest.approx(float(sde.mean(x0[None], y[None], one)), abs=0.01)
    assert float(x.var()) == pytest.approx(part_variance * float(sde.std(one)) ** 2, rel=0.03)


def test_mean_takes_one_time_for_each_item():
    sde = OuveSde()
    x0, y = torch.rand(2, 1, 3, 4), torch.rand(2, 1, 3, 4)
    both = sde.mean(x0, y, torch.tensor([0.0, 1e6]))
    assert torch.equal(both[0], x0[0]) and torch.equal(both[1], y[1])


def test_prior_and_times():
    sde = OuveSde()
    y = torch.full((1, 1, 200, 200), 0.7)
    start = sde.prior_sample(y, seeded(3))
    assert float(start.mean()) == pytest.approx(0.7, abs=0.01)
    assert float(start.std()) == pytest.approx(0.389, rel=0.02)
    assert torch.equal(start, sde.prior_sample(y, seeded(3)))
    times = sde.times(1000, seeded(1))
    assert float(times.min()) >= sde.t_eps and float(times.max()) <= sde.T


def gaussian_score(sde: OuveSde, mu: float, deviation: float):
    """`part_variance` times the exact score of p_t(x | y) for x0 ~ N(mu, deviation^2) in every bin."""

    def score(x, y, t):
        mean = sde.mean(torch.full_like(x, mu), y, t)
        variance = sde.residual(t) ** 2 * deviation**2 + sde.part_variance * sde.std(t) ** 2
        return -sde.part_variance * (x - mean) / over_batch(variance, x)

    return score


@pytest.mark.parametrize("part_variance", [1.0, 0.5])
def test_sampler_recovers_a_gaussian(part_variance):
    sde = OuveSde(part_variance=part_variance)
    y = torch.full((4, 1, 80, 80), 0.2)
    drawn = sample(gaussian_score(sde, 0.6, 0.3), y, sde, n_steps=60, snr=0.3, generator=seeded(0))
    assert float(drawn.mean()) == pytest.approx(0.6, abs=0.02)
    assert float(drawn.std()) == pytest.approx(0.3, rel=0.05)


def test_predictor_alone_converges_to_the_gaussian():
    sde = OuveSde()
    y = torch.full((2, 1, 80, 80), 0.5)  # y = mu: no prior mismatch, what is left is the predictor's step size
    drawn = sample(gaussian_score(sde, 0.5, 0.3), y, sde, n_steps=300, corrector_steps=0, generator=seeded(0))
    assert float(drawn.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(drawn.std()) == pytest.approx(0.3, rel=0.05)


def test_sampler_ends_without_noise():
    # a known x0 has no spread; noise in the last step would leave g(t_eps) sqrt(t_eps) = 0.02
    sde = OuveSde()
    drawn = sample(gaussian_score(sde, 0.6, 1e-6), torch.full((1, 1, 40, 40), 0.2), sde, generator=seeded(0))
    assert float(drawn.std()) < 0.012
    assert float(drawn.mean()) == pytest.approx(0.6, abs=0.02)


def test_sampler_calls_the_network_twice_a_step_and_is_deterministic():
    sde, calls = OuveSde(), []

    def score(x, y, t):
        calls.append(float(t[0]))
        return -x

    y = torch.rand(3, 2, 5, 4, generator=seeded(1))
    first = sample(score, y, sde, n_steps=30, generator=seeded(2))
    assert len(calls) == 60 and first.shape == y.shape
    assert calls[0] == 1.0 and calls[-1] == pytest.approx(0.03)
    assert torch.equal(first, sample(score, y, sde, n_steps=30, generator=seeded(2)))


def test_senseless_settings_are_refused():
    with pytest.raises(ParamError, match="sigma_min"):
        OuveSde(sigma_min=0.5, sigma_max=0.5)
    with pytest.raises(ParamError, match="t_eps"):
        OuveSde(t_eps=0.0)
    with pytest.raises(ParamError, match="theta"):
        OuveSde(theta=0.0)
    with pytest.raises(ParamError, match="n_steps"):
        sample(lambda x, y, t: x, torch.zeros(1, 1, 2, 2), OuveSde(), n_steps=0, generator=seeded(0))
