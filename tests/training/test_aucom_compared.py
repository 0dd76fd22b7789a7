"""Compared systems through the training stage, on the codec's features, and coders from their folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tiny_workspace import inside, train_in, voice

from thinwire.errors import BitstreamError, CheckpointError, ParamError
from thinwire.segments import SegmentWriter
from thinwire.systems.aucom.coder import AucomCoder
from thinwire.training.adapters.aucom_codec import load, tables_of
from thinwire.training.adapters.aucom_compared import load_compared_coder
from thinwire.training.build import load_splits

FEATURES = {"spectrum": {"n_mels": 16}, "chunk_s": 0.8, "crop_s": 0.4, "taus": [0.5, 2]}
TRAINED: dict[str, Any] = {"training": {"batch": 4, "lr": 0.01}}
SYSTEMS = {
    "aucom_codec": FEATURES | {"channels": 4, "prior_filters": [3]},
    "aucom_sensing": FEATURES | {"measurements": [2, 6], "stages": 1, "width": 2} | TRAINED,
    "aucom_deepcod": FEATURES | {"latents": 2, "width": 4, "blocks": 1} | TRAINED,
}


@pytest.fixture
def folder(workspace: Path) -> Path:
    """A workspace with a run of each compared system."""
    tree = yaml.safe_load((workspace / "params.yaml").read_text("utf-8"))
    tree["systems"] |= SYSTEMS
    rows = {system: {"system": system, "after": "data/segments/librispeech", "steps": 4} for system in SYSTEMS}
    tree["runs"] = {"aucom": {name.removeprefix("aucom_"): row for name, row in rows.items() if name != "aucom_codec"}}
    (workspace / "params.yaml").write_text(yaml.safe_dump(tree), "utf-8")
    generator = np.random.default_rng(0)
    with SegmentWriter(workspace / "data" / "segments" / "librispeech", "librispeech", ["mono"]) as writer:
        for i in range(16):
            clean, split = voice(generator, 16_000), "dev" if i % 4 == 0 else "train"
            writer.add(
                clean[None], clean, segment_id=str(i), split=split, session="1", speaker=f"{split}{i % 3}",
                start_s=0.0, end_s=1.0,
            )  # fmt: skip
    return workspace


def coded(coder: AucomCoder) -> int:
    """Bytes of 1.25 s; they decode to features of their length."""
    data = coder.encode(voice(np.random.default_rng(5), 20_000))
    f_hat = coder.decode(data)
    assert f_hat.shape == (16, 125) and np.isfinite(f_hat).all()
    return len(data)


def test_a_trained_sensing_network_codes_with_any_number_of_measurements(folder: Path) -> None:
    train_in(folder, "sensing")
    with inside(folder) as params:
        few, all_six = (load_compared_coder(params, "sensing", 0.5, "range", rows) for rows in (2, None))
        with pytest.raises(CheckpointError, match="tau = 0.5, 2"):
            load_compared_coder(params, "sensing", 1.0, "range")
        with pytest.raises(ValueError, match="1 to 6"):
            load_compared_coder(params, "sensing", 0.5, "range", 7)
    assert coded(few) < coded(all_six)
    with pytest.raises(BitstreamError, match="model"):
        all_six.decode(few.encode(voice(np.random.default_rng(5), 20_000)))


def test_a_trained_deepcod_codes(folder: Path) -> None:
    train_in(folder, "deepcod")
    with inside(folder) as params:
        fine, coarse = (load_compared_coder(params, "deepcod", tau, "huffman") for tau in (0.5, 2.0))
    assert coded(coarse) < coded(fine)


def test_features_are_the_codecs(folder: Path) -> None:
    with inside(folder) as params:
        splits = load_splits(params, "deepcod")
        of_codec = load(params, "deepcod", [Path("data/segments/librispeech")])
    assert splits.train.tensors["clean"].equal(of_codec.train.tensors["clean"]) and splits.item_s == 0.4
    tree = yaml.safe_load((folder / "params.yaml").read_text("utf-8"))
    tree["systems"]["aucom_deepcod"]["spectrum"] = {"n_mels": 24}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree), "utf-8")
    with inside(folder) as params, pytest.raises(ParamError, match=r"aucom_deepcod.spectrum.n_mels: 24.*has 16"):
        load_splits(params, "deepcod")


def test_interpolation_needs_tables_alone(folder: Path) -> None:
    from thinwire.systems.aucom.coder import coder_fingerprint
    from thinwire.systems.aucom.interpolation import Interpolation
    from thinwire.systems.aucom.tables import tables_at

    with inside(folder) as params:
        f = load_splits(params, "deepcod").train.tensors["clean"]
    sizes = []
    for factors in ((2, 2), (4, 4)):
        net = Interpolation(16, 80, factors)
        net.fit_statistics(f)
        tables = tables_at({name: value.numpy() for name, value in tables_of(net, f, [1.0]).items()}, 1.0)
        sizes.append(coded(AucomCoder(net, tables, coder_fingerprint(net, tables, 1.0), 1.0, "range")))
    assert sizes[1] < 0.6 * sizes[0]
