"""AuComNet through the training stage: chunks as a stream, tables beside the weights, a coder from the folder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from tiny_workspace import inside, train_in, voice

from thinwire.corpora.universal import chunks_of
from thinwire.errors import CheckpointError, ParamError
from thinwire.kaldi import fbank
from thinwire.segments import Segments, SegmentWriter
from thinwire.systems.aucom.tables import RowTables, tables_at
from thinwire.training.adapters.aucom_codec import load_codec, load_coder
from thinwire.training.build import load_splits
from thinwire.training.state import load_tensors

SAMPLES = 16_000
CODEC = {
    "spectrum": {"n_mels": 16}, "chunk_s": 0.8, "crop_s": 0.4, "channels": 4, "prior_filters": [3], "taus": [1, 3],
    "training": {"batch": 4, "lr": 0.01},
}  # fmt: skip


def write_clean(folder: Path, items: int, seconds: float = 1.0) -> None:
    """Segments of 1 s of which only the first `seconds` are recorded."""
    generator = np.random.default_rng(items)
    with SegmentWriter(folder, "librispeech", ["mono"]) as writer:
        for split, count in {"train": items, "dev": 3}.items():
            for i in range(count):
                clean = voice(generator, SAMPLES)
                clean[round(seconds * 16_000) :] = 0.0
                writer.add(
                    clean[None], clean, segment_id=f"{split}-{i}", split=split, session="1", speaker=f"{split}{i % 3}",
                    start_s=2.0, end_s=2.0 + seconds,
                )  # fmt: skip


@pytest.fixture
def folder(workspace: Path) -> Path:
    """A workspace with a run of the codec."""
    tree = yaml.safe_load((workspace / "params.yaml").read_text("utf-8"))
    tree["systems"]["aucom_codec"] = CODEC
    row = {"system": "aucom_codec", "after": "data/segments/librispeech", "steps": 6, "variant": "v2"}
    tree["runs"] = {"aucom": {"tiny": row}}
    (workspace / "params.yaml").write_text(yaml.safe_dump(tree), "utf-8")
    write_clean(workspace / "data" / "segments" / "librispeech", 12)
    return workspace


def test_a_stream_goes_over_the_ends_of_segments_but_not_over_their_filling() -> None:
    clean = np.arange(12, dtype=np.float32).reshape(3, 4)
    table = pd.DataFrame({"start_s": [1.0, 0.0, 3.0], "end_s": [1.0 + 4 / 16e3, 2 / 16e3, 3.0 + 4 / 16e3]})
    chunks = chunks_of(Segments(table, clean[:, None], clean), 3)
    assert chunks.tolist() == [[0, 1, 2], [3, 4, 5], [8, 9, 10]]


def test_data_are_features_of_whole_chunks_of_all_folders(folder: Path) -> None:
    write_clean(folder / "other", 4, seconds=0.5)
    with inside(folder) as params:
        alone = load_splits(params, "tiny")
        both = load_splits(params, "tiny", [Path("data/segments/librispeech"), Path("other")])
    assert alone.train.tensors["clean"].shape == (15, 16, 80)  # 12 s
    assert len(both.train) == 15 + 2 and len(both.dev) == 3 + 1
    assert alone.item_s == 0.4 and alone.seen["speaker"] == ["dev0", "dev1", "dev2", "train0", "train1", "train2"]


def test_too_little_audio_is_said(folder: Path) -> None:
    write_clean(folder / "short", 2, seconds=0.2)
    with inside(folder) as params, pytest.raises(ParamError, match="short: less than 0.8 s in split train"):
        load_splits(params, "tiny", [Path("short")])


def test_a_trained_run_codes_audio(folder: Path) -> None:
    model = train_in(folder, "tiny")
    tensors = {name: value.numpy() for name, value in load_tensors(model / "tables.safetensors").items()}
    assert set(tensors) == {"mu", "sigma", "taus", "counts"}
    assert tensors["mu"].shape == tensors["sigma"].shape == (4, 20)
    assert tensors["counts"].sum(2).tolist() == [[15 * 20] * 4] * 2  # every training symbol, at each tau
    audio = voice(np.random.default_rng(5), 20_000)
    with inside(folder) as params:
        net, coder = load_codec(params, "tiny"), load_coder(params, "tiny", 1.0)
        with pytest.raises(CheckpointError, match="tau = 1, 3"):
            load_coder(params, "tiny", 2.0)
    data = coder.encode(audio)
    f = fbank(audio[None], 16)
    decoded = coder.decode(data)
    assert decoded.shape == f[0].shape and len(data) < 200
    chunk = torch.from_numpy(f[:, :, :80])
    table = tables_at(tensors, 1.0)
    assert isinstance(table, RowTables)
    held = torch.from_numpy(table.clamp(net.symbols(chunk)[0].numpy()).symbols)[None]
    assert np.allclose(decoded[:, :80], net.features(held)[0].numpy(), atol=1e-4)


def test_the_same_run_leaves_the_same_tables(folder: Path) -> None:
    first, again = ((train_in(folder, "tiny") / "tables.safetensors").read_bytes() for _ in range(2))
    assert first == again and not os.path.exists(folder / "resume" / "tiny")
