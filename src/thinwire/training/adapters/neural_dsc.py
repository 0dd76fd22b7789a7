"""The conditional VQ-VAE in the training loop; what items are is the matter of a module a kind of domain."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from thinwire.errors import ParamError
from thinwire.nn.trainable import Trainable
from thinwire.params import Params
from thinwire.params.neural_dsc import SPEECH, Domain, NdscRow
from thinwire.systems.neural_dsc.model import NeuralDsc
from thinwire.systems.neural_dsc.system import NeuralDscSystem
from thinwire.training.build import Splits, load_model, model_folder
from thinwire.training.loop import TensorData
from thinwire.training.state import load_tensors

_SIZES = ("size0", "size1", "size2")
_AT_ONCE = 64


class ItemsOf(Protocol):
    """What `training/adapters/ndsc_<kind>.py` offers: tensors `x` and `y` of equal shape (n, *shape), and `step` (n,)
    of gradients; the facts are made here.
    """

    def load(self, params: Params, run: NdscRow, folders: list[Path]) -> Splits: ...


def load(params: Params, name: str, folders: list[Path]) -> Splits:
    """Items of a row's domain, with x as `clean`, the name by which the loop counts items; facts: the item's shape.

    Raises ParamError where x and y are not alike, or not finite.
    """
    run: NdscRow = params.run(name)
    splits = _items_of(run.domain).load(params, run, folders)
    where = ", ".join(map(str, folders))
    for data in (splits.train, splits.dev):
        x, y = data.tensors["x"], data.tensors["y"]
        if x.shape != y.shape or not len(x):
            raise ParamError(f"{where}: sources {tuple(x.shape)}, side information {tuple(y.shape)}; need equal shapes")
        if not (torch.isfinite(x).all() and torch.isfinite(y).all()):
            raise ParamError(f"{where}: items with NaN or infinities; extract the data again")
    shape = splits.train.tensors["x"].shape[1:]
    facts = dict(zip(_SIZES, shape, strict=False))
    return replace(splits, train=_named(splits.train), dev=_named(splits.dev), facts=facts)


def _items_of(domain: Domain) -> ItemsOf:
    """The module of a kind of domain; each imports what it needs alone: images need no speech."""
    if domain in SPEECH:
        from thinwire.training.adapters import ndsc_speech as items
    elif domain in ("stereo", "halves"):
        from thinwire.training.adapters import ndsc_images as items  # type: ignore[no-redef]
    elif domain == "gradients":
        from thinwire.training.adapters import ndsc_gradients as items  # type: ignore[no-redef]
    else:
        from thinwire.training.adapters import ndsc_bits as items  # type: ignore[no-redef]
    return items


def _named(data: TensorData) -> TensorData:
    return TensorData({"clean" if name == "x" else name: value for name, value in data.tensors.items()})


def build(params: Params, name: str, facts: dict[str, int], to_train: bool) -> Trainable:
    shape = tuple(facts[size] for size in _SIZES if size in facts)
    return NeuralDscSystem(params.systems.neural_dsc, params.run(name), shape)


def fit(system: Trainable, splits: Splits) -> None:
    assert isinstance(system, NeuralDscSystem)
    system.model.fit_statistics(splits.train.tensors["clean"], splits.train.tensors["y"])


def derived(system: Trainable, train: TensorData) -> dict[str, dict[str, Tensor]]:
    """`counts`: how often each codeword occurs in training items, (1, K) of maps, (L, K) of vectors, whose positions
    are not alike.
    """
    assert isinstance(system, NeuralDscSystem)
    return {"counts": {"counts": count_indices(system.model, encode_items(system.model.eval(), train))}}


@torch.inference_mode()
def encode_items(model: NeuralDsc, data: TensorData) -> Tensor:
    """Indices (n, *grid) int64 of loaded items, by a model in eval mode."""
    places = torch.arange(len(data)).split(_AT_ONCE)
    batches = (data.take(index, model.mean.device) for index in places)
    return torch.cat([model.encode(batch["clean"], batch["y"], batch.get("step")).cpu() for batch in batches])


def count_indices(model: NeuralDsc, indices: Tensor) -> Tensor:
    """Counts (1 or L, K) int64 of indices (n, *grid)."""
    rows = math.prod(model.index_grid) if model.dense else 1
    flat = indices.reshape(-1, rows) + model.codewords * torch.arange(rows)
    return torch.bincount(flat.flatten(), minlength=rows * model.codewords).reshape(rows, -1)


def load_codec(params: Params, name: str, seed: int = 0) -> NeuralDsc:
    """The trained codec of a run, frozen; raises CheckpointError for weights of another model."""
    model = load_model(params, name, seed)
    assert isinstance(model, NeuralDsc)
    return model


def load_counts(name: str, seed: int = 0) -> Tensor:
    """The counts that `derived` left beside a run's weights; raises CheckpointError where there are none."""
    return load_tensors(model_folder(name, seed) / "counts.safetensors")["counts"]
