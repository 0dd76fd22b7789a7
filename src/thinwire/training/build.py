"""From a row of `runs` to a system, its data, and back to a trained model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from thinwire.artifacts import read_json
from thinwire.errors import ParamError
from thinwire.nn.trainable import Trainable
from thinwire.params import Params
from thinwire.segments import SegmentStore
from thinwire.systems.ndpca.representation import prepare
from thinwire.systems.ndpca.system import NdpcaSystem
from thinwire.tasks.enhancement import Enhancer, EnhancerTraining
from thinwire.training.loop import TensorData
from thinwire.training.state import load_weights

MODELS = Path("models")
DATA = Path("data/segments")


@dataclass(frozen=True)
class Splits:
    """Train and dev tensors, the microphones and samples of a segment, and the ids of talkers, rooms and noises in
    training.
    """

    train: TensorData
    dev: TensorData
    mics: int
    samples: int
    seen: dict[str, list[str]]

    @property
    def segment_s(self) -> float:
        return self.samples / 16_000


def load_splits(params: Params, name: str, folders: list[Path] | None = None) -> Splits:
    """Tensors of a run's data; several segment folders are joined (for long runs)."""
    run = params.run(name)
    spectrum = getattr(params.systems, run.system).spectrum
    parts: dict[str, list[Any]] = {"train": [], "dev": []}
    seen: dict[str, set[str]] = {"speaker": set(), "room": set(), "noise": set()}
    mics = samples = 0
    for folder in folders or [DATA / run.data]:
        store = SegmentStore(folder)
        for split, rows in parts.items():
            segments = store.load(split)
            mics, samples = segments.noisy.shape[1:]
            rows.append(prepare(segments.noisy, segments.clean, spectrum, run.representation))
            for column, ids in seen.items():
                for value in segments.table[column]:
                    ids.update(part for part in str(value).split(";") if part)
    tensors = {
        split: TensorData(
            {key: torch.cat([getattr(data, key) for data in rows]) for key in ("noisy", "clean", "phase")}
        )
        for split, rows in parts.items()
    }
    return Splits(tensors["train"], tensors["dev"], mics, samples, {k: sorted(v) for k, v in seen.items()})


def build_system(
    params: Params, name: str, mics: int, samples: int, seed: int, task: nn.Module | None = None
) -> Trainable:
    """A freshly initialised system of a run's row; `task` is the trained enhancer that an aware run needs."""
    run = params.run(name)
    torch.manual_seed(seed)
    if run.system == "score":
        return EnhancerTraining(params.systems.score)
    if run.setting == "aware" and task is None:
        raise ParamError(f"runs.{name}: an aware run needs `after: models/<score run>`")
    return NdpcaSystem(params.systems.ndpca, run, mics, samples, task)  # type: ignore[arg-type]


def load_enhancer(params: Params, folder: Path) -> Enhancer:
    """The trained score network of a models/<run> folder, frozen."""
    enhancer = Enhancer(params.systems.score)
    load_weights(folder / "model.safetensors", enhancer)
    return enhancer.eval().requires_grad_(False)


def load_model(params: Params, name: str) -> nn.Module:
    """The trained model of a run, as its config describes it; raises CheckpointError for weights of another model."""
    folder = MODELS / name
    config = read_json(folder / "config.json")
    model = build_system(params, name, config["mics"], config["samples"], 0, task=nn.Identity()).deployed()
    load_weights(folder / "model.safetensors", model)
    return model.eval().requires_grad_(False)
