"""Collected gradients in the training loop: joined folders, runs of one length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thinwire.corpora.arrays import write_arrays
from thinwire.errors import ParamError
from thinwire.params.neural_dsc import NdscRow
from thinwire.training.adapters import ndsc_gradients

RUN = NdscRow(domain="gradients", data="gradients", after="data/segments/gradients", steps=1)


def folder(path: Path, steps: int, value: float) -> Path:
    path.mkdir()
    number = np.tile(np.arange(steps), 3)
    table = pd.DataFrame({"segment_id": np.arange(3 * steps).astype(str), "number": number})
    table["split"] = np.repeat(["train", "dev", "eval"], steps)
    ones = np.ones((3 * steps, 412), np.float32)
    arrays = {"x": value * ones, "y": -value * ones, "step": (number / (steps - 1)).astype(np.float32)}
    write_arrays(path, "gradients", table, arrays, {})
    return path


def test_folders_are_joined(tmp_path: Path) -> None:
    folders = [folder(tmp_path / name, 4, value) for name, value in (("a", 1.0), ("b", 2.0))]
    splits = ndsc_gradients.load(None, RUN, folders)  # type: ignore[arg-type]
    train = splits.train.tensors
    assert train["x"].shape == train["y"].shape == (8, 412) and len(splits.dev) == 8
    assert train["x"][:, 0].tolist() == [1.0] * 4 + [2.0] * 4 and (train["y"] == -train["x"]).all()
    assert train["step"].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1] * 2)


def test_runs_of_other_lengths(tmp_path: Path) -> None:
    folders = [folder(tmp_path / name, steps, 1.0) for name, steps in (("a", 4), ("b", 5))]
    with pytest.raises(ParamError, match="runs of different lengths .*a 4, .*b 5"):
        ndsc_gradients.load(None, RUN, folders)  # type: ignore[arg-type]
