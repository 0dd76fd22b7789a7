"""Collected gradients: what a pair is, splits by run, the images that they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from thinwire.corpora.arrays import write_arrays
from thinwire.corpora.gradients import GradientStore, collect, extract, survey, two_workers
from thinwire.corpora.mnist import Digits, DigitStore
from thinwire.errors import CorpusError, PipelineError
from thinwire.nn.gradient_net import PARAMETERS, gradient, initial_weights
from thinwire.params.gradients import GradientsExtraction

STEPS, BATCH = 5, 8


def digits(count: int) -> Digits:
    """Noise in ten places, one for each label."""
    generator = np.random.default_rng(0)
    labels = np.arange(count, dtype=np.uint8) % 10
    images = generator.integers(0, 60, (count, 28, 28), dtype=np.uint8)
    images[np.arange(count), 2 * labels + 4] = 255
    return Digits(images, labels)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An `mnist` segment folder: 40 images for collecting, 20 for training."""
    folder, both = tmp_path_factory.mktemp("mnist"), digits(60)
    part = np.repeat(["collecting", "federated"], [40, 20])
    table = pd.DataFrame({"segment_id": np.arange(60).astype(str), "split": "train", "session": part})
    write_arrays(folder, "mnist", table, {"images": both.images, "labels": both.labels}, {})
    return folder


def run(root: Path, out: Path, seed: int = 0, **changes: Any) -> GradientStore:
    out.mkdir()
    settings = {"runs": {"train": 2, "dev": 1, "eval": 1}, "steps": STEPS, "batch": BATCH} | changes
    extract(root, out, GradientsExtraction(**settings), seed)
    return GradientStore(out)


def test_splits_are_runs(images: Path, tmp_path: Path) -> None:
    store = run(images, tmp_path / "a")
    assert store.steps == STEPS and store.table["segment_id"].is_unique
    assert store.table.groupby("session")["split"].nunique().eq(1).all()
    sizes = {split: len(store.load(split)) for split in ("train", "dev", "eval")}
    assert sizes == {"train": 2 * STEPS, "dev": STEPS, "eval": STEPS}
    pairs = store.load("train")
    assert pairs.x.shape == pairs.y.shape == (2 * STEPS, PARAMETERS) and pairs.x.dtype == np.float32
    np.testing.assert_allclose(pairs.step, np.tile(np.linspace(0, 1, STEPS), 2), atol=1e-6)
    assert (pairs.x != pairs.y).any(1).all() and np.isfinite(pairs.x).all()


def test_determined_by_the_seed(images: Path, tmp_path: Path) -> None:
    first, again, other = (run(images, tmp_path / name, seed).folder for name, seed in (("a", 3), ("b", 3), ("c", 4)))
    for name in ("gradients.npz", "segments.parquet", "report.json"):
        assert (first / name).read_bytes() == (again / name).read_bytes()
    assert not np.array_equal(GradientStore(first).load("dev").x, GradientStore(other).load("dev").x)


def test_workers_share_no_image() -> None:
    """With all images in a batch the gradients are those of two halves, whose mean is the gradient of the whole."""
    both, generator = digits(40), torch.Generator().manual_seed(0)
    weights = initial_weights(generator)
    found = [worker.gradient(weights, generator) for worker in two_workers(both, 40, generator)]
    images = torch.from_numpy(both.images).float().div(255).unsqueeze(1)
    whole = gradient(weights, images, torch.from_numpy(both.labels.astype(np.int64)))
    torch.testing.assert_close((found[0] + found[1]) / 2, whole, atol=1e-6, rtol=1e-4)


def test_pairs_are_correlated() -> None:
    """Both workers look for the same thing: their gradients agree more than those of different runs."""
    one, other = (collect(digits(1200), 25, 60, 0.01, seed) for seed in (1, 2))

    def agreement(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)))

    assert agreement(one.x, one.y) > 0.3 + agreement(one.x, other.y)


def test_collecting_that_cannot_be(images: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="40 images for two workers; corpora.gradients.batch is 21"):
        run(images, tmp_path / "a", batch=21)
    with pytest.raises(CorpusError, match="corpora.gradients.runs: no run is for dev"):
        run(images, tmp_path / "b", runs={"train": 1, "eval": 1})
    with pytest.raises(PipelineError, match="thinwire extract mnist"):
        run(tmp_path, tmp_path / "c")
    with pytest.raises(CorpusError, match="report.json: not there"):
        survey(tmp_path)
    assert survey(images) == ({"images for collecting": 40}, [])
    with pytest.raises(PipelineError, match="no image is for test"):
        DigitStore(images).load("test")
