"""Normalisation of the latent before rounding (Eq. 5): running statistics of each row in training, tables with an
entry a row and time index in use (section 4.3.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from thinwire.errors import CheckpointError

MOMENTUM = 0.05
SIGMA_FLOOR = 0.1
"""Smallest sigma_ji in units of its row's standard deviation: where training material was always silent, a table's own
would blow noise up. Reading."""
_EPS = 1e-5


@dataclass(frozen=True)
class Scale:
    """Means and standard deviations (rows, 1) or (rows, T) of a latent (B, rows, T)."""

    mu: Tensor
    sigma: Tensor

    def normalise(self, r: Tensor) -> Tensor:
        """r~ = (r - mu) / sigma."""
        return (r - self.mu) / self.sigma

    def restore(self, r: Tensor) -> Tensor:
        """The inverse of `normalise`."""
        return r * self.sigma + self.mu


class LatentNormalisation(nn.Module):
    """Statistics of rows j: of the batch (with gradient) while training, running ones else. "Means and standard
    deviations recorded dynamically by learnable parameters" (section 4.3.3) is read so, because rates as printed need
    unit variance whatever the network learns (facts 3.1).

    The final tables are no part of the weights; `attach` puts them in.
    """

    mean: Tensor
    variance: Tensor
    mu: Tensor | None
    sigma: Tensor | None

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(rows))
        self.register_buffer("variance", torch.ones(rows))
        self.register_buffer("mu", None, persistent=False)
        self.register_buffer("sigma", None, persistent=False)

    def of_rows(self, r: Tensor) -> Scale:
        """The scale for a latent (B, rows, T) in training or validation."""
        mean, variance = self.mean, self.variance
        if self.training:
            variance, mean = torch.var_mean(r, (0, 2), correction=0)
            with torch.no_grad():
                self.mean.lerp_(mean, MOMENTUM)
                self.variance.lerp_(variance, MOMENTUM)
        return Scale(mean[:, None], (variance + _EPS).sqrt()[:, None])

    def attach(self, mu: Tensor, sigma: Tensor) -> None:
        """Set the tables (rows, T); raises CheckpointError for other shapes or a sigma that is not positive."""
        if mu.shape != sigma.shape or mu.ndim != 2 or len(mu) != len(self.mean):
            raise CheckpointError(
                f"normalisation tables of shapes {tuple(mu.shape)} and {tuple(sigma.shape)} do not fit a latent of "
                f"{len(self.mean)} rows; take the tables that lie beside the model's weights"
            )
        if not (torch.isfinite(mu).all() and torch.isfinite(sigma).all() and (sigma > 0).all()):
            raise CheckpointError("normalisation tables hold values that are not finite, or a sigma of 0; train again")
        self.mu, self.sigma = mu.to(self.mean), sigma.to(self.mean)

    @property
    def tables(self) -> Scale:
        """What is used outside training; raises CheckpointError when nothing was attached."""
        if self.mu is None or self.sigma is None:
            raise CheckpointError("the model has no normalisation tables yet; attach those that lie beside its weights")
        return Scale(self.mu, self.sigma)


def measure_tables(latents: Iterable[Tensor]) -> Scale:
    """mu and sigma (rows, T) over all items of latents (B, rows, T) that come in batches; sums in double precision.

    Raises ValueError when there are none.
    """
    count, mean, squares = 0, torch.zeros(()), torch.zeros(())
    for batch in latents:
        values = batch.double()
        number = len(values)
        variance, centre = torch.var_mean(values, 0, correction=0)
        delta = centre - mean
        mean = mean + delta * number / (count + number)
        squares = squares + number * variance + delta.square() * count * number / (count + number)
        count += number
    if not count:
        raise ValueError("no latents to measure")
    variance = squares / count
    of_row = (variance + (mean - mean.mean(1, keepdim=True)).square()).mean(1, keepdim=True)
    sigma = torch.maximum(variance, SIGMA_FLOOR**2 * of_row + _EPS**2).sqrt()
    return Scale(mean.float(), sigma.float())
