"""Two microphones in the training loop of the VQ-VAE: maps x and y (n, C, H, W) of segments."""

from __future__ import annotations

from pathlib import Path

import torch

from thinwire.audio import SAMPLE_RATE
from thinwire.params import Params
from thinwire.params.neural_dsc import NdscRow
from thinwire.systems.neural_dsc.speech import prepare
from thinwire.training.adapters.segments import SPLITS, Reader
from thinwire.training.build import Splits
from thinwire.training.loop import TensorData


def load(params: Params, run: NdscRow, folders: list[Path]) -> Splits:
    """Items of a row's domain and pair; raises ParamError for segments of several lengths, or that have no pair."""
    reader, spectrum = Reader(folders), params.systems.neural_dsc.spectrum
    tensors = {}
    for split in SPLITS:
        parts = [prepare(part.noisy, part.clean, run.domain, run.pair, spectrum) for part in reader.of(split)]
        tensors[split] = TensorData({name: torch.cat([getattr(part, name) for part in parts]) for name in ("x", "y")})
    return Splits(tensors["train"], tensors["dev"], {}, reader.seen, reader.shape[1] / SAMPLE_RATE)
