"""Chunks of several corpora: all that goes in comes out once, in its split, without zeros that fill up segments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from thinwire.artifacts import read_json
from thinwire.corpora.universal import chunks_of, join
from thinwire.errors import CorpusError
from thinwire.params.universal import Universal
from thinwire.segments import SegmentStore, SegmentWriter

LENGTH = 1600


def corpus(folder: Path, level: float, splits: dict[str, int], heard: int = LENGTH) -> Path:
    """Segments of LENGTH samples of which the first `heard` are not zero; each counts up in steps of a thousandth."""
    with SegmentWriter(folder, folder.name, ["mono"]) as writer:
        for split, count in splits.items():
            for number in range(count):
                clean = np.zeros(LENGTH, np.float32)
                clean[:heard] = level + number / 1024
                writer.add(
                    clean[None], clean, segment_id=f"{split}{number}", split=split, session="s",
                    speaker=f"{folder.name}-{split}-{number}", start_s=0.0, end_s=heard / 16_000,
                )  # fmt: skip
    return folder


def settings(**chunks: int) -> Universal:
    return Universal(segment_s=0.2, chunks={"train": 100, "dev": 100, "eval": 100} | chunks)


def test_chunks_hold_what_was_heard_and_no_more(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "a", 0.25, {"train": 8}, heard=800)
    chunks = chunks_of(SegmentStore(folder).load("train"), 3200)
    assert chunks.shape == (2, 3200) and np.all(chunks > 0.2)
    expected = np.repeat(0.25 + np.arange(8) / 1024, 800).reshape(2, 3200)
    assert np.allclose(chunks, expected, atol=1e-4)


def test_corpora_are_joined_split_by_split(tmp_path: Path) -> None:
    folders = {
        "a": corpus(tmp_path / "a", 0.25, {"train": 8, "dev": 2, "eval": 4}),
        "b": corpus(tmp_path / "b", -0.5, {"train": 4, "eval": 2}),
    }
    join(folders, tmp_path / "out", settings(train=3))
    store = SegmentStore(tmp_path / "out")
    assert store.table.groupby(["session", "split"]).size().to_dict() == {
        ("a", "dev"): 1, ("a", "eval"): 2, ("a", "train"): 3, ("b", "eval"): 1, ("b", "train"): 2,
    }  # fmt: skip
    assert store.table["segment_id"].is_unique
    train = store.load("train")
    for row, clean, noisy in zip(train.table.itertuples(), train.clean, train.noisy[:, 0], strict=True):
        assert np.array_equal(clean, noisy) and np.all((clean > 0) == (row.session == "a"))
        talkers = str(row.speaker).split(";")
        assert len(talkers) == 2 and all(name.startswith(f"{row.session}-train-") for name in talkers)
    assert read_json(tmp_path / "out" / "report.json")["chunks"]["b"] == {"train": 2, "eval": 1}


def test_a_split_without_a_chunk_is_refused(tmp_path: Path) -> None:
    folders = {"a": corpus(tmp_path / "a", 0.25, {"train": 8, "dev": 1, "eval": 4})}
    with pytest.raises(CorpusError, match="split dev"):
        join(folders, tmp_path / "out", settings())


def test_all_splits_must_be_named() -> None:
    with pytest.raises(ValueError, match="train, dev and eval"):
        Universal(chunks={"train": 3})
