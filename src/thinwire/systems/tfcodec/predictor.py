"""The latent prediction loop's networks: predictors, extractor, synthesizer (section III-D, Fig. 4).

Four frames are quantised together, so the loop runs in steps of four frames and predicts all four from past steps
(facts 2.4.5). Folded steps are (B, S, 4 C_d), a frame's channels side by side.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from thinwire.nn.causal import NormAct, PReLU, State
from thinwire.params.tfcodec import STEP_FRAMES, TfShape


def fold_steps(latent: Tensor) -> Tensor:
    """Latent frames (B, C_d, T) to folded steps (B, T / 4, 4 C_d)."""
    return latent.transpose(1, 2).reshape(latent.shape[0], -1, STEP_FRAMES * latent.shape[1])


def unfold_steps(steps: Tensor) -> Tensor:
    """Inverse of `fold_steps`."""
    return steps.reshape(steps.shape[0], -1, steps.shape[2] // STEP_FRAMES).transpose(1, 2)


def _windows(x: Tensor, size: int) -> Tensor:
    """Every run of `size` steps, oldest first, (B, S, size, C) of x (B, S + size - 1, C)."""
    count = x.shape[1] - size + 1
    return torch.stack([x[:, start : start + count] for start in range(size)], 2)


class Predictor(nn.Module):
    """x_P of each step from reconstructed steps strictly before it; before the first there are zeros.

    `forward` takes all reconstructed steps (B, S, 4 C_d) and returns predictions of the same shape; `step` takes the
    last reconstructed step (B, 1, 4 C_d) (zeros at first) and returns the prediction of the next one.
    """

    def initial_state(self, batch: int) -> State:
        raise NotImplementedError

    def forward(self, context: Tensor) -> Tensor:
        past = functional.pad(context, (0, 0, 1, 0))[:, :-1]
        return self.step(past, self.initial_state(context.shape[0]))[0]

    def step(self, past: Tensor, state: State) -> tuple[Tensor, State]:
        raise NotImplementedError


class ConvPredictor(Predictor):
    """Two causal convolutions over steps, a PReLU after each, of kernels that together see `predictor_steps` steps.

    Kernels 4 and 4 see 7 steps, the paper's 280 ms; 53 hidden channels give its 0.82 M parameters for the loop.
    """

    def __init__(self, shape: TfShape) -> None:
        super().__init__()
        folded, hidden = STEP_FRAMES * shape.latent, shape.predictor_hidden
        self.first = shape.predictor_steps // 2 + 1
        self.second = shape.predictor_steps + 1 - self.first
        # linear in a window: a sequence is one matrix product, and a single step pays no convolution's set-up
        self.conv1, self.act1 = nn.Linear(self.first * folded, hidden), PReLU()
        self.conv2, self.act2 = nn.Linear(self.second * hidden, folded), PReLU()

    def initial_state(self, batch: int) -> State:
        """Steps that each convolution saw before, (B, kernel - 1, channels)."""
        folded, hidden = self.conv2.out_features, self.conv1.out_features
        zeros = self.conv1.weight.new_zeros
        return [zeros(batch, self.first - 1, folded), zeros(batch, self.second - 1, hidden)]

    def step(self, past: Tensor, state: State) -> tuple[Tensor, State]:
        count = past.shape[1]
        seen = torch.cat([state[0], past], 1)
        hidden = torch.cat([state[1], self.act1(self.conv1(_windows(seen, self.first).flatten(2)))], 1)
        predicted = self.act2(self.conv2(_windows(hidden, self.second).flatten(2)))
        return predicted, [seen[:, count:], hidden[:, count:]]


class AdaptivePredictor(Predictor):
    """Attention of the last step over the steps before it as a prediction kernel (Eq. 1-2); no parameters.

    The query is step s-1, keys are s-2 .. s-N, values s-1 .. s-(N-1), N = `predictor_steps`: what followed a step that
    looked like the last one. A step of 40 ms stands for the paper's frame, so the scale is sqrt(4 C_d) (reading).
    """

    def __init__(self, shape: TfShape) -> None:
        super().__init__()
        self.folded, self.steps = STEP_FRAMES * shape.latent, shape.predictor_steps
        self.register_buffer("zero", torch.zeros(()), persistent=False)

    def initial_state(self, batch: int) -> State:
        """The N - 1 steps before, (B, N - 1, 4 C_d)."""
        return [self.zero.new_zeros(batch, self.steps - 1, self.folded)]  # type: ignore[operator]

    def step(self, past: Tensor, state: State) -> tuple[Tensor, State]:
        seen = torch.cat([state[0], past], 1)
        windows = _windows(seen, self.steps)
        weights = (windows[:, :, :-1] @ past.unsqueeze(3)).transpose(2, 3) / math.sqrt(self.folded)
        return (weights.softmax(-1) @ windows[:, :, 1:]).squeeze(2), [seen[:, past.shape[1] :]]


class Merge(nn.Module):
    """1x1 convolution of two latents side by side, batch normalisation, PReLU: extractor and synthesizer.

    Two latents (B, T, C_d) to one.
    """

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.conv = nn.Linear(2 * latent, latent)
        self.norm = NormAct(latent)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        merged = self.conv(torch.cat([first, second], -1))
        return self.norm(merged.flatten(0, 1)).view_as(merged)


class Extractor(Merge):
    """x_N = f_extr(x_R, x_P): what is new in a frame."""


class Synthesizer(Merge):
    """x_hat_R = f_synr(x_hat_N, x_P): the frame again."""
