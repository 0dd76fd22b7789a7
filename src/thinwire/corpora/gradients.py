"""Collecting gradients: two workers with disjoint images train one small network, and every step's pair of gradients
is an item (facts 4.2).

Items of the first worker are what is compressed (`x`), those of the second the side information (`y`). Splits are by
run. Readings: each run draws which half of the images is whose, its initial weights and its batches (without
replacement within a batch); both gradients are at the weights of the step, which Adam then moves by their mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from thinwire.artifacts import read_json
from thinwire.corpora.arrays import read_arrays, write_arrays
from thinwire.corpora.mnist import Digits, DigitStore
from thinwire.errors import CorpusError, PipelineError
from thinwire.nn.gradient_net import gradient, initial_weights
from thinwire.params.gradients import GradientsExtraction
from thinwire.progress import track
from thinwire.seeding import derive_seed


@dataclass(frozen=True)
class GradientPairs:
    """Gradients x, y (n, 412) float32 of both workers, and `step` (n,) float32, 0 at a run's first step, 1 at its
    last.
    """

    x: np.ndarray
    y: np.ndarray
    step: np.ndarray

    def __len__(self) -> int:
        return len(self.step)


class GradientStore:
    """Reads the segment folder of `gradients`."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.table, self._arrays = read_arrays(self.folder, "gradients")

    @property
    def steps(self) -> int:
        """Steps of a run: what `step` is measured by."""
        return int(self.table["number"].max()) + 1

    def load(self, split: str) -> GradientPairs:
        """The pairs of a split; raises PipelineError when it is empty."""
        chosen = np.flatnonzero(self.table["split"] == split)
        if not len(chosen):
            raise PipelineError(f"{self.folder}: the {split} split is empty; raise corpora.gradients.runs.{split}")
        return GradientPairs(*(self._arrays[name][chosen] for name in ("x", "y", "step")))


class Worker:
    """Draws batches of its own images; `batch` images at a time, or all where it has fewer."""

    def __init__(self, digits: Digits, chosen: np.ndarray, batch: int) -> None:
        self._images = torch.from_numpy(digits.images[chosen]).float().div(255.0).unsqueeze(1)
        self._labels = torch.from_numpy(digits.labels[chosen].astype(np.int64))
        self._batch = batch

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Images (B, 1, 28, 28) in 0..1 and labels (B,) of a batch drawn by `generator`."""
        batch = torch.randperm(len(self._labels), generator=generator)[: self._batch]
        return self._images[batch], self._labels[batch]

    def gradient(self, weights: Tensor, generator: torch.Generator) -> Tensor:
        """(412,) gradient at `weights` of a batch drawn by `generator`."""
        return gradient(weights, *self.draw(generator))


def two_workers(digits: Digits, batch: int, generator: torch.Generator) -> tuple[Worker, Worker]:
    """Two workers with disjoint halves of the images."""
    order = torch.randperm(len(digits), generator=generator).numpy()
    half = len(order) // 2
    return Worker(digits, order[:half], batch), Worker(digits, order[half : 2 * half], batch)


def collect(digits: Digits, steps: int, batch: int, lr: float, seed: int) -> GradientPairs:
    """One run: the network trains from new weights, the pairs of all its steps are kept."""
    generator = torch.Generator().manual_seed(seed)
    workers = two_workers(digits, batch, generator)
    weights = initial_weights(generator)
    optimizer = torch.optim.Adam([weights], lr=lr)
    pairs = torch.empty(2, steps, len(weights))
    for step in range(steps):
        for place, worker in enumerate(workers):
            pairs[place, step] = worker.gradient(weights, generator)
        weights.grad = pairs[:, step].mean(0)
        optimizer.step()
    x, y = pairs.numpy()
    return GradientPairs(x, y, np.linspace(0.0, 1.0, steps, dtype=np.float32))


def extract(root: Path, out: Path, settings: GradientsExtraction, seed: int) -> None:
    """Write the segment folder `out` from the `collecting` images of an `mnist` segment folder `root`.

    Raises PipelineError where `root` is none, CorpusError for a split without runs or too few images.
    """
    digits = DigitStore(root).load("collecting")
    if len(digits) < 2 * settings.batch:
        raise CorpusError(
            f"{root}: {len(digits)} images for two workers; corpora.gradients.batch is {settings.batch}, lower it or "
            "give corpora.mnist.root more images"
        )
    splits = [split for split in ("train", "dev", "eval") for _ in range(settings.runs.get(split, 0))]  # type: ignore[call-overload]
    if absent := {"train", "dev", "eval"} - set(splits):
        raise CorpusError(f"params.yaml: corpora.gradients.runs: no run is for {min(absent)}; give it one at least")
    parts, tables = [], []
    for number, split in enumerate(track(splits, "extract gradients")):
        name = f"run{number:03d}"
        parts.append(collect(digits, settings.steps, settings.batch, settings.lr, derive_seed(seed, "gradients", name)))
        steps = range(settings.steps)
        ids = [f"{name}_{step:05d}" for step in steps]
        tables.append(pd.DataFrame({"segment_id": ids, "split": split, "session": name, "number": steps}))
    arrays = {key: np.concatenate([getattr(part, key) for part in parts]) for key in ("x", "y", "step")}
    write_arrays(out, "gradients", pd.concat(tables, ignore_index=True), arrays, {})


def survey(root: Path) -> tuple[dict[str, Any], list[str]]:
    """The images that gradients can be collected on; raises CorpusError where `root` is no segment folder of them."""
    try:
        report = read_json(root / "report.json")
        return {"images for collecting": len(DigitStore(root).load("collecting"))}, _missing(report)
    except PipelineError as error:
        raise CorpusError(f"{error}") from error


def _missing(report: dict[str, Any]) -> list[str]:
    return [f"{count} images with {reason}" for reason, count in report["skipped"].items()]
