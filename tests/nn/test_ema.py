from __future__ import annotations

import pytest
import torch
from torch import nn

from thinwire.errors import CheckpointError, ParamError
from thinwire.nn.ema import Ema


def module(value: float = 0.0) -> nn.Module:
    layer = nn.Linear(3, 2)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(value)
    return layer


def fill(layer: nn.Module, value: float) -> None:
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(value)


def test_follows_the_recursion_with_warm_up():
    layer, expected = module(), 0.0
    ema = Ema(layer, decay=0.3)
    for n in range(8):
        fill(layer, float(n))
        ema.update()
        decay = min(0.3, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * n
    with ema.applied():
        assert torch.allclose(layer.weight, torch.full((2, 3), expected))


def test_swaps_in_and_back_even_after_an_error():
    layer = module(1.0)
    ema = Ema(layer)
    fill(layer, 5.0)
    with pytest.raises(RuntimeError), ema.applied():
        assert torch.equal(layer.bias, torch.ones(2))
        raise RuntimeError
    assert torch.equal(layer.bias, torch.full((2,), 5.0))


def test_state_resumes_to_equal_bits():
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    ema = Ema(layer)
    for value in (1.0, 2.0, 3.0):
        fill(layer, value)
        ema.update()
    other = Ema(layer)
    other.load_state_dict(ema.state_dict())
    for each in (ema, other):
        each.update()
    a, b = ema.state_dict(), other.state_dict()
    assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_keeps_frozen_parameters_and_gradients_out():
    layer = module()
    layer.bias.requires_grad_(False)
    state = Ema(layer).state_dict()
    assert set(state) == {"updates", "average.weight"}
    assert not state["average.weight"].requires_grad


def test_refuses_a_foreign_state_and_stays_as_it_was():
    ema = Ema(module(1.0))
    before = ema.state_dict()
    with pytest.raises(CheckpointError, match="average.bias"):
        ema.load_state_dict({k: v for k, v in before.items() if k != "average.bias"})
    with pytest.raises(CheckpointError, match="shape"):
        ema.load_state_dict({**before, "average.weight": torch.zeros(3, 3), "average.bias": torch.zeros(2)})
    assert all(torch.equal(v, before[k]) for k, v in ema.state_dict().items())
    with pytest.raises(ParamError, match="decay"):
        Ema(module(), decay=1.0)
