"""The enhancer AUComSENNet in the training loop: pairs of clean and noisy waveforms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from thinwire.audio import SAMPLE_RATE
from thinwire.errors import ParamError
from thinwire.nn.trainable import Trainable
from thinwire.params import Params
from thinwire.systems.aucom_enhancer.system import EnhancerSystem
from thinwire.training.adapters.segments import SPLITS, Reader
from thinwire.training.build import Splits
from thinwire.training.loop import TensorData


def load(params: Params, name: str, folders: list[Path]) -> Splits:
    reader = Reader(folders)
    train, dev = (_pairs(reader, split) for split in SPLITS)
    sources, samples = reader.shape
    if sources != 1:
        raise ParamError(
            f"params.yaml: runs.aucom.{name}.data: segments of {sources} microphones; the enhancer hears one "
            "(use `voicebank`)"
        )
    item_s = min(params.systems.aucom_enhancer.crop_s, samples / SAMPLE_RATE)
    return Splits(train, dev, {"samples": samples}, reader.seen, item_s)


def _pairs(reader: Reader, split: str) -> TensorData:
    parts = [(part.clean, part.noisy[:, 0]) for part in reader.of(split)]
    clean, noisy = (torch.from_numpy(np.concatenate(side)) for side in zip(*parts, strict=True))
    return TensorData({"clean": clean, "noisy": noisy})


def build(params: Params, name: str, facts: dict[str, int], to_train: bool) -> Trainable:
    return EnhancerSystem(params.systems.aucom_enhancer)


def fit(system: Trainable, splits: Splits) -> None:
    """Nothing is measured beforehand."""


def derived(system: Trainable, train: TensorData) -> dict[str, dict[str, Tensor]]:
    return {}
