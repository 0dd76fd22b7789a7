"""The enhancer (score network) in the training loop; it learns on the coder's own spectra."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from thinwire.errors import ParamError
from thinwire.nn.trainable import Trainable
from thinwire.params import Params
from thinwire.tasks.enhancement import Enhancer, EnhancerTraining
from thinwire.training.build import Splits
from thinwire.training.loop import TensorData
from thinwire.training.state import load_weights


def load(params: Params, name: str, folders: list[Path]) -> Splits:
    from thinwire.training.adapters import ndpca  # which imports this module

    return ndpca.load(params, name, folders)


def build(params: Params, name: str, facts: dict[str, int], to_train: bool) -> Trainable:
    return EnhancerTraining(params.systems.score)


def fit(system: Trainable, splits: Splits) -> None:
    """Nothing is measured beforehand."""


def derived(system: Trainable, train: TensorData) -> dict[str, dict[str, Tensor]]:
    return {}


def load_enhancer(params: Params, folder: Path) -> Enhancer:
    """The trained score network of a models/<run> folder, frozen; raises ParamError for another folder."""
    if folder.parts[:1] != ("models",):
        raise ParamError(f"params.yaml: after: {folder}: an aware run needs `after: models/<score run>`")
    enhancer = Enhancer(params.systems.score)
    load_weights(folder / "model.safetensors", enhancer)
    return enhancer.eval().requires_grad_(False)
