"""Blocks of bits for the conditional VQ-VAE."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from thinwire.corpora.pairs import PairStore
from thinwire.errors import ParamError
from thinwire.params import Params
from thinwire.params.neural_dsc import NdscRow
from thinwire.training.adapters.segments import SPLITS
from thinwire.training.build import Splits
from thinwire.training.loop import TensorData

ITEM_S = 1.0
"""A block has no duration; hours in a card count blocks as seconds."""


def load(params: Params, run: NdscRow, folders: list[Path]) -> Splits:
    """x and y (n, 648) float32 of 0 and 1; blocks are unrelated, so nothing is in `seen`.

    Raises ParamError for a folder of anything but blocks of bits.
    """
    stores = [PairStore(folder) for folder in folders]
    for store in stores:
        if store.x.ndim != 2 or store.x.dtype != np.uint8 or max(store.x.max(), store.y.max()) > 1:
            found = f"{store.x.dtype} {store.x.shape}"
            raise ParamError(f"{store.folder}: {found} are no blocks of bits; name the folder of the corpus bits")
    data = {}
    for split in SPLITS:
        parts = [store.load(split) for store in stores]
        data[split] = TensorData(
            {side: torch.from_numpy(np.concatenate([getattr(part, side) for part in parts])).float() for side in "xy"}
        )
    return Splits(data["train"], data["dev"], {}, {}, ITEM_S)
