"""What the adapters of the learned compared systems share: the codec's features, and tables as the codec's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from torch import Tensor

from thinwire.coding.coders import EntropyCoder
from thinwire.errors import ParamError
from thinwire.nn.trainable import Trainable
from thinwire.params import Params
from thinwire.params.aucom_codec import FRAME_RATE
from thinwire.params.aucom_compared import Compared
from thinwire.systems.aucom.coder import AucomCoder, ChunkCodec, coder_fingerprint
from thinwire.systems.aucom.compared_system import ComparedSystem
from thinwire.systems.aucom.feature_codec import FeatureNet
from thinwire.systems.aucom.sensing import SensingNet
from thinwire.systems.aucom.tables import RowTables, tables_at
from thinwire.training.adapters import aucom_codec
from thinwire.training.build import Splits, load_model, model_folder
from thinwire.training.loop import TensorData
from thinwire.training.state import load_tensors


def load(params: Params, name: str, folders: list[Path]) -> Splits:
    """Features as AuComNet gets them; raises ParamError where the system's mels or chunks are not the codec's."""
    system = params.run(name).system
    settings, codec = getattr(params.systems, system), params.systems.aucom_codec
    for key, own, other in (
        ("spectrum.n_mels", settings.n_mels, codec.n_mels),
        ("chunk_s", settings.chunk_s, codec.chunk_s),
    ):
        if own != other:
            raise ParamError(
                f"params.yaml: systems.{system}.{key}: {own}, but systems.aucom_codec has {other}; compared systems "
                "work on the same features, set both alike"
            )
    return replace(aucom_codec.load(params, name, folders), item_s=settings.crop_frames / FRAME_RATE)


def derived(system: Trainable, train: TensorData) -> dict[str, dict[str, Tensor]]:
    """`tables`: normalisation tables, and counts for the code tables of each tau."""
    assert isinstance(system, ComparedSystem) and isinstance(system.settings, Compared)
    return {"tables": aucom_codec.tables_of(system.model, train.tensors["clean"], system.settings.taus)}


def load_compared(params: Params, name: str, seed: int = 0) -> FeatureNet:
    """The trained network of a run with its normalisation tables, frozen; raises CheckpointError for weights or tables
    of another model.
    """
    net = load_model(params, name, seed)
    assert isinstance(net, FeatureNet)
    tensors = load_tensors(model_folder(name, seed) / "tables.safetensors")
    net.normalisation.attach(tensors["mu"], tensors["sigma"])
    return net


def load_compared_coder(
    params: Params, name: str, tau: float, coder: EntropyCoder, rows: int | None = None, seed: int = 0
) -> AucomCoder:
    """The trained system of a run with code tables of one tau; `rows`: measurements of a sensing network (None: all).

    Raises CheckpointError as `load_compared`, and where tau has no tables; ValueError for more rows than there are.
    """
    net = load_compared(params, name, seed)
    tensors = {key: t.numpy() for key, t in load_tensors(model_folder(name, seed) / "tables.safetensors").items()}
    tables, codec = tables_at(tensors, tau), cast(ChunkCodec, net)
    if rows is not None:
        assert isinstance(net, SensingNet)
        tables, codec = RowTables(tables.tables[:rows]), net.at(rows)
    return AucomCoder(codec, tables, coder_fingerprint(net, tables, tau, tensors["mu"], tensors["sigma"]), tau, coder)
