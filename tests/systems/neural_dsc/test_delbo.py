"""Proposition 1 on discrete models: the bound, what its slack is, and when it is none."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from thinwire.systems.neural_dsc.delbo import (
    DiscreteModel,
    best_encoder,
    check_proposition,
    delbo,
    posterior_divergence,
    random_encoder,
    random_model,
    separable_model,
    slack,
)

TINY = 1e-12


def by_hand(model: DiscreteModel, q: np.ndarray, x: int, y: int) -> tuple[float, float]:
    """log p(x|y) and dELBO by plain sums."""
    p_z, p_x = np.exp(model.z), np.exp(model.x[y, :, x])
    bound = sum(q[x, z] * (np.log(p_x[z]) - np.log(q[x, z] / p_z[z])) for z in range(len(p_z)))
    return float(np.log((p_z * p_x).sum())), float(bound)


def test_against_plain_sums() -> None:
    rng = np.random.default_rng(0)
    model = random_model(rng)
    q = random_encoder(rng, model)
    for x, y in ((0, 0), (3, 2), (5, 3)):
        likelihood, bound = by_hand(model, q, x, y)
        assert np.isclose(model.likelihood[y, x], likelihood) and np.isclose(delbo(model, q)[y, x], bound)
    assert np.isclose(model.joint.sum(), 1.0) and np.allclose(model.posterior.sum(axis=2), 1.0)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 7), st.integers(1, 5), st.integers(1, 6))
def test_bound_holds_for_every_encoder_and_the_slack_is_the_divergence(seed: int, x: int, y: int, z: int) -> None:
    rng = np.random.default_rng(seed)
    model = random_model(rng, x, y, z)
    q = random_encoder(rng, model)
    q[0] = np.eye(z)[0]  # a deterministic encoder, as a quantiser's is
    gap = slack(model, q)
    assert (gap >= -TINY).all() and np.allclose(gap, posterior_divergence(model, q), atol=1e-9)


def test_no_slack_where_the_posterior_does_not_depend_on_y() -> None:
    model = separable_model(np.random.default_rng(1))
    assert np.allclose(model.posterior, model.posterior[:1], atol=TINY)
    assert np.abs(slack(model, model.posterior[0])).max() < TINY


def test_no_encoder_has_less_mean_slack_than_the_best_and_it_keeps_some() -> None:
    rng = np.random.default_rng(2)
    model = random_model(rng)
    best = best_encoder(model)
    least = (model.joint * slack(model, best)).sum()
    assert least > 1e-3
    for _ in range(20):
        mixed = 0.9 * best + 0.1 * random_encoder(rng, model)
        assert (model.joint * slack(model, mixed)).sum() > least


def test_table_shows_all_three_cases() -> None:
    table = check_proposition(np.random.default_rng(3), models=10)
    assert (table["smallest"] > -TINY).all() and (table["identity_error"] < 1e-9).all()
    mean = table.groupby(["model", "encoder"])["mean"].min()
    assert mean["random", "best"] > 1e-3 > TINY > abs(mean["separable", "posterior"])
    assert abs(mean["separable", "best"]) < TINY < mean["separable", "random"]
    again = check_proposition(np.random.default_rng(3), models=10)
    assert table.equals(again)
