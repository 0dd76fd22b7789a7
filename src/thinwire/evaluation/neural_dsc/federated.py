"""Gradients in use: two workers train one network, the first worker's gradient goes through a coder, the second's is
exact and is the side information (facts 4.2).

Coders are compared within a seed: initial weights, the workers' images and the places of every batch are the same for
all. Reading: the step that a coder is told counts in the steps of the collected runs and stays at 1 behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from thinwire.corpora.gradients import GradientPairs, two_workers
from thinwire.corpora.mnist import Digits
from thinwire.errors import ParamError
from thinwire.nn.gradient_net import gradients, initial_weights, loss_and_accuracy
from thinwire.progress import track
from thinwire.seeding import derive_seed
from thinwire.systems.neural_dsc.gradient_coders import GradientCoder, bits_of

_AT_MOST = 2000


@dataclass(frozen=True)
class Federation:
    """How the workers train: `steps` of Adam with `lr`, `batch` images each, once for each of `seeds`; the network is
    judged every `every` steps. `collected_steps`: those of the runs that the gradients were collected in.
    """

    steps: int
    batch: int
    lr: float
    seeds: int
    every: int
    collected_steps: int

    def share(self, step: int) -> float:
        """The time step as the coders were trained to see it, 0..1."""
        return min(step / max(self.collected_steps - 1, 1), 1.0)


def training_curves(
    coders: Sequence[GradientCoder], digits: Digits, test: Digits, federation: Federation, seed: int
) -> pd.DataFrame:
    """Train with each coder from each seed; a row each time that the network is judged, before the first step too.

    Columns: coder, bits (of a message, at most), seed (0, 1, ...), step, loss (on all training images, 2000 evenly
    spread at most), test_loss, accuracy (test, 0..1), message_bits (mean since the row before), error (mean of
    |x - x_hat|^2 / |x|^2 since the row before), both NaN in the first row.

    Raises ParamError for images that do not give both workers a batch.
    """
    if len(digits) < 2 * federation.batch:
        raise ParamError(f"{len(digits)} images for two workers with batches of {federation.batch}; lower the batch")
    sets = _tensors(digits), _tensors(test)
    rows: list[dict[str, Any]] = []
    for number in track(range(federation.seeds), "federated"):
        trained = _train(coders, digits, sets, federation, derive_seed(seed, "federated", number))
        for coder, judged in zip(coders, trained, strict=True):
            rows += [{"coder": coder.name, "bits": bits_of(coder), "seed": number} | row for row in judged]
    return pd.DataFrame(rows)


def _train(
    coders: Sequence[GradientCoder],
    digits: Digits,
    sets: tuple[tuple[Tensor, Tensor], ...],
    federation: Federation,
    seed: int,
) -> list[list[dict[str, Any]]]:
    """A network for each coder, step by step side by side: the gradients of all of them are one call."""
    generator = torch.Generator().manual_seed(seed)
    workers = two_workers(digits, federation.batch, generator)
    weights = initial_weights(generator).repeat(len(coders), 1)
    optimizer = torch.optim.Adam([weights], lr=federation.lr)
    rows = [[_judged(own, sets, 0, [])] for own in weights]
    sent: list[list[tuple[int, float]]] = [[] for _ in coders]
    for step in range(federation.steps):
        drawn = [worker.draw(_generator(seed, step, place)) for place, worker in enumerate(workers)]
        images, labels = (torch.stack(parts) for parts in zip(*drawn, strict=True))
        found = gradients(weights, images, labels).numpy()
        share, known = federation.share(step), derive_seed(seed, "shared", step)
        means = np.empty_like(found[:, 0])
        for place, (coder, (x, y)) in enumerate(zip(coders, found, strict=True)):
            message = coder.encode(x, y, share, known)
            x_hat = coder.decode(message, y, share, known)
            energy = float(np.square(x).sum())
            error = float(np.square(x - x_hat).sum()) / energy if energy > 0 else np.nan
            sent[place].append((8 * len(message), error))
            means[place] = (x_hat + y) / 2.0
        weights.grad = torch.from_numpy(means)
        optimizer.step()
        if (step + 1) % federation.every == 0 or step + 1 == federation.steps:
            for place, own in enumerate(weights):
                rows[place].append(_judged(own, sets, step + 1, sent[place]))
                sent[place] = []
    return rows


def _generator(seed: int, step: int, place: int) -> torch.Generator:
    return torch.Generator().manual_seed(derive_seed(seed, "batch", step, place))


def _judged(
    weights: Tensor, sets: tuple[tuple[Tensor, Tensor], ...], step: int, sent: list[tuple[int, float]]
) -> dict[str, Any]:
    (loss, _), (test_loss, accuracy) = (loss_and_accuracy(weights, *images) for images in sets)
    bits, error = np.nanmean(sent, axis=0) if sent else (np.nan, np.nan)
    judged = {"step": step, "loss": loss, "test_loss": test_loss, "accuracy": accuracy}
    return judged | {"message_bits": float(bits), "error": float(error)}


def _tensors(digits: Digits) -> tuple[Tensor, Tensor]:
    chosen = np.unique(np.linspace(0, len(digits) - 1, min(len(digits), _AT_MOST)).round().astype(int))
    images = torch.from_numpy(digits.images[chosen]).float().div(255.0).unsqueeze(1)
    return images, torch.from_numpy(digits.labels[chosen].astype(np.int64))


def distortions(coders: Sequence[GradientCoder], pairs: GradientPairs, ids: Sequence[str], seed: int) -> pd.DataFrame:
    """Each coder on collected test pairs (claim `ndsc.gradient_order`), a row a coder and pair.

    Columns: coder, bits (at most), segment_id, step (0..1), message_bits, energy (|x|^2), sse (|x - x_hat|^2).
    """
    rows: list[dict[str, Any]] = []
    for coder in track(coders, "gradients"):
        for name, x, y, step in zip(ids, pairs.x, pairs.y, pairs.step.tolist(), strict=True):
            known = derive_seed(seed, "shared", name)
            message = coder.encode(x, y, step, known)
            error = x - coder.decode(message, y, step, known)
            rows.append(
                {"coder": coder.name, "bits": bits_of(coder), "segment_id": name, "step": step,
                 "message_bits": 8 * len(message), "energy": float(np.square(x).sum()),
                 "sse": float(np.square(error).sum())}
            )  # fmt: skip
    return pd.DataFrame(rows)
