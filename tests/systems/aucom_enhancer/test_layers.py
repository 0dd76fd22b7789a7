"""Haar transform, wavelet convolution, norm with PReLU, learnable sigmoid: against closed forms and PyTorch's own."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import hadamard
from torch import Tensor, nn
from torch.nn import functional

from thinwire.systems.aucom_enhancer.blocks import LearnableSigmoid
from thinwire.systems.aucom_enhancer.norm import NormAct, _NormAct
from thinwire.systems.aucom_enhancer.wtconv import SUB_BAND_SCALE, WaveletConv, haar, inverse_haar


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(st.integers(1, 2), st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), st.integers(0, 99))
def test_haar_is_orthonormal_and_comes_back(batch: int, height: int, width: int, channels: int, seed: int) -> None:
    x = draw(batch, 2 * height, 2 * width, channels, seed=seed)
    bands = haar(x)
    assert bands.shape == (batch, height, width, 4 * channels)
    assert torch.allclose(inverse_haar(bands), x)
    assert float(bands.square().sum()) == pytest.approx(float(x.square().sum()))


def test_haar_of_a_block_is_the_hadamard_matrix() -> None:
    x = draw(1, 2, 2, 1)
    expected = torch.from_numpy(hadamard(4) / 2.0) @ x.transpose(1, 2).flatten()  # along H first
    assert torch.allclose(haar(x).flatten(), expected)


def deltas(layer: WaveletConv, base: float, band: float) -> None:
    """All kernels pass their input through; the scales are given."""
    with torch.no_grad():
        for conv in (layer.base, *layer.bands):
            assert isinstance(conv, nn.Conv2d)
            conv.weight.zero_()[:, :, 2, 2] = 1.0
        layer.base.bias.zero_()  # type: ignore[union-attr]
        layer.base_scale.fill_(base)
        for scale in layer.band_scales:
            scale.fill_(band)


@pytest.mark.parametrize("size", [(6, 8), (7, 9), (1, 5)])
def test_wavelet_conv_with_delta_kernels(size: tuple[int, int]) -> None:
    x = draw(2, 3, *size).float()
    one, two = WaveletConv(3, 1), WaveletConv(3, 2)
    deltas(one, 2.0, 1.0)
    assert torch.allclose(one(x), 3.0 * x, atol=1e-5)  # base scale and the transform there and back
    deltas(two, 0.0, 1.0)
    padded = functional.pad(x, (0, size[1] % 2, 0, size[0] % 2))
    blocks = functional.avg_pool2d(padded, 2).repeat_interleave(2, -1).repeat_interleave(2, -2)
    assert torch.allclose(two(x), x + blocks[..., : size[0], : size[1]], atol=1e-5)  # the low band's own trip


def test_wavelet_conv_starts_near_its_base_and_reaches_further_with_each_level() -> None:
    torch.manual_seed(0)
    x = torch.zeros(1, 1, 41, 41)
    x[..., 20, 20] = 1.0
    reaches = []
    for levels in (1, 2, 3):
        layer = WaveletConv(1, levels)
        assert all(torch.allclose(s, torch.tensor(SUB_BAND_SCALE)) for s in layer.band_scales)
        response = (layer(x) - layer(torch.zeros_like(x))).detach()
        rows = response[0, 0].abs().amax(1).nonzero()
        reaches.append(int(rows.max() - rows.min()) + 1)
    assert 5 < reaches[0] < reaches[1] < reaches[2]


def test_norm_act_is_instance_norm_and_prelu() -> None:
    own, norm, act = NormAct(3), nn.InstanceNorm2d(3, affine=True), nn.PReLU(3)
    torch.manual_seed(0)
    with torch.no_grad():
        for mine, theirs in ((own.weight, norm.weight), (own.bias, norm.bias), (own.slope, act.weight)):
            mine.copy_(torch.randn(3))
            theirs.copy_(mine)
    x = 5.0 + 2.0 * draw(2, 3, 4, 6).float()
    assert torch.allclose(own(x), act(norm(x)), atol=1e-5)
    laid_out = x.to(memory_format=torch.channels_last)
    assert own(laid_out).is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(own(laid_out), own(x), atol=1e-6)


def test_norm_acts_backward_is_its_gradient() -> None:
    values = [draw(2, 7, 3), draw(3, seed=1), draw(3, seed=2), draw(3, seed=3)]
    assert torch.autograd.gradcheck(_NormAct.apply, [value.requires_grad_() for value in values])


def test_learnable_sigmoid_has_a_slope_a_bin() -> None:
    layer = LearnableSigmoid(2, 2.0)
    with torch.no_grad():
        layer.slope.copy_(torch.tensor([1.0, 3.0]))
    out = layer(torch.tensor([[0.0, 0.0], [1.0, 1.0], [-50.0, 50.0]]))
    expected = [[1.0, 1.0], [2 / (1 + math.exp(-1)), 2 / (1 + math.exp(-3))], [0.0, 2.0]]
    assert torch.allclose(out, torch.tensor(expected), atol=1e-5)
