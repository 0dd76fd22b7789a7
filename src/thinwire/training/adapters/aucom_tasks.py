"""What the adapters of the server's networks share: segments split by split, and their mel features."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from thinwire import kaldi
from thinwire.audio import SAMPLE_RATE
from thinwire.errors import ParamError
from thinwire.params import Params
from thinwire.params.aucom_tasks import Task
from thinwire.segments import Segments
from thinwire.training.adapters.segments import SPLITS, Reader
from thinwire.training.build import Splits
from thinwire.training.loop import TensorData


def settings_of(params: Params, name: str) -> Task:
    """The settings of a run's system; raises ParamError where its mels are not the codec's."""
    system = params.run(name).system
    settings, codec = getattr(params.systems, system), params.systems.aucom_codec
    if settings.n_mels != codec.n_mels:
        raise ParamError(
            f"params.yaml: systems.{system}.spectrum.n_mels: {settings.n_mels}, but systems.aucom_codec has "
            f"{codec.n_mels}; the server hears what the codec decodes, set both alike"
        )
    return settings


class TaskReader:
    """Reads folders of segments; `of(split)` gives those of a folder, one folder at a time."""

    def __init__(self, folders: list[Path], settings: Task) -> None:
        self._reader, self._n_mels = Reader(folders), settings.n_mels

    def of(self, split: str) -> list[Segments]:
        """Segments of all folders; raises ParamError for segments of several lengths."""
        return list(self._reader.of(split))

    def features(self, parts: list[Segments]) -> Tensor:
        """Features of the clean side, (n, H, L)."""
        return torch.cat([torch.from_numpy(kaldi.fbank(part.clean, self._n_mels)) for part in parts])

    def splits(self, tensors: dict[str, dict[str, Tensor]], facts: dict[str, int]) -> Splits:
        """Named tensors of each split as the loop wants them."""
        train, dev = (TensorData(tensors[split]) for split in SPLITS)
        return Splits(train, dev, facts, self._reader.seen, self._reader.shape[1] / SAMPLE_RATE)
