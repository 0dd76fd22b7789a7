"""Encoder and decoder of vectors (N,): gradients with their time step, blocks of bits (facts 4.2)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from thinwire.params.neural_dsc import Form, NdscDense


class StepEmbedding(nn.Module):
    """Features (B, hidden) of time steps (B,) in 0..1: sines and cosines of 1 to 512 half turns, and a linear layer.

    All three forms see the step, at both ends (facts 4.4.8).
    """

    frequencies: Tensor

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", math.pi * 2.0 ** torch.arange(10), persistent=False)
        self.linear = nn.Linear(20, hidden)

    def forward(self, step: Tensor) -> Tensor:
        angles = step[:, None] * self.frequencies
        embedded: Tensor = self.linear(torch.cat([angles.sin(), angles.cos()], 1))
        return embedded


class _Ends(nn.Module):
    """What encoder and decoder share: the step, where there is one, added to the first features."""

    def __init__(self, hidden: int, stepped: bool) -> None:
        super().__init__()
        self.step = StepEmbedding(hidden) if stepped else None

    def stepped(self, features: Tensor, step: Tensor | None) -> Tensor:
        if self.step is None:
            return features
        if step is None:
            raise ValueError("this model was made for items with a time step; give `step` (B,)")
        embedded: Tensor = self.step(step)
        return features + embedded


class DenseEncoder(_Ends):
    """Two hidden layers; x and y (zeros unless joint) enter the first through halves of equal width."""

    def __init__(self, length: int, latents: int, form: Form, stepped: bool, settings: NdscDense) -> None:
        super().__init__(settings.hidden, stepped)
        hidden, self.latents = settings.hidden, latents
        self.source = nn.Linear(length, hidden)
        self.side = nn.Linear(length, hidden) if form == "joint" else None
        self.middle = nn.Linear(2 * hidden, hidden)
        self.code = nn.Linear(hidden, latents * settings.code_dim)

    def forward(self, x: Tensor, y: Tensor | None, step: Tensor | None) -> Tensor:
        """Latents (B, D, L) of x and, in the joint form, y, both (B, N)."""
        source = self.stepped(self.source(x), step)
        side = torch.zeros_like(source) if self.side is None or y is None else self.side(y)
        features = functional.gelu(self.middle(functional.gelu(torch.cat([source, side], 1))))
        return self.code(features).reshape(len(x), -1, self.latents)


class DenseDecoder(_Ends):
    """The encoder's mirror; features of the codewords stand beside those of the conditioning net, zeros in the
    separate form and where y is absent. y itself, times a gain a coordinate that begins at 1, is added to the output.

    The gain is a reading: 256 hidden units do not carry 648 bits of y through, and the reference's coder of bits does
    reach a copy of them (facts 4.3), which no layer of the network has to learn here.
    """

    def __init__(self, length: int, latents: int, form: Form, stepped: bool, settings: NdscDense) -> None:
        super().__init__(settings.hidden, stepped)
        hidden = settings.hidden
        self.first = nn.Linear(latents * settings.code_dim, hidden)
        self.condition = None if form == "separate" else nn.Sequential(
            nn.Linear(length, hidden), nn.GELU(), nn.Linear(hidden, hidden)
        )  # fmt: skip
        self.middle = nn.Linear(2 * hidden, hidden)
        self.last = nn.Linear(hidden, length)
        self.gain = None if form == "separate" else nn.Parameter(torch.ones(length))

    def conditioning(self, y: Tensor) -> Tensor | None:
        """Conditioning features (B, hidden) of y (B, N); None in the separate form."""
        return None if self.condition is None else self.condition(y)

    def forward(self, z_q: Tensor, y: Tensor | None, step: Tensor | None) -> Tensor:
        """(B, N), without a last nonlinearity."""
        first = self.stepped(self.first(z_q.flatten(1)), step)
        condition = None if y is None else self.conditioning(y)
        if condition is None:
            condition = torch.zeros_like(first)
        features = functional.gelu(self.middle(functional.gelu(torch.cat([first, condition], 1))))
        out: Tensor = self.last(features)
        return out if self.gain is None or y is None else out + self.gain * y
