"""Causal blocks that run over a whole sequence or, with explicit state, over a few frames at a time.

Every block has `forward(x)` and `step(x, state) -> (y, state)`; steps of any number of frames, one after the other from
`initial_state(batch)`, give what `forward` gives. States are plain tensors, so that a step can be exported as a graph.

Maps are (B, C, T, F), best in `channels_last` memory; sequences are (B, T, C).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from thinwire.nn.lean import gru, norm_act

KERNEL_BINS = 5
KERNEL_FRAMES = 2
NORM_EPS = 1e-3
PRELU_INIT = 0.5

State = list[Tensor]
"""State of a chain of blocks, in the order in which they run."""


class PReLU(nn.Module):
    """max(x, 0) + slope min(x, 0), one learnable slope for all channels (facts 2.2: starts at 0.5)."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.full((1,), PRELU_INIT))

    def forward(self, x: Tensor) -> Tensor:
        return functional.prelu(x, self.slope)


class NormAct(nn.Module):
    """Batch normalisation and PReLU with one slope (facts 2.2), (N, C) or (B, C, T, F) to the same."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.slope = nn.Parameter(torch.full((1,), PRELU_INIT))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        running = (self.running_mean, self.running_var)
        if self.training and x.device.type == "cpu":
            rows = x.movedim(1, -1)
            y = norm_act(rows.reshape(-1, x.shape[1]), self.weight, self.bias, self.slope, *running, NORM_EPS)
            return y.view(rows.shape).movedim(-1, 1)
        y = functional.batch_norm(x, *running, self.weight, self.bias, self.training, eps=NORM_EPS)
        return functional.prelu(y, self.slope)


def _over_frames(norm: NormAct, x: Tensor) -> Tensor:
    """`norm` of a sequence (B, T, C)."""
    return norm(x.flatten(0, 1)).view_as(x)


def _uniform(*shape: int, fan_in: int) -> nn.Parameter:
    """PyTorch's start of a convolution: uniform in +-1/sqrt(fan_in)."""
    return nn.Parameter(torch.empty(shape).uniform_(-1.0, 1.0) / math.sqrt(fan_in))


class _FoldedConv(nn.Module):
    """What the two convolutions share: one past frame as state, frequency stride s folded into channels.

    In `channels_last` memory s neighbouring bins of C channels are one bin of s C channels, without copying: a strided
    convolution becomes one of stride 1 over folded bins, and so does a transposed one. On a CPU its backward pass takes
    half as long.
    """

    in_channels: int
    stride: int

    def out_bins(self, bins: int) -> int:
        """Bins of the output for `bins` of the input."""
        raise NotImplementedError

    def _run(self, x: Tensor, before: int) -> Tensor:
        """Output (B, C', T, F') for x (B, C, 1 + T, F), of whose frames the first `before` are zeros yet to be added.

        Time and frequency are padded at once, because on a CPU a copy of a map costs as much as its activation.
        """
        raise NotImplementedError

    def initial_state(self, batch: int, bins: int) -> Tensor:
        """The frame before the first: zeros (B, C, 1, F)."""
        weight = next(self.parameters())
        return weight.new_zeros(batch, bins, self.in_channels).unsqueeze(1).permute(0, 3, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self._run(x, 1)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Next frames x (B, C, t, F); the state is the last frame of x."""
        return self._run(torch.cat([state, x], 2), 0), x[:, :, -1:]


class CausalConv2d(_FoldedConv):
    """Convolution over (2 frames, 5 bins) without bias, causal in time, strided in frequency (section III-C).

    Shape (B, C, T, F) to (B, C', T, (F + 2 padding - 5) // stride + 1).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, padding: int = 2) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.stride, self.padding = in_channels, out_channels, stride, padding
        fan_in = in_channels * KERNEL_FRAMES * KERNEL_BINS
        self.weight = _uniform(out_channels, in_channels, KERNEL_FRAMES, KERNEL_BINS, fan_in=fan_in)

    def out_bins(self, bins: int) -> int:
        return (bins + 2 * self.padding - KERNEL_BINS) // self.stride + 1

    def _run(self, x: Tensor, before: int) -> Tensor:
        s, p, bins = self.stride, self.padding, x.shape[3]
        taps = -(-KERNEL_BINS // s)
        weight = functional.pad(self.weight, (0, taps * s - KERNEL_BINS)).unflatten(3, (taps, s))
        weight = weight.permute(0, 4, 1, 2, 3).flatten(1, 2)
        right = s * (self.out_bins(bins) - 1 + taps) - p - bins
        return functional.conv2d(_fold(functional.pad(x, (p, right, before, 0)), s), weight)


class CausalConvTranspose2d(_FoldedConv):
    """Transposed convolution over (2 frames, 5 bins) without bias, causal in time (section III-C).

    Shape (B, C, T, F) to (B, C', T, (F - 1) stride - 2 padding + 5); frame t of the output depends on t - 1 and t.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, padding: int = 2) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.stride, self.padding = in_channels, out_channels, stride, padding
        fan_in = out_channels * KERNEL_FRAMES * KERNEL_BINS
        self.weight = _uniform(in_channels, out_channels, KERNEL_FRAMES, KERNEL_BINS, fan_in=fan_in)

    def out_bins(self, bins: int) -> int:
        return (bins - 1) * self.stride - 2 * self.padding + KERNEL_BINS

    def _run(self, x: Tensor, before: int) -> Tensor:
        s, p, bins = self.stride, self.padding, x.shape[3]
        out = self.out_bins(bins)
        # bins s m .. s m + s - 1 of the output come from bins m + first .. m + last of the input
        first, last = -((KERNEL_BINS - 1 - p) // s), (s - 1 + p) // s
        taps, left = last - first + 1, s * last - p
        weight = functional.pad(self.weight, (left, taps * s - KERNEL_BINS - left)).unflatten(3, (taps, s)).flip(2, 3)
        weight = weight.permute(4, 1, 0, 2, 3).flatten(0, 1)
        right = -(-out // s) - bins + last
        return _unfold(functional.conv2d(functional.pad(x, (-first, right, before, 0)), weight), s)[..., :out]


def _fold(x: Tensor, s: int) -> Tensor:
    """(B, C, T, F) to (B, s C, T, F / s), channel s_i C + c: a view of `channels_last` memory."""
    batch, channels, time, bins = x.shape
    return x.permute(0, 2, 3, 1).reshape(batch, time, bins // s, s * channels).permute(0, 3, 1, 2)


def _unfold(x: Tensor, s: int) -> Tensor:
    """Inverse of `_fold`."""
    batch, channels, time, bins = x.shape
    return x.permute(0, 2, 3, 1).reshape(batch, time, bins * s, channels // s).permute(0, 3, 1, 2)


class ConvBlock(nn.Module):
    """A causal convolution, batch normalisation, PReLU (facts 2.2)."""

    def __init__(self, conv: CausalConv2d | CausalConvTranspose2d) -> None:
        super().__init__()
        self.conv = conv
        self.norm = NormAct(conv.out_channels)

    def initial_state(self, batch: int, bins: int) -> Tensor:
        return self.conv.initial_state(batch, bins)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y, state = self.conv.step(x, state)
        return self.norm(y), state


class TemporalConvLayer(nn.Module):
    """One layer of a TCM: 1x1, depthwise causal kernel 3 with a dilation, 1x1, around a residual (facts 2.2).

    Shape (B, T, channels) to the same; the state is the last 2 dilation frames of the hidden sequence.
    """

    def __init__(self, channels: int, hidden: int, dilation: int) -> None:
        super().__init__()
        self.hidden, self.dilation = hidden, dilation
        self.widen = nn.Linear(channels, hidden, bias=False)
        self.norm1 = NormAct(hidden)
        self.depthwise = _uniform(3, hidden, fan_in=3)
        self.norm2 = NormAct(hidden)
        self.narrow = nn.Linear(hidden, channels, bias=False)

    def initial_state(self, batch: int) -> Tensor:
        """Zeros (B, 2 dilation, hidden)."""
        return self.depthwise.new_zeros(batch, 2 * self.dilation, self.hidden)

    def _widened(self, x: Tensor) -> Tensor:
        return _over_frames(self.norm1, self.widen(x))

    def _finish(self, x: Tensor, padded: Tensor) -> Tensor:
        time, d = x.shape[1], self.dilation
        old, middle, new = self.depthwise.unbind(0)
        h = new * padded[:, 2 * d :]
        h = torch.addcmul(torch.addcmul(h, padded[:, d : d + time], middle), padded[:, :time], old)
        return x + self.narrow(_over_frames(self.norm2, h))

    def forward(self, x: Tensor) -> Tensor:
        return self._finish(x, functional.pad(self._widened(x), (0, 0, 2 * self.dilation, 0)))

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        padded = torch.cat([state, self._widened(x)], 1)
        return self._finish(x, padded), padded[:, x.shape[1] :]


class TemporalConvModule(nn.Module):
    """TCM: a stack of layers over dilations (section III-C). Shape (B, T, channels) to the same."""

    def __init__(self, channels: int, hidden: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TemporalConvLayer(channels, hidden, dilation) for dilation in dilations)

    def initial_state(self, batch: int) -> State:
        return [layer.initial_state(batch) for layer in self.layers]  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        after = []
        for layer, before in zip(self.layers, state, strict=True):
            x, new = layer.step(x, before)  # type: ignore[operator]
            after.append(new)
        return x, after


class StatefulGRU(nn.Module):
    """One GRU layer with a learned initial state (facts 2.2).

    Shape (B, T, channels) to the same; the state is (1, B, channels).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gru = nn.GRU(channels, channels, batch_first=True)
        self.start = nn.Parameter(torch.zeros(channels))

    def initial_state(self, batch: int) -> Tensor:
        return self.start.expand(1, batch, -1).contiguous()

    def forward(self, x: Tensor) -> Tensor:
        start = self.initial_state(x.shape[0])
        if torch.is_grad_enabled() and x.device.type == "cpu":
            return gru(x, start[0], *self.gru.all_weights[0])
        return self.step(x, start)[0]

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.gru(x, state)
