"""Causal blocks against PyTorch's convolutions, steps against whole sequences, causality."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from thinwire.nn.causal import (
    CausalConv2d,
    CausalConvTranspose2d,
    ConvBlock,
    StatefulGRU,
    TemporalConvLayer,
    TemporalConvModule,
)

FRAMES, BINS = 12, 21


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def lively(module: nn.Module) -> nn.Module:
    """`module` in eval mode, with every parameter and statistic away from where it starts."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in [*module.parameters(), *module.buffers()]:
            value.copy_(torch.rand(value.shape, generator=generator) * 0.6 + 0.1)
    return module.eval()


@pytest.mark.parametrize("stride,padding", [(1, 2), (2, 2), (4, 2), (2, 1), (3, 0)])
@pytest.mark.parametrize("channels_last", [True, False])
def test_convolution_equals_pytorchs_strided_one(stride: int, padding: int, channels_last: bool) -> None:
    conv, x = CausalConv2d(3, 4, stride, padding), random(2, 3, FRAMES, BINS)
    x = x.contiguous(memory_format=torch.channels_last) if channels_last else x
    y = conv(x)
    expected = functional.conv2d(functional.pad(x, (0, 0, 1, 0)), conv.weight, stride=(1, stride), padding=(0, padding))
    assert y.shape == (2, 4, FRAMES, conv.out_bins(BINS)) and torch.allclose(y, expected, atol=1e-5)
    outer = torch.randn_like(expected)
    ours, theirs = (torch.autograd.grad(out, conv.weight, outer)[0] for out in (y, expected))
    assert torch.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("stride,padding", [(1, 2), (2, 2), (4, 2), (2, 1), (3, 0)])
def test_transposed_convolution_equals_pytorchs(stride: int, padding: int) -> None:
    conv, x = CausalConvTranspose2d(3, 4, stride, padding), random(2, 3, FRAMES, BINS)
    y = conv(x)
    expected = functional.conv_transpose2d(x, conv.weight, stride=(1, stride), padding=(0, padding))[:, :, :FRAMES]
    assert y.shape == (2, 4, FRAMES, conv.out_bins(BINS)) and torch.allclose(y, expected, atol=1e-5)
    outer = torch.randn_like(expected)
    ours, theirs = (torch.autograd.grad(out, conv.weight, outer)[0] for out in (y, expected))
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_layer_is_a_residual_around_a_depthwise_dilated_convolution() -> None:
    layer, x = lively(TemporalConvLayer(5, 7, 3)), random(2, FRAMES, 5)
    assert isinstance(layer, TemporalConvLayer)
    hidden = layer.norm1(layer.widen(x).flatten(0, 1)).view(2, FRAMES, 7).transpose(1, 2)
    kernel = layer.depthwise.t().unsqueeze(1)
    hidden = functional.conv1d(functional.pad(hidden, (6, 0)), kernel, dilation=3, groups=7)
    expected = x + layer.narrow(layer.norm2(hidden.transpose(1, 2).flatten(0, 1)).view(2, FRAMES, 7))
    assert torch.allclose(layer(x), expected, atol=1e-5)


MAPS: dict[str, Callable[[], nn.Module]] = {
    "conv": lambda: CausalConv2d(3, 4, 4),
    "transposed": lambda: CausalConvTranspose2d(3, 4, 2),
    "block": lambda: ConvBlock(CausalConv2d(3, 4, 2, 1)),
    "transposed block": lambda: ConvBlock(CausalConvTranspose2d(3, 4, 2, 1)),
}
SEQUENCES: dict[str, Callable[[], nn.Module]] = {
    "layer": lambda: TemporalConvLayer(5, 7, 2),
    "module": lambda: TemporalConvModule(5, 7, [1, 2, 4]),
    "gru": lambda: StatefulGRU(5),
}


@pytest.mark.parametrize("name", [*MAPS, *SEQUENCES])
@given(cuts=st.sets(st.integers(1, FRAMES - 1)))
@settings(max_examples=15)
def test_steps_of_any_size_equal_the_whole(name: str, cuts: set[int]) -> None:
    is_map = name in MAPS
    module = lively((MAPS if is_map else SEQUENCES)[name]())
    x = random(2, 3, FRAMES, BINS) if is_map else random(2, FRAMES, 5)
    axis = 2 if is_map else 1
    state = module.initial_state(2, BINS) if is_map else module.initial_state(2)  # type: ignore[operator]
    parts = []
    with torch.no_grad():
        for start, stop in pairwise([0, *sorted(cuts), FRAMES]):
            y, state = module.step(x.narrow(axis, start, stop - start), state)  # type: ignore[operator]
            parts.append(y)
        assert torch.allclose(torch.cat(parts, axis), module(x), atol=1e-5)


@pytest.mark.parametrize("name", [*MAPS, *SEQUENCES])
def test_the_past_does_not_see_the_future(name: str) -> None:
    is_map = name in MAPS
    module = lively((MAPS if is_map else SEQUENCES)[name]())
    x = random(2, 3, FRAMES, BINS) if is_map else random(2, FRAMES, 5)
    axis = 2 if is_map else 1
    changed = x.clone()
    changed.narrow(axis, 7, FRAMES - 7).add_(1.0)
    with torch.no_grad():
        before, after = module(x), module(changed)
    assert torch.equal(before.narrow(axis, 0, 7), after.narrow(axis, 0, 7))
    assert not torch.allclose(before.narrow(axis, 7, 1), after.narrow(axis, 7, 1))


def test_training_and_evaluation_agree_once_statistics_do() -> None:
    block, x = ConvBlock(CausalConv2d(3, 4, 2)), random(2, 3, FRAMES, BINS)
    for _ in range(400):
        trained = block(x)
    # the running variance is the unbiased one
    assert torch.allclose(block.eval()(x), trained, rtol=5e-3, atol=1e-4)


def test_gru_starts_where_it_learned_to() -> None:
    gru, x = StatefulGRU(5), random(2, FRAMES, 5)
    with torch.no_grad():
        gru.start.fill_(0.5)
    y = gru(x)
    assert torch.allclose(y, gru.gru(x, torch.full((1, 2, 5), 0.5))[0], atol=1e-6)
    y.sum().backward()
    assert gru.start.grad is not None and gru.start.grad.abs().min() > 0
