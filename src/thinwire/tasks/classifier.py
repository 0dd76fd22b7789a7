"""Classification of mel features: emotions, spoken commands, environmental sounds (section 5.1.1 has UMONS and AST,
pretrained; here one small convolutional network for all; reading).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from thinwire.nn.trainable import Batch, Losses, Trainable
from thinwire.params.aucom_classifier import Settings
from thinwire.tasks.mel_input import MelInput


class Classifier(nn.Module):
    """Mel features (B, H, L) to logits (B, classes), any L; `labels` names the classes in their order."""

    def __init__(self, settings: Settings, labels: Sequence[str]) -> None:
        super().__init__()
        self.labels = tuple(labels)
        self.input = MelInput(settings.n_mels)
        blocks: list[nn.Module] = []
        before, height = 1, settings.n_mels
        for channels in settings.channels:
            blocks += [nn.Conv2d(before, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
            before, height = channels, -(-height // 2)
        self.blocks = nn.Sequential(*blocks)
        self.widen = nn.Conv1d(before * height, settings.width, 1)
        self.output = nn.Linear(2 * settings.width, len(self.labels))

    def forward(self, f: Tensor) -> Tensor:
        seen = functional.relu(self.widen(self.blocks(self.input(f).unsqueeze(1)).flatten(1, 2)))
        return self.output(torch.cat([seen.mean(2), seen.amax(2)], 1))

    @torch.inference_mode()
    def probabilities(self, f: Tensor) -> Tensor:
        """(B, classes) of features (B, H, L)."""
        return self(f).softmax(1)

    def classify(self, f: Tensor) -> list[str]:
        """The most probable label of each item of features (B, H, L)."""
        return [self.labels[index] for index in self.probabilities(f).argmax(1).tolist()]

    def answer(self, features: np.ndarray) -> dict[str, Any]:
        """The task of a server: `label` of features (H, L) and its `probability`."""
        best = self.probabilities(torch.from_numpy(features)[None])[0].max(0)
        return {"label": self.labels[int(best.indices)], "probability": float(best.values)}


class ClassifierSystem(Trainable):
    """Loss `cross_entropy`, in nats, with smoothed labels in training alone; `accuracy`, a share, is logged. Batches
    hold features `clean` (B, H, L) and `label` (B,), a place in `labels`.
    """

    weights = {"cross_entropy": 1.0}
    validation_passes = 1

    def __init__(self, settings: Settings, labels: Sequence[str]) -> None:
        super().__init__()
        self.settings, self.model = settings, Classifier(settings, labels)

    def deployed(self) -> nn.Module:
        return self.model

    def forward(self, batch: Batch, generator: torch.Generator, critic: nn.Module | None = None) -> Losses:
        f, label = batch["clean"], batch["label"].long()
        if self.training:
            f = self.model.input.varied(f, self.settings.variation, generator)
        logits = self.model(f)
        smoothing = self.settings.smoothing if self.training else 0.0
        named = {
            "cross_entropy": functional.cross_entropy(logits, label, label_smoothing=smoothing),
            "accuracy": (logits.argmax(1) == label).float().mean(),
        }
        return Losses(named)
