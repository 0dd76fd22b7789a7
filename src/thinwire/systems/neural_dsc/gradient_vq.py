"""The VQ-VAE as a gradient coder beside those in use: indices of equal length, and nothing else, are the message."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from thinwire.systems.neural_dsc.bitstream import pack_fixed, unpack_fixed
from thinwire.systems.neural_dsc.gradient_coders import Spending
from thinwire.systems.neural_dsc.model import NeuralDsc


class VqGradientCoder:
    """A `GradientCoder` of a trained model of domain `gradients`; 40 latents of 8 bits are 320 bits (facts 4.2)."""

    def __init__(self, name: str, model: NeuralDsc) -> None:
        self.name, self.model = name, model.eval()
        self._count = math.prod(model.index_grid)

    @property
    def spending(self) -> Spending:
        return {"indices": self._count * self.model.row.bits}

    @torch.no_grad()
    def encode(self, x: np.ndarray, y: np.ndarray, step: float, seed: int) -> bytes:
        side = _one(y) if self.model.row.form == "joint" else None
        indices = self.model.encode(_one(x), side, torch.tensor([step]))
        return pack_fixed(indices.numpy().reshape(-1), self.model.row.bits)

    @torch.no_grad()
    def decode(self, message: bytes, y: np.ndarray, step: float, seed: int) -> np.ndarray:
        indices = unpack_fixed(message, self.model.row.bits, self._count)
        shaped = torch.from_numpy(indices).reshape(1, *self.model.index_grid)
        return np.asarray(self.model.decode(shaped, _one(y), torch.tensor([step]))[0].numpy())


def _one(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))[None]
