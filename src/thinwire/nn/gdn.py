"""Generalised divisive normalisation and its approximate inverse (Balle et al. 2016; facts 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from thinwire.nn.bounds import lower_bound

BETA_MIN = 1e-6
_PEDESTAL = 2.0**-36  # keeps the square root's gradient finite where gamma is zero


class Gdn(nn.Module):
    """y_i = x_i / sqrt(beta_i + sum_j gamma_ij x_j^2) over channels of x (B, C, H, W); `inverse` multiplies (IGDN).

    beta >= 1e-6 and gamma >= 0 by reparametrisation: the weights are their square roots. Begins at beta = 1, gamma =
    0.1 on the diagonal. The inverse of y = GDN(x) is `invert`, not IGDN, which is a layer of its own weights that only
    takes the inverse's form.
    """

    def __init__(self, channels: int, inverse: bool = False) -> None:
        super().__init__()
        self.inverse = inverse
        self.beta_root = nn.Parameter(torch.full((channels,), 1.0 + _PEDESTAL).sqrt())
        self.gamma_root = nn.Parameter((0.1 * torch.eye(channels) + _PEDESTAL).sqrt())

    @property
    def beta(self) -> Tensor:
        """(C,)"""
        return lower_bound(self.beta_root, (BETA_MIN + _PEDESTAL) ** 0.5).square() - _PEDESTAL

    @property
    def gamma(self) -> Tensor:
        """(C, C), row i: what divides channel i."""
        return lower_bound(self.gamma_root, _PEDESTAL**0.5).square() - _PEDESTAL

    def forward(self, x: Tensor) -> Tensor:
        norm = functional.conv2d(x.square(), self.gamma[:, :, None, None], self.beta)
        return x * (norm.sqrt() if self.inverse else norm.rsqrt())


def invert(y: Tensor, beta: Tensor, gamma: Tensor) -> Tensor:
    """x (..., C) of y = x / sqrt(beta + gamma x^2) (..., C), in closed form: with u = x^2, (1 - diag(y^2) gamma) u =
    y^2 beta is linear.
    """
    squares = y.square()
    system = torch.eye(len(beta), dtype=y.dtype) - squares.unsqueeze(-1) * gamma
    return y.sign() * torch.linalg.solve(system, squares * beta).clamp(min=0.0).sqrt()
