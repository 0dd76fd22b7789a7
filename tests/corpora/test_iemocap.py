"""IEMOCAP layout: labels, texts and files good and bad, sessions held out, the simulated corpus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_factory import voice
from pydantic import ValidationError

from thinwire import audio
from thinwire.artifacts import atomic_path, split_of
from thinwire.corpora.iemocap import extract, find_turns, survey
from thinwire.corpora.simulate.iemocap import write_iemocap
from thinwire.corpora.simulate.talkers import espeak_talkers
from thinwire.errors import CorpusError
from thinwire.params.corpora import Simulate
from thinwire.params.iemocap import IemocapExtraction
from thinwire.segments import SegmentStore

CODES = ("neu", "ang", "exc", "hap", "sad", "fru", "xxx")


def session(root: Path, number: int, codes: tuple[str, ...] = CODES, seconds: float = 2.0) -> Path:
    """A session of one dialogue, with a turn a code; returns the file of its labels."""
    folder, dialogue = root / f"Session{number}", f"Ses{number:02d}M_script01_1b"
    for place in (f"sentences/wav/{dialogue}", "dialog/EmoEvaluation/Categorical", "dialog/transcriptions"):
        (folder / place).mkdir(parents=True)
    labels, texts = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"], []
    for index, code in enumerate(codes):
        name = f"{dialogue}_{'FM'[index % 2]}{index:03d}"
        samples = voice(np.random.default_rng([number, index]), seconds)
        audio.write(folder / f"sentences/wav/{dialogue}/{name}.wav", samples)
        labels.append(f"[{index}.2900 - {index + 2}.2357]\t{name}\t{code}\t[2.5, 2.5, 2.5]\nC-E2:\tOther;\t(sighs)\n\n")
        texts.append(f"{name} [00{index}.2900-00{index + 2}.2357]: Said as {code}.\n")
    (folder / f"dialog/transcriptions/{dialogue}.txt").write_text("".join([*texts, "M: (nothing of a turn)\n"]))
    (folder / "dialog/EmoEvaluation/Categorical/Ses01F_e1.txt").write_text("[1 - 2] not a label\n")
    (folder / "dialog/EmoEvaluation/._Ses01F_script01_1b.txt").write_bytes(b"\x00\x05\x16\xff")
    path = folder / f"dialog/EmoEvaluation/{dialogue}.txt"
    path.write_text("".join(labels))
    return path


@pytest.fixture
def iemocap(tmp_path: Path) -> Path:
    for number in range(1, 6):
        session(tmp_path / "iemocap", number)
    return tmp_path / "iemocap"


def run(root: Path, **changes: Any) -> tuple[SegmentStore, dict[str, Any]]:
    out = root.parent / "segments"
    with atomic_path(out, directory=True) as temporary:
        extract(root, temporary, IemocapExtraction(**changes), seed=2)
    return SegmentStore(out), json.loads((out / "report.json").read_text())


def test_four_classes_and_sessions_held_out(iemocap: Path) -> None:
    store, report = run(iemocap)
    table = store.table
    assert report["splits"] == {"train": 15, "dev": 5, "eval": 5} and report["skipped"] == {"other_class": 10}
    assert table.groupby("split")["session"].unique().map(sorted).to_dict() == {
        "train": ["Session1", "Session2", "Session3"], "dev": ["Session4"], "eval": ["Session5"]
    }  # fmt: skip
    assert table["label"].value_counts().to_dict() == {"happy": 10, "angry": 5, "neutral": 5, "sad": 5}
    row = table.set_index("segment_id").loc["Ses05M_script01_1b_M001"]
    assert (row["speaker"], row["label"], row["words"]) == ("Ses05M", "angry", "Said as ang.")
    assert (row["end_s"], row["frames"]) == (2.0, 80_000)
    noisy, clean = store.read(row)
    np.testing.assert_array_equal(noisy[0], clean)
    assert not clean[32_000:].any() and np.abs(clean[:32_000]).max() > 0.01


def test_other_sessions_can_be_held_out_but_not_one_for_both(iemocap: Path) -> None:
    table = run(iemocap, dev_session=1, eval_session=2)[0].table
    assert set(table[table["split"] == "eval"]["session"]) == {"Session2"}
    with pytest.raises(ValidationError, match="dev_session: is session 3, as eval_session"):
        IemocapExtraction(dev_session=3, eval_session=3)


def test_a_limit_takes_evenly_of_classes_and_sessions(iemocap: Path) -> None:
    store, report = run(iemocap, segment_s=0.8, per_class=1)
    assert report["splits"] == {"train": 4, "dev": 4, "eval": 4} and report["longer_than_segment"] == 12
    assert store.table.groupby("split")["label"].nunique().eq(4).all()
    assert set(run(iemocap, per_class=3)[0].table.query("label == 'sad'")["session"]) == {
        f"Session{number}" for number in range(1, 6)
    }


def test_the_release_folder_may_stand_in_the_root(iemocap: Path) -> None:
    (iemocap.parent / "outer").mkdir()
    iemocap.rename(iemocap.parent / "outer/IEMOCAP_full_release")
    assert len(find_turns(iemocap.parent / "outer").turns) == 35


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[1.0 - 2.0]", r"line 24: expected \[start - end\], turn, emotion"),
        ("[a - b]\tSes01F_impro01_F000\tneu", "line 24: expected"),
        ("[1.0 - 2.0]\tSes02F_impro01_F000\tneu", "is not a turn of session 1"),
        ("[1.0 - 2.0]\t../../../../etc/passwd\tneu", "is not a turn of session 1"),
        ("[1.0 - 2.0]\tSes01F_impro01_F000\tcross", "'cross' is not one of ang, hap"),
        ("[1.0 - 2.0]\tSes01M_script01_1b_F000\tneu", "Ses01M_script01_1b_F000 was there before"),
        ("[1.0 - 2.0]\tSes01F_impro01_F000\tneu", "Ses01F_impro01_F000.wav: no such file"),
        ("\udcff", "not UTF-8"),
    ],
)
def test_bad_labels(iemocap: Path, line: str, message: str) -> None:
    path = iemocap / "Session1/dialog/EmoEvaluation/Ses01M_script01_1b.txt"
    path.write_bytes(path.read_bytes() + f"{line}\n".encode(errors="surrogateescape"))
    with pytest.raises(CorpusError, match=message):
        run(iemocap)
    _, report = run(iemocap, on_bad_file="skip")
    assert sum(report["skipped"].values()) == (9 if "UTF" in message else 11)
    assert report["segments"] == (20 if "UTF" in message else 25)


@pytest.mark.parametrize(
    ("how", "message"),
    [("stereo", "has 2 channels"), ("text", "not a readable audio file"), ("silent", "silent wherever it was read")],
)
def test_bad_files(iemocap: Path, how: str, message: str) -> None:
    path = iemocap / "Session1/sentences/wav/Ses01M_script01_1b/Ses01M_script01_1b_F000.wav"
    samples = audio.read(path)
    if how == "text":
        path.write_text("nothing")
    else:
        audio.write(path, np.repeat(samples, 2, axis=0) if how == "stereo" else 0 * samples)
    with pytest.raises(CorpusError, match=message) as caught:
        run(iemocap)
    assert path.name in str(caught.value)
    store, report = run(iemocap, on_bad_file="skip")
    assert len(store.table) == 24 and sum(report["skipped"].values()) == 11


def test_roots_that_are_none_and_survey(iemocap: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no Session1 to Session5"):
        survey(tmp_path / "nowhere")
    (tmp_path / "empty/Session1").mkdir(parents=True)
    with pytest.raises(CorpusError, match="no label in SessionN"):
        survey(tmp_path / "empty")
    found, missing = survey(iemocap)
    assert (found["turns"], found["turns happy"], found["turns other"], missing) == (35, 10, 10, [])
    next((iemocap / "Session2").rglob("*F000.wav")).unlink()
    (iemocap / "Session3").rename(tmp_path / "away")
    found, missing = survey(iemocap)
    assert found["turns"] == 27
    assert missing == ["no turn of Session3", "1 of 28 labelled turns have no recording"]


def test_simulated_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_iemocap(Simulate(iemocap={"turns": 16}), 3, tmp_path / name)
        monkeypatch.setattr("thinwire.corpora.simulate.iemocap.SPLITS", {5: "eval"})
    again = sorted(path.relative_to(tmp_path / "two") for path in (tmp_path / "two").rglob("*") if path.is_file())
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in again)
    found, missing = survey(tmp_path / "one")
    assert found["turns"] == 80 and len(again) == 18 and not missing
    assert [found[f"turns {name}"] for name in ("angry", "happy", "neutral", "sad")] == [20] * 4
    store, report = run(tmp_path / "one")
    assert report["splits"] == {"train": 48, "dev": 16, "eval": 16} and report["skipped"] == {}
    table = store.table
    assert table.groupby("speaker")["label"].value_counts().eq(2).all() and table["speaker"].nunique() == 10
    assert table["words"].str.len().min() > 10 and table["end_s"].between(0.8, 5.0).all()
    assert {split_of("talker", talker.id) for talker in espeak_talkers(12)} == set(table["split"])
