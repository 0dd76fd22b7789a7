"""Written whole or not at all; named by content; split for ever; seeded by name."""

from __future__ import annotations

import errno
import json
import random
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from thinwire import artifacts
from thinwire.artifacts import atomic_path, fingerprint, read_json, split_of, write_json
from thinwire.errors import BitstreamError, PipelineError
from thinwire.seeding import derive_seed, rng, seed_everything


def test_a_file_appears_only_when_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "a.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new" and list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("directory", [False, True])
def test_an_error_leaves_what_was_there(tmp_path: Path, directory: bool) -> None:
    target = tmp_path / "a"
    with atomic_path(target, directory) as temporary:
        (temporary / "x" if directory else temporary).write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target, directory) as temporary:
        (temporary / "x" if directory else temporary).write_text("new")
        raise RuntimeError
    assert (target / "x" if directory else target).read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    for name in ("first", "second"):
        with atomic_path(tmp_path / "folder", directory=True) as temporary:
            (temporary / name).write_text(name)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["second"]


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PipelineError, match="a: the disk is full, nothing was written"), atomic_path(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(PipelineError, match="cannot write"), atomic_path(tmp_path / "file" / "a"):
        pass
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a"):
        raise FileNotFoundError("something else")


class _Usage(NamedTuple):
    free: int


@pytest.mark.parametrize("directory", [False, True])
def test_a_full_disk_by_an_error_that_does_not_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: bool
) -> None:
    """libsndfile says "System error.", safetensors has an error of its own."""
    with pytest.raises(SafetensorError), atomic_path(tmp_path / "a", directory):
        raise SafetensorError("no such thing")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(4096))
    with pytest.raises(PipelineError, match="a: the disk is full"), atomic_path(tmp_path / "a", directory):
        raise SafetensorError("Error while serializing")
    with pytest.raises(BitstreamError, match="said already"), atomic_path(tmp_path / "a", directory):
        raise BitstreamError("said already")
    assert not list(tmp_path.iterdir())


def test_json_of_numpy_and_nan(tmp_path: Path) -> None:
    value = {"b": np.float32(0.5), "a": [np.nan, float("inf"), np.arange(2)], 3: (True, None, "ä")}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == {"3": [True, None, "ä"], "a": [None, None, [0, 1]], "b": 0.5}
    text = (tmp_path / "x.json").read_text("utf-8")
    assert text.endswith("}\n") and "ä" in text and text.index('"a"') < text.index('"b"')
    write_json(tmp_path / "y.json", dict(reversed(list(value.items()))))
    assert (tmp_path / "y.json").read_bytes() == (tmp_path / "x.json").read_bytes()


@pytest.mark.parametrize(
    ("content", "message"), [(None, "not there; run the stage"), (b'{"a":\n 1,}', "line 2"), (b"\xff", "not JSON")]
)
def test_json_that_cannot_be_read(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PipelineError, match=message) as caught:
        read_json(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_fingerprint_is_of_content(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_text("same")
    shutil.copy(a, b)
    assert fingerprint(a) == fingerprint(b) and len(fingerprint(a)) == 16
    assert fingerprint({"x": 1, "y": 2}) == fingerprint({"y": 2, "x": 1})
    parts = [fingerprint(), fingerprint("a"), fingerprint("a", "b"), fingerprint("ab"), fingerprint(["a", "b"])]
    assert len(set(parts)) == 5
    b.write_text("other")
    assert fingerprint(a) != fingerprint(b)


def test_splits_are_fixed_and_of_the_right_size() -> None:
    ids = [str(i) for i in range(4000)]
    splits = [split_of("talker", i) for i in ids]
    assert [split_of("talker", i) for i in ids] == splits
    shares = {name: splits.count(name) / 4000 for name in ("train", "dev", "eval")}
    assert shares["eval"] == pytest.approx(0.25, abs=0.03) and shares["dev"] == pytest.approx(0.15, abs=0.03)
    assert splits != [split_of("room", i) for i in ids]
    # what a hash says today it says for ever: weights and cards rely on it
    assert [split_of("talker", i) for i in ("1089", "84", "2", "61")] == KNOWN


KNOWN = ["train", "train", "train", "train"]


def test_seeds_follow_names() -> None:
    assert derive_seed(1, "a", 2) == derive_seed(1, "a", "2") != derive_seed(2, "a", 2)
    assert derive_seed(1, "train", 0) == FIRST_SEED
    assert rng(1, "x").integers(1 << 30) == rng(1, "x").integers(1 << 30) != rng(1, "y").integers(1 << 30)
    assert all(0 <= derive_seed(seed, "x") < 2**32 for seed in range(50))


FIRST_SEED = 286292870


def test_everything_is_seeded() -> None:
    drawn = []
    for _ in range(2):
        seed_everything(7)
        drawn.append((random.random(), float(np.random.rand()), float(torch.rand(()))))
    assert drawn[0] == drawn[1]
    torch.use_deterministic_algorithms(False)


def test_plain_copies_nothing_by_reference() -> None:
    value = {"a": [1]}
    copy = artifacts._plain(value)
    copy["a"].append(2)
    assert value == {"a": [1]} and json.dumps(copy)
