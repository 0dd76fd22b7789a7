"""GDN against its definition and its inverse in closed form; what its parameters cannot become."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from thinwire.nn.bounds import lower_bound
from thinwire.nn.gdn import BETA_MIN, Gdn, invert


def random_layer(channels: int, seed: int, inverse: bool = False) -> Gdn:
    generator = torch.Generator().manual_seed(seed)
    layer = Gdn(channels, inverse).double()
    with torch.no_grad():
        layer.beta_root.copy_(0.3 + torch.rand(channels, generator=generator))
        layer.gamma_root.copy_(0.6 * torch.rand(channels, channels, generator=generator))
    return layer.requires_grad_(False)


@given(st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_the_closed_form_gives_the_input_back(channels: int, seed: int) -> None:
    layer = random_layer(channels, seed)
    x = 2.0 * torch.randn(2, channels, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    y = layer(x).movedim(1, -1)
    assert torch.allclose(invert(y, layer.beta, layer.gamma).movedim(-1, 1), x, atol=1e-6)


def test_one_channel_is_the_textbook_curve_and_its_inverse() -> None:
    layer = random_layer(1, 3)
    x = torch.linspace(-5, 5, 21, dtype=torch.float64).reshape(1, 1, 1, 21)
    beta, gamma = float(layer.beta), float(layer.gamma)
    y = layer(x)
    assert torch.allclose(y, x / (beta + gamma * x**2).sqrt())
    assert torch.allclose(y * (beta / (1 - gamma * y**2)).sqrt(), x)


def test_igdn_multiplies_by_what_gdn_divides_by() -> None:
    forward, inverse = random_layer(4, 5), random_layer(4, 5, inverse=True)
    x = torch.randn(1, 4, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(forward(x) * inverse(x), x * x)


def test_igdn_undoes_gdn_exactly_where_channels_do_not_divide_each_other() -> None:
    forward, inverse = (random_layer(3, 1, flag) for flag in (False, True))
    for layer in (forward, inverse):
        layer.gamma_root.zero_()
    x = torch.randn(1, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(inverse(forward(x)), x, atol=1e-9)


def test_beginning() -> None:
    layer = Gdn(5)
    assert torch.allclose(layer.beta, torch.ones(5)) and torch.allclose(layer.gamma, 0.1 * torch.eye(5), atol=1e-6)


@pytest.mark.parametrize("value", [-3.0, 0.0, 1e-9])
def test_parameters_stay_in_range_whatever_the_weights(value: float) -> None:
    layer = Gdn(3)
    with torch.no_grad():
        layer.beta_root.fill_(value)
        layer.gamma_root.fill_(value)
    assert bool((layer.beta >= 0.99 * BETA_MIN).all()) and bool((layer.gamma >= 0.0).all())
    assert torch.isfinite(layer(torch.randn(1, 3, 4, 4))).all()


def test_a_weight_below_its_bound_can_come_back_but_not_go_further() -> None:
    x = torch.tensor([0.5, 2.0], requires_grad=True)
    lower_bound(x, 1.0).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [0.0, 1.0]
    x.grad = None
    (-lower_bound(x, 1.0)).sum().backward()
    assert x.grad.tolist() == [-1.0, -1.0]
