"""The factorised prior: a learned distribution of each feature row, whose cells are what symbols cost (Eq. 23, 24).

Eq. 24 prints A, B and C without constraints; a cumulative needs A > 0 and C > -1, here softplus and tanh of the weights
(Balle et al. 2018, appendix 6.1; facts 3.1).
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from thinwire.nn.bounds import lower_bound

LIKELIHOOD_MIN = 1e-9


class FactorisedPrior(nn.Module):
    """F_j, j = 1..rows: cumulative distributions on the real line, each by a small monotone network of hidden widths
    `filters`. `init_scale` is about the half-width over which the first distribution spreads.
    """

    def __init__(self, rows: int, filters: Sequence[int] = (3, 3, 3, 3), init_scale: float = 10.0) -> None:
        super().__init__()
        widths = (1, *filters, 1)
        scale = init_scale ** (1.0 / (len(filters) + 1))
        self.matrices, self.biases, self.factors = (nn.ParameterList() for _ in range(3))
        for before, after in itertools.pairwise(widths):
            start = math.log(math.expm1(1.0 / scale / after))
            self.matrices.append(nn.Parameter(torch.full((rows, after, before), start)))
            self.biases.append(nn.Parameter(torch.rand(rows, after, 1) - 0.5))
        for width in filters:
            self.factors.append(nn.Parameter(torch.zeros(rows, width, 1)))

    def logits(self, x: Tensor) -> Tensor:
        """Of the cumulative: F_j(x) = sigmoid(logits), for x (rows, n)."""
        value = x.unsqueeze(1)
        for layer, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            value = torch.baddbmm(bias, functional.softplus(matrix), value)
            if layer < len(self.factors):
                value = value + torch.tanh(self.factors[layer]) * torch.tanh(value)
        return value.squeeze(1)

    def cumulative(self, x: Tensor) -> Tensor:
        """F_j(x) of x (rows, n)."""
        return self.logits(x).sigmoid()

    def likelihood(self, x: Tensor, step: float = 1.0) -> Tensor:
        """F_j(x + step / 2) - F_j(x - step / 2) of x (rows, n), at least 1e-9: mass of the cell around x (Eq. 23)."""
        upper, lower = self.logits(x + 0.5 * step), self.logits(x - 0.5 * step)
        # On the side where both sigmoids are small their difference keeps its digits.
        side = -torch.sign(upper + lower).detach()
        return lower_bound((torch.sigmoid(side * upper) - torch.sigmoid(side * lower)).abs(), LIKELIHOOD_MIN)

    def bits(self, x: Tensor) -> Tensor:
        """-log2 of the likelihood of x (B, rows, T), of the same shape."""
        batch, rows, time = x.shape
        flat = self.likelihood(x.transpose(0, 1).reshape(rows, batch * time))
        return -flat.log2().reshape(rows, batch, time).transpose(0, 1)

    @torch.no_grad()
    def quantile(self, probability: float) -> Tensor:
        """x (rows,) float64 with F_j(x) = `probability`, by bisection."""
        prior = copy.deepcopy(self).double()
        rows = len(self.biases[0])
        target = math.log(probability) - math.log1p(-probability)
        low, high = torch.full((rows, 1), -1.0, dtype=torch.float64), torch.full((rows, 1), 1.0, dtype=torch.float64)
        for _ in range(60):
            low = torch.where(prior.logits(low) > target, 2.0 * low, low)
            high = torch.where(prior.logits(high) < target, 2.0 * high, high)
        for _ in range(80):
            middle = 0.5 * (low + high)
            below = prior.logits(middle) < target
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return (0.5 * (low + high)).squeeze(1)

    @torch.no_grad()
    def masses(self, low: int, high: int, step: float = 1.0) -> Tensor:
        """Probabilities (rows, high - low + 1) float64 of the symbols low..high, cells of width `step` around step * k;
        the outermost hold the tails, so that each row adds up to 1. Raises ValueError for an empty range.
        """
        if low > high:
            raise ValueError(f"symbols {low} to {high}: none")
        edges = step * (torch.arange(low, high, dtype=torch.float64) + 0.5)
        prior, rows = copy.deepcopy(self).double(), len(self.biases[0])
        inner = prior.cumulative(edges.expand(rows, -1)) if len(edges) else edges.new_zeros(rows, 0)
        ends = inner.new_zeros(rows, 1), inner.new_ones(rows, 1)
        return torch.cat([ends[0], inner, ends[1]], 1).diff(dim=1)
