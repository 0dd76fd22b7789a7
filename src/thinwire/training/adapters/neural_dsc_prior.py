"""The latent prior in the training loop: the indices that a trained codec makes of its training items."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import Tensor

from thinwire.errors import ParamError
from thinwire.nn.trainable import Trainable
from thinwire.params import Params
from thinwire.params.neural_dsc import NdscRow
from thinwire.systems.neural_dsc.codec import NdscCodec, codec_fingerprint
from thinwire.systems.neural_dsc.prior import LatentPrior
from thinwire.systems.neural_dsc.prior_system import NeuralDscPriorSystem
from thinwire.training.adapters import neural_dsc
from thinwire.training.build import Splits, load_model
from thinwire.training.loop import TensorData


def codec_row(params: Params, name: str) -> NdscRow:
    """The row of the codec that a prior's run comes after; raises ParamError where it is none, or of other data."""
    run: NdscRow = params.run(name)
    place = f"params.yaml: runs.{params.runs.paper_of(name)}.{name}"
    codec = params.run(run.codec)
    if codec.system != "neural_dsc":
        raise ParamError(f"{place}.after: {run.codec} is a {codec.system}; a prior comes after a neural_dsc")
    if codec.data != run.data:
        raise ParamError(f"{place}.data: {run.data}, but its codec {run.codec} learns on {codec.data}; name that")
    assert isinstance(codec, NdscRow)
    return codec


def load(params: Params, name: str, folders: list[Path]) -> Splits:
    """Indices `clean` (n, L) of the items that the codec was trained on; all draws of the prior learn on the codec's
    first.
    """
    codec_row(params, name)
    codec = params.run(name).codec
    model, splits = neural_dsc.load_codec(params, codec), neural_dsc.load(params, codec, folders)
    facts = {"codewords": model.codewords}
    sides = []
    for data in (splits.train, splits.dev):
        sides.append(TensorData({"clean": neural_dsc.encode_items(model, data).flatten(1)}))
    facts["positions"] = sides[0].tensors["clean"].shape[1]
    return replace(splits, train=sides[0], dev=sides[1], facts=facts)


def build(params: Params, name: str, facts: dict[str, int], to_train: bool) -> Trainable:
    return NeuralDscPriorSystem(params.systems.neural_dsc_prior, facts["positions"], facts["codewords"])


def fit(system: Trainable, splits: Splits) -> None:
    """Nothing is measured beforehand."""


def derived(system: Trainable, train: TensorData) -> dict[str, dict[str, Tensor]]:
    return {}


def load_prior(params: Params, name: str, seed: int = 0) -> LatentPrior:
    """The trained prior of a run, frozen; raises CheckpointError for weights of another model."""
    prior = load_model(params, name, seed)
    assert isinstance(prior, LatentPrior)
    return prior


def load_coder(params: Params, name: str, prior: str | None = None, seed: int = 0) -> NdscCodec:
    """The codec of run `name` as a coder: with the prior of run `prior`, range-coded; without, of fixed length.

    `seed` is the codec's draw, or, with a prior, the prior's: all of these learned on the codec's first. Raises
    ParamError for a prior that comes after another codec, CheckpointError for weights of another model.
    """
    if prior is None:
        model = neural_dsc.load_codec(params, name, seed)
        return NdscCodec(model, None, codec_fingerprint(model, None))
    codec_row(params, prior)
    if params.run(prior).codec != name:
        raise ParamError(f"prior {prior} comes after {params.run(prior).codec}, not after {name}")
    model, learned = neural_dsc.load_codec(params, name), load_prior(params, prior, seed)
    return NdscCodec(model, learned, codec_fingerprint(model, learned))
