"""LibriSpeech layout: talkers, splits, transcripts, phones, bad files, and the real bank."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_factory import RATE, voice

from thinwire import audio
from thinwire.artifacts import atomic_path, split_of
from thinwire.corpora.librispeech import extract, find_utterances, survey
from thinwire.errors import CorpusError
from thinwire.params.librispeech import LibriExtraction
from thinwire.segments import SegmentStore


def utterance(root: Path, name: str, seconds: float, sample_rate: int = RATE) -> Path:
    speaker, chapter, _ = name.split("-")
    folder = root / "train-clean" / speaker / chapter
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(int(speaker))
    audio.write(folder / f"{name}.flac", voice(generator, seconds * sample_rate / RATE), sample_rate)
    return folder / f"{name}.flac"


def run(root: Path, **changes: Any) -> tuple[SegmentStore, dict[str, Any]]:
    out = root.parent / "segments"
    with atomic_path(out, directory=True) as temporary:
        extract(root, temporary, LibriExtraction(**changes), seed=0)
    return SegmentStore(out), json.loads((out / "report.json").read_text())


@pytest.fixture
def libri(tmp_path: Path) -> Path:
    root = tmp_path / "libri"
    utterance(root, "19-198-0000", 7.0)
    utterance(root, "19-198-0001", 4.0)
    utterance(root, "19-227-0000", 2.0)
    utterance(root, "26-495-0000", 0.5)
    utterance(root, "26-495-0001", 3.0, sample_rate=48_000)
    (root / "train-clean/19/198/19-198.trans.txt").write_text("19-198-0000 HELLO THERE\n19-198-0001 AGAIN\n")
    (root / "SPEAKERS.TXT").write_text("; not read")
    return root


def test_first_segments_of_all_utterances_come_first(libri: Path) -> None:
    store, report = run(libri)
    table = store.table
    names = ["19-198-0000_000", "19-198-0001_000", "19-227-0000_000", "19-198-0000_001", "26-495-0001_000"]
    assert list(table["segment_id"]) == names
    assert list(table["words"]) == ["HELLO THERE", "AGAIN", "", "HELLO THERE", ""]
    assert list(table["session"]) == ["198", "198", "227", "198", "495"]
    assert list(table["end_s"]) == pytest.approx([3, 3, 2, 6, 3])
    assert all(
        split_of("talker", speaker) == split for speaker, split in zip(table["speaker"], table["split"], strict=True)
    )
    assert report["skipped"] == {"too_short": 1}
    noisy, clean = store.read(table.iloc[4])
    np.testing.assert_array_equal(noisy[0], clean)
    assert len(run(libri, per_speaker=2)[0].table) == 3


def test_resampled_to_16_khz(libri: Path) -> None:
    store, _ = run(libri)
    _, clean = store.read(store.table.iloc[4])
    original = audio.read(libri / "train-clean/26/495/26-495-0001.flac", sample_rate=None)[0]
    expected = audio.resample(original, 48_000)
    assert np.abs(clean - expected)[100:-1000].max() < 1e-3


def test_aligned_phones_and_words(libri: Path) -> None:
    (libri / "alignments").mkdir()
    words = [{"start": 0.0, "end": 2.0, "label": "HELLO"}, {"start": 2.0, "end": 3.5, "label": "THERE"}]
    items = {"phones": [{"start": 2.5, "end": 3.5, "label": "i"}], "words": words}
    (libri / "alignments/19-198-0000.json").write_text(json.dumps(items))
    table = run(libri)[0].table
    assert [list(phones) for phones in table["phones"]][0] == [{"start": 2.5, "end": 3.0, "phone": "i"}]
    assert [list(phones) for phones in table["phones"]][3] == [{"start": 0.0, "end": 0.5, "phone": "i"}]
    assert list(table["words"])[0] == "HELLO" and list(table["words"])[3] == ""
    (libri / "alignments/19-198-0000.json").write_text('{"phones": [{"start": 1}]}')
    with pytest.raises(CorpusError, match="entry 0: needs start, end and label"):
        run(libri)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("truncated", "damaged"),
        ("text", "not a readable audio file"),
        ("stereo", "has 2 channels"),
        ("silent", "silent wherever it was read"),
    ],
)
def test_bad_files(libri: Path, how: str, message: str) -> None:
    path = libri / "train-clean/19/198/19-198-0001.flac"
    samples = audio.read(path)
    match how:
        case "truncated":
            path.write_bytes(path.read_bytes()[:20_000])
        case "text":
            path.write_text("nothing")
        case "stereo":
            audio.write(path, np.repeat(samples, 2, axis=0))
        case "silent":
            audio.write(path, 0 * samples)
    with pytest.raises(CorpusError, match=message) as caught:
        run(libri)
    assert path.name in str(caught.value)
    store, report = run(libri, on_bad_file="skip")
    assert len(store.table) == 4 and sum(report["skipped"].values()) == 2


def test_bad_transcripts_name_the_line(libri: Path) -> None:
    (libri / "train-clean/19/198/19-198.trans.txt").write_text("19-198-0000 HELLO\nWHAT IS THIS\n")
    with pytest.raises(CorpusError, match=r"19-198.trans.txt: line 2: 'WHAT'"):
        run(libri)


def test_roots_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder"):
        find_utterances(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="no speaker/chapter"):
        find_utterances(tmp_path)


def test_survey(libri: Path) -> None:
    found, missing = survey(libri)
    assert (found["utterances"], found["talkers"], found["chapters"]) == (5, 2, 3)
    assert "2 of 3 chapters have no *.trans.txt (their words stay empty)" in missing


def test_real_bank(real_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "segments"
    extract(real_data / "speech", out, LibriExtraction(per_speaker=2), seed=0)
    table = SegmentStore(out).table
    assert table["speaker"].nunique() == 90
    assert set(table["split"]) == {"train", "dev", "eval"}
    assert table.groupby("speaker")["split"].nunique().max() == 1
    assert (table["words"] != "").sum() > 20
