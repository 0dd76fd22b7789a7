"""From a row of `runs` to a system, its data, and back to a trained model, through the system's adapter."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from thinwire.artifacts import read_json
from thinwire.nn.trainable import Trainable
from thinwire.params import Params
from thinwire.training.loop import TensorData
from thinwire.training.state import load_weights

MODELS = Path("models")
DATA = Path("data/segments")


@dataclass(frozen=True)
class Splits:
    """Train and dev tensors; `facts`: what a model's shape needs beside its row (kept in config.json); `seen`: the ids
    of talkers, rooms and noises in training; `item_s`: the seconds of an item that a training step sees.
    """

    train: TensorData
    dev: TensorData
    facts: dict[str, int]
    seen: dict[str, list[str]]
    item_s: float


class Adapter(Protocol):
    """What `training/adapters/<system>.py` offers; found by name, so no system's stages depend on another's code."""

    def load(self, params: Params, name: str, folders: list[Path]) -> Splits:
        """Tensors of a run's data; several segment folders are joined."""
        ...

    def build(self, params: Params, name: str, facts: dict[str, int], to_train: bool) -> Trainable:
        """A freshly initialised system of a run's row; what only training needs is loaded when `to_train`."""
        ...

    def fit(self, system: Trainable, splits: Splits) -> None:
        """Set what is measured on the training items before training (normalisation)."""
        ...

    def derived(self, system: Trainable, train: TensorData) -> dict[str, dict[str, Tensor]]:
        """Files of tensors that evaluation needs beside the weights, computed from the training items when done."""
        ...


def adapter_of(system: str) -> Adapter:
    """The adapter of a system."""
    return cast(Adapter, importlib.import_module(f"thinwire.training.adapters.{system}"))


def load_splits(params: Params, name: str, folders: list[Path] | None = None) -> Splits:
    """Tensors of a run's data, or of other segment folders (for long runs)."""
    run = params.run(name)
    return adapter_of(run.system).load(params, name, folders or [DATA / run.data])


def build_system(params: Params, name: str, facts: dict[str, int], seed: int, to_train: bool = True) -> Trainable:
    """A freshly initialised system of a run's row."""
    torch.manual_seed(seed)
    return adapter_of(params.run(name).system).build(params, name, facts, to_train)


def model_folder(name: str, seed: int = 0) -> Path:
    """Where the model of a run's `seed`-th draw lies."""
    return MODELS / name / (f"seed{seed}" if seed else "")


def load_model(params: Params, name: str, seed: int = 0) -> nn.Module:
    """The trained model of a run, frozen; raises CheckpointError for weights of another model."""
    folder = model_folder(name, seed)
    facts: dict[str, Any] = read_json(folder / "config.json")["facts"]
    model = build_system(params, name, facts, 0, to_train=False).deployed()
    load_weights(folder / "model.safetensors", model)
    return model.eval().requires_grad_(False)
