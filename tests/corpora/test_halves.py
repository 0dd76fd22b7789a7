"""CelebA-HQ layout: the lists good and bad, halves that fit, the simulated crops."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from thinwire.artifacts import atomic_path
from thinwire.corpora.halves import extract, find_faces, survey
from thinwire.corpora.images import ImageStore
from thinwire.corpora.simulate.halves import write_halves
from thinwire.corpora.simulate.photographs import TESTING, TRAINING
from thinwire.errors import CorpusError
from thinwire.params.corpora import Simulate
from thinwire.params.halves import HalvesExtraction


def run(root: Path, **changes: Any) -> tuple[ImageStore, dict[str, Any]]:
    out = root.parent / "segments"
    with atomic_path(out, directory=True) as temporary:
        extract(root, temporary, HalvesExtraction(**{"size": 16} | changes), seed=0)
    return ImageStore(out), json.loads((out / "report.json").read_text())


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Twenty images, JPEG and PNG, whose top half is dark and whose bottom half is light."""
    root = tmp_path / "celeba"
    root.mkdir()
    for number in range(20):
        pixels = np.full((32, 32, 3), 20, np.uint8)
        pixels[16:] = 200 + number
        Image.fromarray(pixels).save(root / f"{number:05d}.{'jpg' if number % 2 else 'png'}", quality=95)
    return root


def lists(root: Path, part: Any, person: Any) -> None:
    names = sorted(path.name for path in root.iterdir())
    (root / "list_eval_partition.txt").write_text("".join(f"{n} {part(i)}\n" for i, n in enumerate(names)))
    (root / "identity_CelebA.txt").write_text("".join(f"{n} {person(i)}\n" for i, n in enumerate(names)))


def test_top_is_x_bottom_is_y(faces: Path) -> None:
    pairs = run(faces)[0].load("train")
    assert pairs.x.shape == pairs.y.shape == (16, 3, 8, 16)
    assert (pairs.x[:, :, :6] < 60).all() and (pairs.y[:, :, 2:] > 180).all()


def test_without_lists_the_number_alone_says_the_split(faces: Path) -> None:
    table = run(faces)[0].table
    assert table.set_index("segment_id")["split"][["00008", "00018", "00009", "00019", "00000"]].tolist() == [
        "dev", "dev", "eval", "eval", "train",
    ]  # fmt: skip
    assert table["session"].is_unique


def test_lists_say_splits_and_persons(faces: Path) -> None:
    lists(faces, part=lambda i: i // 8, person=lambda i: i // 2)
    store, report = run(faces)
    assert report["splits"] == {"dev": 8, "eval": 4, "train": 8}
    assert store.table["session"].nunique() == 10 and store.table["session"].iloc[0] == "person0"
    assert survey(faces) == (
        {"images": 20, "persons or images": 10, "images in train": 8, "images in dev": 8, "images in eval": 4}, [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("part", "person", "message"),
    [
        (lambda i: i // 8, lambda i: i // 3, "person2 stands in train and dev"),
        (lambda i: 3, lambda i: i, "no part 0, 1 or 2"),
        (lambda i: "x", lambda i: i, "line 1: '00000.png x' is no file name and number"),
    ],
)
def test_bad_lists(faces: Path, part: Any, person: Any, message: str) -> None:
    lists(faces, part, person)
    with pytest.raises(CorpusError, match=message):
        find_faces(faces)


def test_a_partition_must_name_every_image(faces: Path) -> None:
    (faces / "list_eval_partition.txt").write_text("00000.png 0\n")
    with pytest.raises(CorpusError, match="00001.jpg has no part"):
        find_faces(faces)


def test_bad_files_stop_or_are_counted(faces: Path) -> None:
    Image.fromarray(np.zeros((16, 20, 3), np.uint8)).save(faces / "00000.png")
    (faces / "00003.jpg").write_bytes((faces / "00003.jpg").read_bytes()[:200])
    with pytest.raises(CorpusError, match="00000.png: 16 x 20 pixels, a square"):
        run(faces)
    store, report = run(faces, on_bad_file="skip")
    assert report["skipped"] == {"not_square": 1, "bad_image": 1} and len(store.table) == 18
    assert store.load("train").x.shape[0] == 14


def test_roots_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="corpora.halves.root"):
        find_faces(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="<number>.jpg"):
        find_faces(tmp_path)


def test_simulation_keeps_each_photograph_in_one_split(tmp_path: Path) -> None:
    roots = [tmp_path / name for name in ("a", "b")]
    for root in roots:
        root.mkdir()
        write_halves(Simulate(halves={"size": 32, "crops": 3}), 5, root)
    names = sorted(path.name for path in roots[0].iterdir())
    assert all((roots[0] / name).read_bytes() == (roots[1] / name).read_bytes() for name in names)
    store, report = run(roots[0])
    assert report["splits"] == {"dev": 6, "eval": 3 * len(TESTING), "train": 3 * (len(TRAINING) - 2)}
    assert store.table["session"].nunique() == len(TRAINING) + len(TESTING)
    x = store.load("train").x
    assert len(np.unique(x.reshape(len(x), -1), axis=0)) == len(x)


def test_simulation_changes_the_light_of_training_crops_alone(tmp_path: Path) -> None:
    root = tmp_path / "celeba"
    root.mkdir()
    write_halves(Simulate(halves={"size": 32, "crops": 12}), 5, root)
    store, _ = run(root)
    number = TRAINING.index(("skimage", "moon.png")) + 1  # grey, so that colours come from the light alone
    table = store.table.reset_index(drop=True)
    tinted = np.ptp(store.x.astype(int), axis=1).reshape(len(table), -1).mean(1)
    moon, camera = table["session"] == f"person{number}", table["session"] == f"person{len(TRAINING) + 4}"
    assert set(table.loc[moon, "split"]) == {"train"} and set(table.loc[camera, "split"]) == {"eval"}
    assert (tinted[moon] > 1).all() and tinted[moon].std() > 3
    assert (tinted[camera] == 0).all()
