"""The latent prior as it is trained, on the indices of a trained codec."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from thinwire.nn.trainable import Batch, Losses, Trainable
from thinwire.params.neural_dsc_prior import Settings
from thinwire.systems.neural_dsc.prior import LatentPrior


class NeuralDscPriorSystem(Trainable):
    """One loss, `nll`: nats of an index given those before it; `bits`, the same in bits, is logged.

    Batches hold `clean`, indices (B, L) as whole numbers.
    """

    validation_passes = 1
    weights = {"nll": 1.0}

    def __init__(self, settings: Settings, positions: int, codewords: int) -> None:
        super().__init__()
        self.model = LatentPrior(settings, positions, codewords)

    def deployed(self) -> nn.Module:
        return self.model

    def forward(self, batch: Batch, generator: torch.Generator, critic: nn.Module | None = None) -> Losses:
        indices = batch["clean"].long()
        logits = self.model(indices, generator if self.training else None)
        nll = functional.cross_entropy(logits.transpose(1, 2), indices)
        return Losses({"nll": nll, "bits": nll.detach() / torch.log(torch.tensor(2.0))})
