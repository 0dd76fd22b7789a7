"""Bernoulli blocks: drawn as stated, passed on as they are, refused when they are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import binom

from thinwire.artifacts import atomic_path
from thinwire.corpora.bits import extract, flip_probability, survey
from thinwire.corpora.pairs import PairStore
from thinwire.corpora.simulate.bits import write_bits
from thinwire.errors import CorpusError, PipelineError
from thinwire.params.bits import BitsExtraction, BitsSimulation
from thinwire.params.corpora import Simulate

SIZE: dict[str, Any] = {"train": 200, "dev": 20, "eval_p": (0.003, 0.02), "eval_blocks": 100, "train_p": (0.0, 0.03)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "bits"
    folder.mkdir()
    write_bits(Simulate(bits=SIZE), 1, folder)
    return folder


def run(root: Path) -> PairStore:
    out = root.parent / "segments"
    with atomic_path(out, directory=True) as temporary:
        extract(root, temporary, BitsExtraction(), seed=0)
    return PairStore(out)


def test_blocks_are_drawn_as_stated(root: Path) -> None:
    store = run(root)
    test = store.load("eval")
    p = flip_probability(test.table)
    assert len(store.load("train")) == 200 and len(store.load("dev")) == 20
    for value in SIZE["eval_p"]:
        chosen = p == value
        flips = int((test.x[chosen] ^ test.y[chosen]).sum())
        assert chosen.sum() == 100 and 1e-4 < binom.cdf(flips, 100 * 648, value) < 1 - 1e-4
    train = store.load("train")
    drawn = flip_probability(train.table)
    assert len(np.unique(drawn)) == 200 and 0 <= drawn.min() < 0.003 and 0.027 < drawn.max() <= 0.03
    assert np.corrcoef(drawn, (train.x ^ train.y).mean(axis=1))[0, 1] > 0.8
    assert abs(train.x.mean() - 0.5) < 4 * 0.5 / np.sqrt(train.x.size)


def test_extraction_passes_on_what_was_drawn(root: Path) -> None:
    store = run(root)
    with np.load(root / "bits.npz") as stored:
        assert (store.x == stored["x"]).all() and (store.y == stored["y"]).all()
        assert (flip_probability(store.table) == stored["p"]).all()
    assert store.x.dtype == np.uint8 and store.table["segment_id"].is_unique
    assert survey(root) == ({"blocks in train": 200, "blocks in dev": 20, "blocks in eval": 200}, [])


def test_the_same_seed_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    for seed in (1, 2):
        (tmp_path / str(seed)).mkdir()
        write_bits(Simulate(bits=SIZE), seed, tmp_path / str(seed))
    first = (root / "bits.npz").read_bytes()
    assert (tmp_path / "1/bits.npz").read_bytes() == first != (tmp_path / "2/bits.npz").read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((3, 600), np.uint8)}, "x and y are not"),
        ({"y": np.full((3, 648), 2, np.uint8)}, "x and y are not"),
        ({"x": np.zeros((3, 648), np.float32)}, "x and y are not"),
        ({"p": np.array([0.1, 0.2, np.nan])}, "p is not"),
        ({"p": np.array([0.1, 0.2])}, "x and y are not"),
        ({"split": np.array(["train", "dev", "test"])}, "split is not"),
        ({"split": None}, "not an NPZ file"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    block = np.zeros((3, 648), np.uint8)
    arrays = {"x": block, "y": block, "p": np.full(3, 0.1), "split": np.array(["train", "dev", "eval"])} | change
    np.savez(tmp_path / "bits.npz", **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(CorpusError, match=f"bits.npz.*{message}"):
        survey(tmp_path)


def test_missing_and_damaged_files(root: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="corpora.bits.root"):
        survey(tmp_path / "nowhere")
    path = root / "bits.npz"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CorpusError, match="not an NPZ file"):
        survey(root)
    path.write_bytes(b"")
    with pytest.raises(CorpusError, match="not an NPZ file"):
        survey(root)


def test_an_empty_split_and_a_missing_folder_are_told(root: Path, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="the other split is empty"):
        run(root).load("other")
    with pytest.raises(PipelineError, match="report.json"):
        PairStore(tmp_path / "nowhere")


@pytest.mark.parametrize("change", [{"train_p": (0.2, 0.1)}, {"train_p": (0.0, 0.6)}, {"eval_p": (0.1, 0.1)}])
def test_probabilities_must_make_sense(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BitsSimulation(**SIZE | change)
