"""Proposition 1 on small discrete models, exactly (abstract page; completed in facts 4.1).

With y -> x <- z, z independent of y, and any encoder q(z|x) that does not see y,

    log p(x|y) >= E_{q(z|x)}[log p(x|y, z)] - KL(q(z|x) || p(z))        (dELBO)

The slack is KL(q(z|x) || p(z|x, y)), so it is zero for all y exactly where the posterior does not depend on y and q is
that posterior. Otherwise some slack stays for the best q too: the price of an encoder that does not see y.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import logsumexp, softmax


@dataclass(frozen=True)
class DiscreteModel:
    """Log-probabilities in nats: `y` (Y,), `z` (Z,), and `x` (Y, Z, X) of x given y and z."""

    y: np.ndarray
    z: np.ndarray
    x: np.ndarray

    @property
    def likelihood(self) -> np.ndarray:
        """log p(x|y), (Y, X)."""
        return np.asarray(logsumexp(self.z[None, :, None] + self.x, axis=1))

    @property
    def posterior(self) -> np.ndarray:
        """p(z|x, y), (Y, X, Z)."""
        return np.exp(self.z[None, :, None] + self.x - self.likelihood[:, None]).transpose(0, 2, 1)

    @property
    def joint(self) -> np.ndarray:
        """p(x, y), (Y, X)."""
        return np.exp(self.y[:, None] + self.likelihood)


def random_model(rng: np.random.Generator, x: int = 6, y: int = 4, z: int = 5) -> DiscreteModel:
    """Distributions drawn uniformly from their simplices: the posterior of z depends on y."""
    draws = rng.dirichlet(np.ones(y)), rng.dirichlet(np.ones(z)), rng.dirichlet(np.ones(x), (y, z))
    return DiscreteModel(*(np.log(np.maximum(one, 1e-300)) for one in draws))


def separable_model(rng: np.random.Generator, u: int = 3, v: int = 2, y: int = 4, z: int = 5) -> DiscreteModel:
    """x = (u, v) with u drawn by z alone and v by y alone: the posterior of z does not depend on y."""
    of_y, of_z = rng.dirichlet(np.ones(v), y), rng.dirichlet(np.ones(u), z)
    x = (np.log(of_z)[None, :, :, None] + np.log(of_y)[:, None, None, :]).reshape(y, z, u * v)
    return DiscreteModel(np.log(rng.dirichlet(np.ones(y))), np.log(rng.dirichlet(np.ones(z))), x)


def random_encoder(rng: np.random.Generator, model: DiscreteModel) -> np.ndarray:
    """q(z|x), (X, Z), each row drawn uniformly from its simplex."""
    return rng.dirichlet(np.ones(len(model.z)), model.x.shape[2])


def best_encoder(model: DiscreteModel) -> np.ndarray:
    """The q(z|x), (X, Z), of the largest expected dELBO: proportional to p(z) exp(sum_y p(y|x) log p(x|y, z))."""
    share = model.joint / model.joint.sum(axis=0)
    expected = np.einsum("yx,yzx->xz", share, model.x)
    return np.asarray(softmax(model.z + expected, axis=1))


def delbo(model: DiscreteModel, q: np.ndarray) -> np.ndarray:
    """The bound in nats for every x and y, (Y, X), of an encoder q (X, Z)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        divergence = np.where(q > 0, q * (np.log(q) - model.z), 0.0).sum(axis=1)
    return np.einsum("xz,yzx->yx", q, model.x) - divergence


def slack(model: DiscreteModel, q: np.ndarray) -> np.ndarray:
    """log p(x|y) - dELBO in nats, (Y, X); never negative, by Proposition 1."""
    return model.likelihood - delbo(model, q)


def posterior_divergence(model: DiscreteModel, q: np.ndarray) -> np.ndarray:
    """KL(q(z|x) || p(z|x, y)) in nats, (Y, X): what the slack has to be, computed another way."""
    posterior = model.posterior
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(q > 0, q * (np.log(q) - np.log(posterior)), 0.0).sum(axis=2)


def check_proposition(rng: np.random.Generator, models: int = 50) -> pd.DataFrame:
    """Slack of random, best and (where there is one for all y) posterior encoders on random models of both kinds.

    Returns one row a model and encoder: `model` (random, separable), `number`, `encoder`, `smallest` and `mean` slack
    (the mean over p(x, y)), and `identity_error`, how far the slack is from the divergence at most; all in nats.
    """
    rows = []
    for number in range(models):
        for kind, model in (("random", random_model(rng)), ("separable", separable_model(rng))):
            for encoder, q in _encoders(rng, model, kind):
                gap = slack(model, q)
                rows.append(
                    {
                        "model": kind,
                        "number": number,
                        "encoder": encoder,
                        "smallest": float(gap.min()),
                        "mean": float((model.joint * gap).sum()),
                        "identity_error": float(np.abs(gap - posterior_divergence(model, q)).max()),
                    }
                )
    return pd.DataFrame(rows)


def _encoders(rng: np.random.Generator, model: DiscreteModel, kind: str) -> Iterator[tuple[str, np.ndarray]]:
    yield "random", random_encoder(rng, model)
    yield "best", best_encoder(model)
    if kind == "separable":
        yield "posterior", model.posterior[0]
