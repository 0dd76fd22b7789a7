"""What an edge device needs of a trained codec, in a folder that is read without torch: the encoder for ONNX Runtime,
code tables, and the fingerprints by which a server knows its own model.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from thinwire.coding.coders import EntropyCoder
from thinwire.errors import CheckpointError
from thinwire.systems.aucom.bitstream import Bitstream
from thinwire.systems.aucom.edge import EdgeCodec, EdgeEncoder
from thinwire.systems.aucom.tables import tables_at

ENCODER, TABLES = "encoder.onnx", "tables.npz"


def save_edge(folder: Path, graph: bytes, tensors: Mapping[str, np.ndarray], fingerprints: Mapping[float, str]) -> None:
    """Write `graph` (of `export.export_encoder`), and of a model's tables (`taus` and `counts` of `count_tensors`) what
    coding takes, with the fingerprint of each tau, into an existing folder.
    """
    (folder / ENCODER).write_bytes(graph)
    names = np.array([fingerprints[tau] for tau in tensors["taus"].tolist()])
    np.savez_compressed(folder / TABLES, taus=tensors["taus"], counts=tensors["counts"], fingerprints=names)


def is_edge(folder: Path | str) -> bool:
    """Whether `save_edge` wrote there."""
    return (Path(folder) / ENCODER).is_file()


def load_edge(folder: Path, tau: float, coder: EntropyCoder = "huffman") -> EdgeCodec:
    """The codec of a folder that `save_edge` wrote, at one tau; raises CheckpointError for a folder that is not whole,
    whose parts are of two models, and for a tau without tables.
    """
    try:
        with np.load(folder / TABLES, allow_pickle=False) as file:
            tensors = {name: file[name] for name in ("taus", "counts", "fingerprints")}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{folder / TABLES}: no code tables ({error}); export the codec again") from error
    tables, encoder = tables_at(tensors, tau), EdgeEncoder(folder / ENCODER)
    if tables.rows != encoder.rows:
        raise CheckpointError(
            f"{folder}: code tables of {tables.rows} rows, an encoder of {encoder.rows}; export the codec again"
        )
    fingerprint = str(tensors["fingerprints"][tensors["taus"].tolist().index(tau)])
    return EdgeCodec(encoder, Bitstream(tables, fingerprint, coder, encoder.columns, encoder.chunk_frames), tau)
