"""The webMUSHRA folder: its pages against its files, the anchor against BS.1534, levels, determinism, bad input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from thinwire import audio
from thinwire.errors import PipelineError
from thinwire.evaluation.listening_test import low_pass, write_listening_test

Sounds = dict[str, np.ndarray]


@pytest.fixture
def references() -> Sounds:
    generator = np.random.default_rng(0)
    return {name: (scale * generator.standard_normal(16_000)).astype(np.float32) for name, scale in
            (("quiet", 1e-3), ("loud", 0.2))}  # fmt: skip


@pytest.fixture
def systems(references: Sounds) -> dict[str, Sounds]:
    return {
        "tf_3k": {name: 0.5 * x for name, x in references.items()},
        "opus_12": {name: np.clip(x, -0.1, 0.1) for name, x in references.items()},
    }


def write(folder: Path, *sounds: Any) -> Path:
    write_listening_test(folder, "codecs", "Codecs at 3 kbps", *sounds)
    return folder


def test_pages_name_the_files_that_are_there(tmp_path: Path, references: Sounds, systems: dict[str, Sounds]) -> None:
    folder = write(tmp_path / "test", references, systems)
    config = yaml.safe_load((folder / "configs/codecs.yaml").read_text())
    kinds = [page["type"] if isinstance(page, dict) else page[0] for page in config["pages"]]
    assert config["testId"] == "codecs" and kinds == ["generic", "volume", "random", "finish"]
    trials = config["pages"][2][1:]
    assert [trial["id"] for trial in trials] == ["quiet", "loud"]
    named = [config["pages"][1]["stimulus"]]
    for trial in trials:
        assert trial["type"] == "mushra" and not trial["createAnchor35"] and not trial["showConditionNames"]
        assert set(trial["stimuli"]) == {"anchor35", "tf_3k", "opus_12"}, "webMUSHRA adds the reference itself"
        files = [trial["reference"], *trial["stimuli"].values()]
        assert {audio.probe(folder / file).frames for file in files} == {16_000}
        named += files
    assert {folder / file for file in named} == set(folder.rglob("*.wav"))
    readme = (folder / "README.md").read_text()
    assert "?config=codecs.yaml" in readme and "`opus_12`" in readme and "2 items" in readme


def test_one_gain_for_an_item(tmp_path: Path, references: Sounds, systems: dict[str, Sounds]) -> None:
    folder = write(tmp_path / "test", references, systems) / "configs/resources/codecs"
    for item in references:
        sounds = {path.stem: audio.read(path)[0] for path in (folder / item).glob("*.wav")}
        assert audio.level_db(sounds["reference"]) == pytest.approx(-26.0, abs=0.1)
        assert audio.level_db(sounds["tf_3k"]) == pytest.approx(-32.0, abs=0.1)
    burst = {"item": np.concatenate([np.full(15_990, 1e-3), np.full(10, 1.0)]).astype(np.float32)}
    folder = write(tmp_path / "burst", burst, {"tf": {"item": 2 * burst["item"]}}) / "configs/resources/codecs/item"
    sounds = {path.stem: audio.read(path)[0] for path in folder.glob("*.wav")}
    assert np.abs(sounds["tf"]).max() > 0.99
    np.testing.assert_allclose(sounds["tf"], 2 * sounds["reference"], atol=1e-4)


def test_anchor_meets_the_recommendation() -> None:
    click = np.zeros(16_001, np.float32)
    click[8000] = 1.0
    gain = 20 * np.log10(np.abs(np.fft.rfft(low_pass(click))) + 1e-12)
    frequency = np.fft.rfftfreq(16_001, 1 / 16_000)
    assert np.abs(gain[frequency <= 3500]).max() < 0.1
    assert gain[frequency >= 4000].max() < -25 and gain[frequency >= 4500].max() < -50
    assert int(np.argmax(np.abs(low_pass(click)))) == 8000
    assert low_pass(click[7990:8010]).shape == (20,)


def test_same_sounds_same_bytes(tmp_path: Path, references: Sounds, systems: dict[str, Sounds]) -> None:
    first, second = (write(tmp_path / name, references, systems) for name in ("a", "b"))
    files = [path.relative_to(first) for path in first.rglob("*") if path.is_file()]
    assert len(files) == 10
    assert all((first / path).read_bytes() == (second / path).read_bytes() for path in files)


def test_bad_sounds_are_refused(tmp_path: Path, references: Sounds, systems: dict[str, Sounds]) -> None:
    x = references["loud"]
    for message, sounds in {
        "cannot name a file": ({"../x": x}, {"tf": {"../x": x}}),
        "at least one item": ({}, systems),
        "more than 12": (references, {f"s{number}": references for number in range(11)}),
        "uses itself": (references, {"reference": references}),
        "at most 12 s": ({"a": np.tile(x, 13)}, {"tf": {"a": np.tile(x, 13)}}),
        "audible": ({"a": 0 * x}, {"tf": {"a": x}}),
        "has no item 'loud'": (references, {"tf": {"quiet": x}}),
        "expected 16000 finite samples": ({"a": x}, {"tf": {"a": x[1:]}}),
        "'a': expected": ({"a": x}, {"tf": {"a": np.nan * x}}),
    }.items():
        with pytest.raises(PipelineError, match=message):
            write(tmp_path / "bad", *sounds)
    assert not (tmp_path / "bad").exists()
