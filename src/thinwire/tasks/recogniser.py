"""Speech recognition on mel features: a small network for characters, trained by CTC (section 5.1.1 has Whisper, whose
weights need hours of a GPU farm; reading).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from thinwire.nn.lean import gru
from thinwire.nn.trainable import Batch, Losses, Trainable
from thinwire.params.aucom_recogniser import Settings
from thinwire.tasks.ctc_text import BLANK, CLASSES, greedy_texts
from thinwire.tasks.mel_input import MelInput

STRIDE = 4
"""Frames of features a step of the output: 40 ms."""


class BiGru(nn.Module):
    """A bidirectional GRU, (B, T, C) to (B, T, 2 hidden), with layer normalisation."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.forwards, self.backwards = (nn.GRU(channels, hidden, batch_first=True) for _ in range(2))
        self.norm = nn.LayerNorm(2 * hidden)

    def forward(self, x: Tensor) -> Tensor:
        both = [self._run(self.forwards, x), self._run(self.backwards, x.flip(1)).flip(1)]
        return self.norm(torch.cat(both, 2))

    def _run(self, layer: nn.GRU, x: Tensor) -> Tensor:
        start = x.new_zeros(len(x), self.hidden)
        return gru(x, start, layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0)  # type: ignore[arg-type]


class Recogniser(nn.Module):
    """Mel features (B, H, L) to log-probabilities of CTC labels (B, ceil(L / 4), CLASSES), any L."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        channels, hidden = settings.channels, settings.hidden
        self.input = MelInput(settings.n_mels)
        self.front = nn.Sequential(
            nn.Conv2d(1, channels, 3, 2, 1), nn.ReLU(), nn.Conv2d(channels, channels, 3, 2, 1), nn.ReLU()
        )
        self.project = nn.Linear(channels * -(-settings.n_mels // STRIDE), hidden)
        self.layers = nn.Sequential(
            *(BiGru(2 * hidden if layer else hidden, hidden) for layer in range(settings.layers))
        )
        self.output = nn.Linear(2 * hidden, CLASSES)
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """Weights that pass features on at full strength (He, Glorot; orthogonal recurrence). PyTorch's own lose most
        of them before the first GRU, and CTC then long prefers the one answer that needs no hearing: blanks alone.
        """
        for layer in self.front:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.get_parameter("bias"))
        nn.init.xavier_uniform_(self.project.weight)
        for part in self.layers.modules():
            if isinstance(part, nn.GRU):
                nn.init.xavier_uniform_(part.get_parameter("weight_ih_l0"))
                nn.init.orthogonal_(part.get_parameter("weight_hh_l0"))

    def forward(self, f: Tensor) -> Tensor:
        seen = self.front(self.input(f).unsqueeze(1)).flatten(1, 2).transpose(1, 2)
        return functional.log_softmax(self.output(self.layers(self.project(seen))), 2)

    @torch.inference_mode()
    def transcribe(self, f: Tensor) -> list[str]:
        """The text of each item of features (B, H, L), by the most probable path."""
        return greedy_texts(self(f))

    def answer(self, features: np.ndarray) -> dict[str, Any]:
        """The task of a server: `text` of features (H, L)."""
        return {"text": self.transcribe(torch.from_numpy(features)[None])[0]}


class RecogniserSystem(Trainable):
    """Loss `ctc`, nats a character. Batches hold features `clean` (B, H, L), labels `text` (B, S), filled up with
    zeros, and their number, `text_length` (B,).
    """

    weights = {"ctc": 1.0}
    validation_passes = 1

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings, self.model = settings, Recogniser(settings)

    def deployed(self) -> nn.Module:
        return self.model

    def forward(self, batch: Batch, generator: torch.Generator, critic: nn.Module | None = None) -> Losses:
        f = batch["clean"]
        if self.training:
            f = self.model.input.varied(f, self.settings.variation, generator)
        log_probs = self.model(f)
        steps = torch.full((len(f),), log_probs.shape[1])
        text, length = batch["text"].long(), batch["text_length"].long()
        return Losses({"ctc": functional.ctc_loss(log_probs.transpose(0, 1), text, steps, length, BLANK)})
