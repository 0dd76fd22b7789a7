"""KITTI stereo layout: scenes in splits, both years' names, bad files, resizing; and the pairs that are rendered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from thinwire.artifacts import atomic_path
from thinwire.corpora.images import ImageStore
from thinwire.corpora.simulate.photographs import TESTING, TRAINING, photographs
from thinwire.corpora.simulate.stereo import render, write_stereo
from thinwire.corpora.stereo import extract, find_pairs, survey
from thinwire.errors import CorpusError, PipelineError
from thinwire.params.corpora import Simulate
from thinwire.params.stereo import StereoExtraction, StereoSimulation
from thinwire.segments import COLUMNS

SMALL = {"height": 16, "width": 32}


def picture(path: Path, height: int = 20, width: int = 60, value: int | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(str(path))).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(noise if value is None else np.full_like(noise, value)).save(path)
    return path


def run(root: Path, **changes: Any) -> tuple[ImageStore, dict[str, Any]]:
    out = root.parent / "segments"
    with atomic_path(out, directory=True) as temporary:
        extract(root, temporary, StereoExtraction(**SMALL | changes), seed=0)
    return ImageStore(out), json.loads((out / "report.json").read_text())


@pytest.fixture
def kitti(tmp_path: Path) -> Path:
    """Six training scenes of two frames, two test scenes; scene 3's images are all of value 77 and 99."""
    root = tmp_path / "kitti"
    for part, scenes in (("training", 6), ("testing", 2)):
        for scene in range(scenes):
            for frame in (10, 11):
                for camera, value in (("image_2", 77), ("image_3", 99)):
                    picture(root / part / camera / f"{scene:06d}_{frame}.png", value=value if scene == 3 else None)
    return root


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("simulated") / "kitti"
    root.mkdir()
    write_stereo(Simulate(stereo=SMALL | {"frames": 2}), 3, root)
    return root


def test_scenes_fall_into_splits_by_part_and_number(kitti: Path) -> None:
    store, report = run(kitti, dev_every=3)
    table = store.table
    assert list(table.columns) == COLUMNS and report["splits"] == {"dev": 4, "eval": 4, "train": 8}
    assert set(table[table["split"] == "dev"]["session"]) == {"training_000002", "training_000005"}
    assert set(table[table["split"] == "eval"]["session"]) == {"testing_000000", "testing_000001"}
    assert table["segment_id"].is_unique and (table.groupby("session")["split"].nunique() == 1).all()


def test_left_is_x_and_right_is_y(kitti: Path) -> None:
    pairs = run(kitti)[0].load("train")
    assert pairs.x.shape == pairs.y.shape == (10, 3, 16, 32) and pairs.x.dtype == np.uint8
    flat = pairs.table.index[pairs.table["session"] == "training_000003"]
    assert (pairs.x[flat] == 77).all() and (pairs.y[flat] == 99).all()


def test_the_centre_is_cut_to_the_aspect_ratio_and_then_resized(kitti: Path) -> None:
    path = kitti / "training/image_2/000000_10.png"
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 10:50], pixels[:, 30:50, 0] = 200, 0
    Image.fromarray(pixels).save(path)
    image = run(kitti)[0].load("train").x[0]
    assert (image[1] > 190).all() and (image[0, :, :15] > 150).all() and (image[0, :, 17:] < 50).all()


def test_the_earlier_kitti_is_read_too(kitti: Path) -> None:
    for part in ("training", "testing"):
        for old, new in (("image_2", "colored_0"), ("image_3", "colored_1")):
            (kitti / part / old).rename(kitti / part / new)
    assert len(run(kitti)[0].table) == 16


@pytest.mark.parametrize(
    ("breaking", "reason", "message"),
    [
        (lambda path: path.unlink(), "bad_image", "no such file"),
        (lambda path: path.write_bytes(b"GIF89a"), "bad_image", "not a readable image"),
        (lambda path: path.write_bytes(path.read_bytes()[:300]), "bad_image", "not a readable image"),
        (lambda path: picture(path, width=50), "unequal_pair", "20 x 60 and 20 x 50"),
    ],
)
def test_a_bad_image_stops_or_is_counted(kitti: Path, breaking: Any, reason: str, message: str) -> None:
    breaking(kitti / "training/image_3/000001_11.png")
    with pytest.raises(CorpusError, match=f"000001_11.*{message}"):
        run(kitti)
    store, report = run(kitti, on_bad_file="skip")
    assert len(store.table) == 15 and report["skipped"] == {reason: 1}
    assert "000001_11" in report["first_skipped"][reason]
    assert store.load("eval").x.shape[0] == 4


def test_grey_images_become_colour(kitti: Path) -> None:
    for camera in ("image_2", "image_3"):
        Image.fromarray(np.full((20, 60), 50, np.uint8)).save(kitti / f"training/{camera}/000000_10.png")
    pairs = run(kitti)[0].load("train")
    assert (pairs.x[0] == 50).all()


def test_roots_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder.*corpora.stereo.root"):
        find_pairs(tmp_path / "nowhere")
    (tmp_path / "training/image_2").mkdir(parents=True)
    with pytest.raises(CorpusError, match="000000_10.png or the like"):
        find_pairs(tmp_path)


def test_survey_counts_and_tells_what_is_missing(kitti: Path) -> None:
    found, missing = survey(kitti)
    assert found == {"pairs": 16, "scenes": 8, "pairs in training": 12, "pairs in testing": 4} and not missing
    (kitti / "testing/image_3/000000_10.png").unlink()
    assert "1 left images have no right one (first 000000_10.png)" in survey(kitti)[1]


def test_a_damaged_segment_folder_is_told(kitti: Path) -> None:
    run(kitti)
    folder = kitti.parent / "segments"
    np.savez(folder / "stereo.npz", x=np.zeros((2, 3)), y=np.zeros((2, 3)))
    with pytest.raises(PipelineError, match="stereo.npz"):
        ImageStore(folder)


def test_settings_must_suit_the_network() -> None:
    with pytest.raises(ValidationError, match="multiple of 8"):
        StereoExtraction(height=60)


def test_photographs_lie_in_the_wheels_and_none_is_in_two_parts() -> None:
    assert all(photograph.path.is_file() for photograph in photographs(TRAINING + TESTING))
    assert len(set(TRAINING + TESTING)) == len(TRAINING) + len(TESTING)


def test_a_missing_photograph_is_told_and_never_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thinwire.corpora.simulate.photographs.find_spec", lambda name: None)
    with pytest.raises(CorpusError, match="scikit-image has no file astronaut.png"):
        _ = photographs(TRAINING)[0].path


def test_simulation_extracts_with_each_photograph_in_one_split(simulated: Path) -> None:
    store, report = run(simulated)
    assert report["splits"] == {"dev": 4, "eval": 2 * len(TESTING), "train": 2 * (len(TRAINING) - 2)}
    assert (store.table.groupby("session")["split"].nunique() == 1).all()
    assert store.table["session"].nunique() == len(TRAINING) + len(TESTING)


def test_simulation_is_the_same_twice_and_another_with_another_seed(simulated: Path, tmp_path: Path) -> None:
    settings = Simulate(stereo=SMALL | {"frames": 2})
    for seed in (3, 4):
        (tmp_path / str(seed)).mkdir()
        write_stereo(settings, seed, tmp_path / str(seed))
    names = sorted(path.relative_to(simulated) for path in simulated.rglob("*.png"))
    assert len(names) == 4 * (len(TRAINING) + len(TESTING))
    same = [(tmp_path / "3" / name).read_bytes() == (simulated / name).read_bytes() for name in names]
    other = [(tmp_path / "4" / name).read_bytes() == (simulated / name).read_bytes() for name in names]
    assert all(same) and not any(other)


def test_extraction_is_the_same_twice(simulated: Path) -> None:
    folder = simulated.parent / "segments"
    kept = []
    for _ in range(2):
        run(simulated)
        kept.append({path.name: path.read_bytes() for path in sorted(folder.iterdir())})
    assert set(kept[0]) == {"segments.parquet", "stereo.npz", "report.json"} and kept[0] == kept[1]


def best_shift(left: np.ndarray, right: np.ndarray, most: int) -> int:
    """The disparity d at which right(u - d) is likest left(u)."""
    width = left.shape[1]
    errors = [np.abs(left[:, most:] - right[:, most - d : width - d]).mean() for d in range(most + 1)]
    return int(np.argmin(errors))


def test_disparity_is_to_the_left_and_within_its_range() -> None:
    size = StereoSimulation(height=64, width=128, planes=(0, 0), disparity=(0.05, 0.0501))
    left, right = (view.astype(float) for view in render(photographs(TESTING)[0], size, np.random.default_rng(0)))
    assert best_shift(left, right, 16) == 6  # 0.05 * 128 = 6.4
    far = StereoSimulation(height=64, width=128, planes=(0, 0), disparity=(0.0, 0.12))
    left, right = (view.astype(float) for view in render(photographs(TESTING)[0], far, np.random.default_rng(0)))
    top, bottom = (best_shift(left[rows], right[rows], 16) for rows in (slice(0, 8), slice(56, 64)))
    assert 0 <= top <= 1 < bottom <= 15


def test_near_things_hide_others_differently_in_the_two_views() -> None:
    size = StereoSimulation(height=64, width=128, planes=(3, 3), disparity=(0.02, 0.15))
    views = render(photographs(TESTING)[1], size, np.random.default_rng(1))
    left, right = (view.astype(float) for view in views)
    residual = min(np.abs(left[:, 20:] - right[:, 20 - d : 128 - d]).mean() for d in range(21))
    assert 8.0 < residual < np.abs(left - right.mean(axis=(0, 1))).mean()
