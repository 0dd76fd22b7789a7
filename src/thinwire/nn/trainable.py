"""What the one training loop asks of a system."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

Batch = dict[str, Tensor]


@dataclass
class Losses:
    """Named, unweighted losses, and what an adversarial step needs: `real` and `fake` (B, 1, samples)."""

    named: dict[str, Tensor]
    real: Tensor | None = None
    fake: Tensor | None = None


class Trainable(nn.Module):
    """A system that can be trained: `forward` gives named losses, `weights` weighs them in one place."""

    weights: dict[str, float]
    validation_passes = 4
    """Passes over the development items in a validation: random budgets and noise average out."""

    def forward(self, batch: Batch, generator: torch.Generator, critic: nn.Module | None = None) -> Losses:
        """Losses of a batch; every random draw comes from `generator`."""
        raise NotImplementedError

    def make_critic(self) -> nn.Module | None:
        """The discriminator trained beside the system, if there is one; it offers `discriminator_loss(real, fake)`."""
        return None

    def total(self, losses: Losses) -> Tensor:
        """The weighted sum; losses without a weight are only logged."""
        terms = [
            self.weights[name] * value for name, value in losses.named.items() if self.weights.get(name, 0.0) != 0.0
        ]
        return torch.stack(terms).sum()

    def deployed(self) -> nn.Module:
        """The module whose weights are kept."""
        raise NotImplementedError


def count_parameters(module: nn.Module) -> int:
    """Number of learned values in a module, frozen or not, since a loaded model is."""
    return sum(p.numel() for p in module.parameters())


def count_by_part(module: nn.Module) -> dict[str, int]:
    """`count_parameters` of each child by its name."""
    return {part: count_parameters(child) for part, child in module.named_children()}
