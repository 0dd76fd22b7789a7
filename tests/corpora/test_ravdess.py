"""RAVDESS layout: what names say, what is left out, splits by actor, the simulated corpus, the real bank."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_factory import voice

from thinwire import audio
from thinwire.artifacts import atomic_path, split_of
from thinwire.corpora.ravdess import extract, find_items, survey
from thinwire.corpora.simulate.emotion import Cast
from thinwire.corpora.simulate.ravdess import ACTORS, write_ravdess
from thinwire.errors import CorpusError
from thinwire.params.corpora import Simulate
from thinwire.params.ravdess import RavdessExtraction
from thinwire.segments import SegmentStore

RATE = 48_000
FEW = next(n for n in range(1, 25) if len({split_of("actor", f"Actor_{k:02d}") for k in range(1, n + 1)}) == 3)


def recording(root: Path, name: str, folder: str = "") -> Path:
    path = root / (folder or f"Actor_{name[-2:]}") / f"{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    audio.write(path, voice(np.random.default_rng(int(name[-2:])), 3.0 * 2), RATE)
    return path


def run(root: Path, **changes: Any) -> tuple[SegmentStore, dict[str, Any]]:
    out = root.parent / "segments"
    with atomic_path(out, directory=True) as temporary:
        extract(root, temporary, RavdessExtraction(**changes), seed=2)
    return SegmentStore(out), json.loads((out / "report.json").read_text())


@pytest.fixture
def ravdess(tmp_path: Path) -> Path:
    root = tmp_path / "ravdess"
    for actor in ("01", "04", "08"):
        for emotion in ("01", "03", "04", "05"):
            recording(root, f"03-01-{emotion}-01-01-01-{actor}")
    recording(root, "03-01-05-02-02-01-01")
    return root


def test_labels_statements_and_splits_by_actor(ravdess: Path) -> None:
    store, report = run(ravdess)
    table = store.table
    assert report["segments"] == 13 and report["skipped"] == {}
    assert all(split_of("actor", row["speaker"]) == row["split"] for _, row in table.iterrows())
    assert table["label"].value_counts().to_dict() == {"angry": 4, "happy": 3, "neutral": 3, "sad": 3}
    strong = table.set_index("segment_id").loc["03-01-05-02-02-01-01"]
    assert list(strong[["label", "session", "words"]]) == ["angry", "Actor_01", "Dogs are sitting by the door"]
    noisy, clean = store.read(strong)
    assert noisy.shape == (1, 80_000) and np.abs(clean[32_000:]).max() == 0.0
    assert strong["end_s"] == 2.0 and np.abs(clean[:32_000]).max() > 0.01
    assert len(run(ravdess, per_class=1)[0].table) == 4 * len(report["splits"])


def test_what_is_no_acted_speech_of_four_emotions_is_counted(ravdess: Path) -> None:
    for name in ("03-02-05-01-01-01-01", "01-01-05-01-01-01-01", "03-01-07-01-01-01-01", "03-01-02-01-01-01-04"):
        recording(ravdess, name)
    (ravdess / "Actor_01/notes.txt").write_text("no audio")
    recording(ravdess, "03-01-05-01-01-01-01", folder="elsewhere")
    assert run(ravdess)[1]["skipped"] == {"song": 1, "other_modality": 1, "other_class": 2}


@pytest.mark.parametrize(
    ("name", "folder", "message"),
    [
        ("03-01-05-01-01-01-02", "Actor_01", "the name says actor 02, the folder Actor_01"),
        ("03-01-09-01-01-01-01", "Actor_01", "there is no emotion 09 or statement 01"),
        ("03-01-05-01-03-01-01", "Actor_01", "there is no emotion 05 or statement 03"),
        ("03-01-05-01-01-01", "Actor_01", "not seven numbers"),
        ("03-01-05-01-01-01-01", "copy/Actor_01", "was there before, as .*Actor_01/03-01-05-01-01-01-01.wav"),
    ],
)
def test_bad_names(ravdess: Path, name: str, folder: str, message: str) -> None:
    recording(ravdess, name, folder)
    with pytest.raises(CorpusError, match=message):
        run(ravdess)
    assert run(ravdess, on_bad_file="skip")[1]["skipped"] == {"bad_name": 1}


def test_damaged_files(ravdess: Path) -> None:
    path = ravdess / "Actor_01/03-01-05-01-01-01-01.wav"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CorpusError, match=f"{path.name}: truncated"):
        run(ravdess)
    assert run(ravdess, on_bad_file="skip")[1]["skipped"] == {"bad_audio": 1}


def test_roots_that_are_none_and_survey(ravdess: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder"):
        find_items(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="no Actor_NN"):
        survey(tmp_path / "empty")
    recording(ravdess, "03-01-07-01-01-01-01")
    recording(ravdess, "03-01-05-01-01-01-02", "Actor_01")
    found, missing = survey(ravdess)
    assert (found["recordings"], found["of the four emotions"], found["actors"]) == (14, 13, 3)
    assert sum(found[f"actors {split}"] for split in ("train", "dev", "eval")) == 3
    assert [line for line in missing if "bad names" in line and "says actor 02" in line]


def test_there_are_voices_for_all_actors() -> None:
    cast, names = Cast(), [f"Actor_{number:02d}" for number in range(1, ACTORS + 1)]
    voices = {name: cast.take(split_of("actor", name), "FM"[int(name[-2:]) % 2]).talker for name in names}
    assert len({talker.voice.name for talker in voices.values()}) == 24
    assert all(split_of("talker", talker.id) == split_of("actor", name) for name, talker in voices.items())


def test_simulated_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thinwire.corpora.simulate.ravdess.ACTORS", FEW)
    root = tmp_path / "ravdess"
    root.mkdir()
    write_ravdess(Simulate(ravdess={"repetitions": 1}), 3, root)
    found, missing = survey(root)
    assert (found["recordings"], found["actors"], missing) == (FEW * 14, FEW, [])
    assert (found["recordings angry"], found["recordings neutral"]) == (4 * FEW, 2 * FEW)
    store, report = run(root)
    assert set(report["splits"]) == {"train", "dev", "eval"} and report["skipped"].get("too_short", 0) == 0
    levels = {label: [] for label in ("angry", "sad")}
    for _, row in store.table[store.table["split"] == "eval"].iterrows():
        if row["label"] in levels:
            clean = store.read(row)[1][: round(row["end_s"] * audio.SAMPLE_RATE)]
            levels[row["label"]].append(audio.level_db(clean))
    assert np.mean(levels["angry"]) > np.mean(levels["sad"]) + 3.0


def test_real_bank(real_data: Path, tmp_path: Path) -> None:
    extract(real_data / "emotion/ravdess", tmp_path / "segments", RavdessExtraction(), seed=0)
    table = SegmentStore(tmp_path / "segments").table
    assert table["split"].value_counts().to_dict() == {"train": 13 * 8, "dev": 6 * 8, "eval": 5 * 8}
    assert table.groupby("split")["label"].value_counts().groupby("split").nunique().eq(1).all()
    assert table["end_s"].between(3.0, 4.5).all() and table["speaker"].nunique() == 24
