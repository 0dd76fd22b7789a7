"""Collected pairs of gradients in the training loop of the VQ-VAE: x and y (n, 412), and `step` (n,)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from thinwire.corpora.gradients import GradientStore
from thinwire.errors import ParamError
from thinwire.params import Params
from thinwire.params.neural_dsc import NdscRow
from thinwire.training.adapters.segments import ID_COLUMNS, SPLITS
from thinwire.training.build import Splits
from thinwire.training.loop import TensorData


def load(params: Params, run: NdscRow, folders: list[Path]) -> Splits:
    """Pairs of one or several folders; raises ParamError where their runs have different lengths, since a `step` of 1
    would then mean different times.
    """
    stores = [GradientStore(folder) for folder in folders]
    if len({store.steps for store in stores}) > 1:
        lengths = ", ".join(f"{store.folder} {store.steps}" for store in stores)
        raise ParamError(f"gradients of runs of different lengths ({lengths}); collect them with the same steps")
    train, dev = (_joined(stores, split) for split in SPLITS)
    return Splits(train, dev, {}, {column: [] for column in ID_COLUMNS}, 0.0)


def _joined(stores: list[GradientStore], split: str) -> TensorData:
    parts = [store.load(split) for store in stores]
    return TensorData(
        {name: torch.from_numpy(np.concatenate([getattr(part, name) for part in parts])) for name in ("x", "y", "step")}
    )
