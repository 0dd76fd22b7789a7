"""A trained model's inference form: the same step functions with fewer and faster operations, for export.

Batch normalisation is folded into the weights before it, a PReLU becomes a LeakyReLU of its one slope, a quantiser by
distance one by projection, and strided convolutions stay strided: their form in `nn/causal.py` is for `channels_last`
memory, which an exported graph does not have. Equal to the model up to rounding.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from thinwire.nn.causal import (
    NORM_EPS,
    CausalConv2d,
    CausalConvTranspose2d,
    ConvBlock,
    NormAct,
    PReLU,
    State,
    TemporalConvLayer,
    TemporalConvModule,
)
from thinwire.nn.group_quantiser import DistanceGumbelQuantiser, GumbelQuantiser
from thinwire.systems.tfcodec.model import TfCodec
from thinwire.systems.tfcodec.predictor import Merge


class FoldedConv(nn.Module):
    """A `ConvBlock`, or a convolution alone. A transposed one runs over single frames, each beside the one before it on
    the channel axis, so that nothing is computed for frames that are thrown away.
    """

    def __init__(self, block: ConvBlock | CausalConv2d) -> None:
        super().__init__()
        conv = block.conv if isinstance(block, ConvBlock) else block
        self.transposed = isinstance(conv, CausalConvTranspose2d)
        self.stride, self.padding = (1, conv.stride), (0, conv.padding)
        self.initial_state = block.initial_state
        self.slope = float(block.norm.slope) if isinstance(block, ConvBlock) else 1.0
        scale, shift = _affine(block.norm) if isinstance(block, ConvBlock) else (torch.ones(1), torch.zeros(1))
        weight = conv.weight * (scale.reshape(1, -1, 1, 1) if self.transposed else scale.reshape(-1, 1, 1, 1))
        if self.transposed:  # tap 0 meets the present frame, tap 1 the one before
            weight = torch.cat([weight[:, :, 1:], weight[:, :, :1]])
        self.weight, self.bias = _constant(weight), _constant(shift.expand(conv.out_channels))

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        seen = torch.cat([state, x], 2)
        if self.transposed:
            pairs = torch.cat([seen[:, :, :-1], x], 1)
            y = functional.conv_transpose2d(pairs, self.weight, self.bias, self.stride, self.padding)
        else:
            y = functional.conv2d(seen, self.weight, self.bias, self.stride, self.padding)
        return (y if self.slope == 1.0 else functional.leaky_relu(y, self.slope)), seen[:, :, -1:]


class FoldedLayer(nn.Module):
    """A `TemporalConvLayer` for a batch of one, which it leaves out: (t, channels), as two products of matrices."""

    def __init__(self, layer: TemporalConvLayer) -> None:
        super().__init__()
        scale1, shift1 = _affine(layer.norm1)
        scale2, shift2 = _affine(layer.norm2)
        self.dilation, self.hidden = layer.dilation, layer.hidden
        self.slope1, self.slope2 = float(layer.norm1.slope), float(layer.norm2.slope)
        self.widen, self.shift1 = _constant(layer.widen.weight.T * scale1), _constant(shift1)
        self.depthwise, self.shift2 = _constant(layer.depthwise * scale2), _constant(shift2)
        self.narrow = _constant(layer.narrow.weight.T)

    def initial_state(self, batch: int) -> Tensor:
        return self.widen.new_zeros(2 * self.dilation, self.hidden)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        time, d, w = len(x), self.dilation, self.depthwise
        widened = functional.leaky_relu(torch.addmm(self.shift1, x, self.widen), self.slope1)
        seen = torch.cat([state, widened])
        h = widened * w[2] + seen[d : d + time] * w[1] + seen[:time] * w[0] + self.shift2
        return torch.addmm(x, functional.leaky_relu(h, self.slope2), self.narrow), seen[time:]


class FoldedModule(TemporalConvModule):
    """A `TemporalConvModule` of folded layers, (1, t, channels) to the same."""

    def __init__(self, module: TemporalConvModule) -> None:
        nn.Module.__init__(self)
        self.layers = nn.ModuleList(FoldedLayer(layer) for layer in module.layers)  # type: ignore[arg-type]

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, after = super().step(x.squeeze(0), state)
        return y.unsqueeze(0), after


def folded(model: TfCodec) -> TfCodec:
    """A copy of a model whose step functions, for a batch of one, use the classes above; only they can be used."""
    copied = copy.deepcopy(model).eval().requires_grad_(False)
    _replace(copied)
    return copied


def _replace(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, ConvBlock | CausalConv2d):
            setattr(module, name, FoldedConv(child))
        elif isinstance(child, TemporalConvModule):
            setattr(module, name, FoldedModule(child))
        elif isinstance(child, Merge):
            scale, shift = _affine(child.norm)
            child.conv.weight = _constant(child.conv.weight * scale[:, None])
            child.conv.bias = _constant(child.conv.bias * scale + shift)
            child.norm = nn.LeakyReLU(float(child.norm.slope))  # type: ignore[assignment]
        elif isinstance(child, DistanceGumbelQuantiser):
            setattr(module, name, _by_projection(child))
        elif isinstance(child, PReLU):
            setattr(module, name, nn.LeakyReLU(float(child.slope)))
        else:
            _replace(child)


def _by_projection(quantiser: DistanceGumbelQuantiser) -> GumbelQuantiser:
    """The same logits as a linear projection: 2 alpha e^T x - alpha |e|^2."""
    q = quantiser
    linear = GumbelQuantiser(q.latent, q.frames, q.groups, q.codewords, q).requires_grad_(False)
    linear.codebook = q.codebook
    linear.projection = _constant(2.0 * q.alpha * q.codebook.transpose(1, 2))
    linear.bias = _constant(-q.alpha * q.codebook.square().sum(-1)[:, None])
    return linear


def _affine(norm: NormAct) -> tuple[Tensor, Tensor]:
    """Scale and shift (C,) of a normalisation in eval mode."""
    scale = norm.weight / torch.sqrt(norm.running_var + NORM_EPS)
    return scale, norm.bias - norm.running_mean * scale


def _constant(x: Tensor) -> nn.Parameter:
    return nn.Parameter(x.detach().contiguous().clone(), requires_grad=False)
