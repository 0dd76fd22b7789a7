"""The distributed coder as it is trained: random budgets, task- and perception-aware loss (section 4, Fig. 2)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from thinwire.nn.discriminator import StftDiscriminator, logit_gap
from thinwire.nn.trainable import Batch, Losses, Trainable
from thinwire.params.ndpca import Ndpca, Run
from thinwire.systems.ndpca.losses import latent_losses, spectral_losses
from thinwire.systems.ndpca.model import NdpcaModel, NdpcaOutput, build_model
from thinwire.systems.ndpca.representation import magnitude_of, waveform

MONITORED_ITEMS = 16


class Task(Protocol):
    """The downstream task: a loss of decoded against clean compressed magnitudes (B, F, T), with gradient to the
    decoded ones.
    """

    def task_loss(self, clean: Tensor, decoded: Tensor, generator: torch.Generator) -> Tensor: ...


def draw_budget(params: Ndpca, latent: int, generator: torch.Generator) -> int:
    """One total budget for a batch, over the whole range min_budget..D (facts 1.4), uniform or uniform in its
    logarithm.
    """
    u = torch.rand((), generator=generator).item()
    low, high = params.min_budget, latent
    if params.budget_law == "uniform":
        return min(low + int(u * (high - low + 1)), high)
    return min(int(math.exp(math.log(low) + u * (math.log(high + 1) - math.log(low)))), high)


class NdpcaSystem(Trainable):
    """Losses of a run's row: L = L_agnostic + lambda_task L_DSM + lambda_perc L_perc (facts 1.2, total).

    The perceptual term compares MS-STFT logits of decoder output and clean speech (facts 1.8.10). Where the output has
    no phase, both waveforms are given the clean phase, so that the discriminator judges magnitudes; training only,
    nothing of it is used to decode.
    """

    def __init__(self, params: Ndpca, run: Run, mics: int, samples: int, task: Task | None = None) -> None:
        super().__init__()
        self.params, self.run = params, run
        self.model: NdpcaModel = build_model(params.shape, params.spectrum, run, mics, samples)
        aware = run.setting == "aware"
        self._task = (task,) if aware and task is not None else ()
        losses = params.losses.model_dump()
        self.weights = losses | {
            "task": losses["task"] if aware else 0.0,
            "perceptual": losses["perceptual"] * run.lambda_perc if aware else 0.0,
        }
        self.trained = {name for name, weight in self.weights.items() if weight != 0.0}

    def deployed(self) -> nn.Module:
        return self.model

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> NdpcaSystem:
        # The task is lent, no part of this system's weights, and yet goes to the same device.
        for task in self._task:
            if isinstance(task, nn.Module):
                task._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def make_critic(self) -> nn.Module | None:
        if self.run.setting != "aware":
            return None
        scales = [(n_fft, n_fft // 4) for n_fft in self.params.discriminator_scales]
        return StftDiscriminator(scales, self.params.discriminator_filters)

    def forward(self, batch: Batch, generator: torch.Generator, critic: nn.Module | None = None) -> Losses:
        clean = batch["clean"]
        budget = draw_budget(self.params, self.model.latent, generator) if self.run.bottleneck == "ndpca" else None
        out = self.model(batch["noisy"], budget)
        representation = self.run.representation
        named = self.monitored(clean, out)
        named |= spectral_losses(clean, out.output, representation, self.trained)
        named |= latent_losses(out.latents, out.projected, self.trained)
        if not self._task:
            return Losses(named)
        some = slice(0, self.params.aware_items)
        target, decoded = (magnitude_of(x[some], representation) for x in (clean, out.output))
        named["task"] = self._task[0].task_loss(target, decoded, generator)
        real, fake = (self.with_clean_phase(x, batch["phase"][some]) for x in (target, decoded))
        if critic is not None:
            named["perceptual"] = logit_gap(critic(real).logits, critic(fake).logits).mean()
        return Losses(named, real.detach(), fake.detach())

    @torch.no_grad()
    def monitored(self, clean: Tensor, out: NdpcaOutput) -> dict[str, Tensor]:
        """Every named loss, for the curves; spectral ones on a part of the batch while training, for speed."""
        some = slice(0, MONITORED_ITEMS if self.training else None)
        spectral = spectral_losses(clean[some], out.output[some], self.run.representation)
        return spectral | latent_losses(out.latents, out.projected)

    def with_clean_phase(self, magnitude: Tensor, phase: Tensor) -> Tensor:
        """Waveform (B, 1, samples) of compressed magnitudes (B, F, T) under given phases."""
        spectrum = self.params.spectrum
        linear = magnitude.clamp_min(1e-6) ** (1.0 / spectrum.power)
        return waveform(torch.polar(linear, phase), spectrum, self.model.samples).unsqueeze(1)
