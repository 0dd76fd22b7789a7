"""The OUVE diffusion of score-based enhancement and its predictor-corrector sampler."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from thinwire.errors import ParamError

ScoreFunction = Callable[[Tensor, Tensor, Tensor], Tensor]
"""`score(x_t, y, t)` with states (B, C, F, T) and times (B,); see `OuveSde` for the scale of a score."""


@dataclass(frozen=True)
class OuveSde:
    """Ornstein-Uhlenbeck process with variance exploding noise: dx = theta (y - x) dt + g(t) dw (paper 000, Eq. 14-15).

    A state is a real tensor (B, C, F, T): C = 1 for a compressed magnitude, C = 2 for real and imaginary parts.
    The Wiener process has variance `part_variance` in each part: 1 for a real state, 0.5 for the two parts of a
    complex one, so that `std` is the deviation of the whole coefficient and the numbers of SGMSE hold for both.
    A score is `part_variance` times the gradient of log p_t, which is -z / std(t) for x_t = mean + std(t) z; with it
    the reverse drift reads theta (y - x) - g^2 score whatever `part_variance` is.

    The text prints sigma(t) alone as the diffusion; the factor sqrt(2 ln(sigma_max / sigma_min)) is the reading that
    makes the closed form of the variance true (Welker et al. 2022).
    """

    theta: float = 1.5
    sigma_min: float = 0.05
    sigma_max: float = 0.5
    t_eps: float = 0.03
    T: float = 1.0
    part_variance: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.sigma_min < self.sigma_max:
            raise ParamError(f"sigma_min {self.sigma_min}, sigma_max {self.sigma_max}: need 0 < sigma_min < sigma_max")
        if self.theta <= 0.0 or self.part_variance <= 0.0:
            raise ParamError(f"theta {self.theta}, part_variance {self.part_variance}: both must be positive")
        if not 0.0 < self.t_eps < self.T:
            raise ParamError(f"t_eps {self.t_eps}, T {self.T}: need 0 < t_eps < T")

    @property
    def log_ratio(self) -> float:
        """ln(sigma_max / sigma_min)."""
        return math.log(self.sigma_max / self.sigma_min)

    def residual(self, t: Tensor) -> Tensor:
        """Weight of x0 in the mean at time t, e^(-theta t); 0.223 at t = 1, which the prior leaves out."""
        return torch.exp(-self.theta * t)

    def mean(self, x0: Tensor, y: Tensor, t: Tensor) -> Tensor:
        """Mean of x_t given x0 and y (both (B, ...)) at times t (B,)."""
        weight = over_batch(self.residual(t), x0)
        return weight * x0 + (1.0 - weight) * y

    def std(self, t: Tensor) -> Tensor:
        """Deviation of x_t at times t, in the shape of t (SGMSE's closed form, method facts 1.6)."""
        rate = self.theta + self.log_ratio
        growth = torch.expm1(2.0 * rate * t) * torch.exp(-2.0 * self.theta * t)
        return self.sigma_min * torch.sqrt(growth * self.log_ratio / rate)

    def drift(self, x: Tensor, y: Tensor) -> Tensor:
        """Drift theta (y - x) of the forward process."""
        return self.theta * (y - x)

    def diffusion(self, t: Tensor) -> Tensor:
        """Diffusion g(t) = sigma_min (sigma_max / sigma_min)^t sqrt(2 ln(sigma_max / sigma_min)), in the shape of t."""
        return self.sigma_min * torch.exp(self.log_ratio * t) * math.sqrt(2.0 * self.log_ratio)

    def noise(self, like: Tensor, generator: torch.Generator) -> Tensor:
        """Normal noise of variance `part_variance` in the shape of `like`; equal for equal seeds on every device."""
        z = torch.randn(like.shape, generator=generator, device=generator.device, dtype=like.dtype)
        return z.to(like.device) * math.sqrt(self.part_variance)

    def times(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` times drawn uniformly from [t_eps, T)."""
        return self.t_eps + (self.T - self.t_eps) * torch.rand(count, generator=generator, device=generator.device)

    def prior_sample(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """Start of sampling, y + std(T) z."""
        return y + self.std(torch.tensor(self.T, dtype=y.dtype, device=y.device)) * self.noise(y, generator)


def over_batch(values: Tensor, like: Tensor) -> Tensor:
    """Values (B,) shaped (B, 1, ...) to multiply a tensor (B, ...) item by item."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


@torch.no_grad()
def sample(
    score_fn: ScoreFunction,
    y: Tensor,
    sde: OuveSde,
    n_steps: int = 30,
    corrector_steps: int = 1,
    snr: float = 0.5,
    *,
    generator: torch.Generator,
) -> Tensor:
    """Draw x0 given y (B, C, F, T) by the predictor-corrector sampler of SGMSE (method facts 1.6).

    Times fall evenly from T to t_eps. At each, annealed Langevin corrector steps of size 2 (snr std)^2 come before one
    reverse-diffusion predictor step to the next time (the last one to 0), so `n_steps * (corrector_steps + 1)` network
    calls. The last step returns its mean without noise. Raises ParamError for a step count that means nothing.
    """
    if n_steps < 1 or corrector_steps < 0:
        raise ParamError(f"sampler: n_steps {n_steps}, corrector_steps {corrector_steps}: need at least 1 and 0")
    grid = torch.linspace(sde.T, sde.t_eps, n_steps, dtype=y.dtype, device=y.device)
    steps = grid - torch.cat([grid[1:], grid.new_zeros(1)])
    x = sde.prior_sample(y, generator)
    x_mean = x
    for time, dt in zip(grid, steps, strict=True):
        t = time.expand(y.shape[0])
        for _ in range(corrector_steps):
            size = 2.0 * (snr * sde.std(time)) ** 2
            x = x + size * score_fn(x, y, t) + torch.sqrt(2.0 * size) * sde.noise(x, generator)
        g = sde.diffusion(time)
        x_mean = x - (sde.drift(x, y) - g**2 * score_fn(x, y, t)) * dt
        x = x_mean + g * torch.sqrt(dt) * sde.noise(x, generator)
    return x_mean
