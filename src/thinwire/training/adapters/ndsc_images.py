"""Pairs of images for the conditional VQ-VAE: stereo pairs, and halves of an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from thinwire.corpora.images import ImageStore
from thinwire.errors import ParamError
from thinwire.params import Params
from thinwire.params.neural_dsc import NdscRow
from thinwire.training.adapters.segments import SPLITS
from thinwire.training.build import Splits
from thinwire.training.loop import TensorData

ITEM_S = 1.0
"""An image has no duration; hours in a card count images as seconds."""


def load(params: Params, run: NdscRow, folders: list[Path]) -> Splits:
    """x and y (n, 3, H, W) float32 in -.5 .. .5 of one or several folders; `seen` has the scenes or persons of both
    splits.

    Raises ParamError for folders whose images differ in size.
    """
    stores = [ImageStore(folder) for folder in folders]
    sizes = {store.x.shape[2:] for store in stores}
    if len(sizes) > 1:
        found = " and ".join(f"{h} x {w}" for h, w in sorted(sizes))
        raise ParamError(f"{', '.join(map(str, folders))}: images of {found}; extract all with the same settings")
    data: dict[str, TensorData] = {}
    seen: set[str] = set()
    for split in SPLITS:
        parts = [store.load(split) for store in stores]
        for part in parts:
            seen.update(part.table["session"])
        data[split] = TensorData(
            {side: torch.cat([image_tensor(getattr(part, side)) for part in parts]) for side in ("x", "y")}
        )
    return Splits(data["train"], data["dev"], {}, {"session": sorted(seen)}, ITEM_S)


def image_tensor(images: np.ndarray) -> Tensor:
    """float32 in -.5 .. .5 of uint8 images (facts 4.2)."""
    return torch.from_numpy(images).float().div_(255.0).sub_(0.5)
