"""Hand-written backward passes against PyTorch's layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from thinwire.nn.lean import gru, norm_act

EPS = 1e-3


@pytest.mark.parametrize("rows,channels", [(96, 2), (640, 8), (33, 5), (64, 40), (7, 1)])
def test_norm_act_equals_batch_norm_and_prelu(rows: int, channels: int) -> None:
    torch.manual_seed(0)
    norm, act = nn.BatchNorm1d(channels, eps=EPS).double(), nn.PReLU(init=-0.3).double()
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x = (3.0 * torch.randn(rows, channels, dtype=torch.float64) + 5.0).requires_grad_()
    mean, var = torch.zeros(channels, dtype=torch.float64), torch.ones(channels, dtype=torch.float64)
    given = [x, norm.weight, norm.bias, act.weight]
    theirs, ours = act(norm(x)), norm_act(*given, mean, var, EPS)
    outer = torch.randn_like(theirs)
    assert torch.allclose(ours, theirs, atol=1e-12)
    assert torch.allclose(mean, norm.running_mean) and torch.allclose(var, norm.running_var)
    for a, b in zip(torch.autograd.grad(ours, given, outer), torch.autograd.grad(theirs, given, outer), strict=True):
        assert torch.allclose(a, b, atol=1e-10)


@pytest.mark.parametrize("slope", [1.0, 0.0])
def test_norm_act_at_slopes_without_an_inverse(slope: float) -> None:
    x = torch.randn(12, 3, dtype=torch.float64, requires_grad=True)
    weight, bias = torch.rand(3, dtype=torch.float64, requires_grad=True), torch.zeros(3, dtype=torch.float64)
    moments = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    at = torch.full((1,), slope, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *a: norm_act(a[0], a[1], bias, a[2], *moments, EPS), (x, weight, at))


def test_norm_act_of_a_large_mean_in_single_precision() -> None:
    x = 100.0 + torch.randn(5000, 3, generator=torch.Generator().manual_seed(0))
    y = norm_act(x, torch.ones(3), torch.zeros(3), torch.ones(1), torch.zeros(3), torch.ones(3), EPS)
    assert torch.allclose(y, nn.functional.batch_norm(x, None, None, training=True, eps=EPS), atol=1e-3)


@pytest.mark.parametrize("batch,time", [(3, 11), (1, 1)])
def test_gru_equals_pytorchs(batch: int, time: int) -> None:
    torch.manual_seed(0)
    layer = nn.GRU(7, 5, batch_first=True).double()
    x = torch.randn(batch, time, 7, dtype=torch.float64, requires_grad=True)
    start = torch.randn(batch, 5, dtype=torch.float64, requires_grad=True)
    given = [x, start, *layer.all_weights[0]]
    theirs, ours = layer(x, start[None])[0], gru(*given)
    outer = torch.randn_like(theirs)
    assert torch.allclose(ours, theirs, atol=1e-12)
    for a, b in zip(torch.autograd.grad(ours, given, outer), torch.autograd.grad(theirs, given, outer), strict=True):
        assert torch.allclose(a, b, atol=1e-12)
