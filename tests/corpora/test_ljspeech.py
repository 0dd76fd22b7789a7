"""LJSpeech layout: lines and files good and bad, phones from each source in one set, the simulator, the real bank."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_factory import voice

from thinwire import audio
from thinwire.artifacts import atomic_path
from thinwire.corpora.ljspeech import extract, read_metadata, survey
from thinwire.corpora.phones import ARPABET, SILENCE, frame_labels
from thinwire.corpora.simulate.ljspeech import write_ljspeech
from thinwire.errors import CorpusError
from thinwire.params.corpora import Simulate
from thinwire.params.ljspeech import LjspeechExtraction
from thinwire.segments import SegmentStore

RATE = 22_050
GRID = """File type = "ooTextFile"
Object class = "TextGrid"

0
2.5
<exists>
2
"IntervalTier" "words" 0 2.5 2
0 1 "hello" 1 2.5 "there"
"IntervalTier" "phones" 0 2.5 4
0 0.5 "HH" 0.5 1.0 "AH0" 1.0 2.0 "sil" 2.0 2.5 "spn"
"""


def recording(root: Path, name: str, seconds: float, rate: int = RATE, suffix: str = "wav") -> Path:
    path = root / "wavs" / f"{name}.{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    audio.write(path, voice(np.random.default_rng(len(name)), seconds * rate / audio.SAMPLE_RATE), rate)
    return path


def run(root: Path, **changes: Any) -> tuple[SegmentStore, dict[str, Any]]:
    out = root.parent / "segments"
    with atomic_path(out, directory=True) as temporary:
        extract(root, temporary, LjspeechExtraction(**{"alignment": "given"} | changes), seed=0)
    return SegmentStore(out), json.loads((out / "report.json").read_text())


@pytest.fixture
def lj(tmp_path: Path) -> Path:
    root = tmp_path / "lj"
    recording(root, "LJ001-0001", 7.0)
    recording(root, "LJ001-0002", 2.5)
    recording(root, "LJ002-0001", 4.0, suffix="flac")
    recording(root, "LJ002-0002", 0.5)
    names = ["LJ001-0001", "LJ001-0002", "LJ002-0001", "LJ002-0002"]
    (root / "metadata.csv").write_text("".join(f"{name}|Mr. {name[-1]}|mister {name[-1]}\n" for name in names))
    return root


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("simulated") / "lj"
    root.mkdir()
    write_ljspeech(Simulate(ljspeech={"utterances": 4}), 3, root)
    return root


def test_first_segments_of_all_utterances_come_first(lj: Path) -> None:
    few = run(lj, clips=3)[0].table
    assert sorted(few["segment_id"]) == ["LJ001-0001_000", "LJ001-0002_000", "LJ002-0001_000"]
    store, report = run(lj)
    table = store.table
    assert list(table["segment_id"])[:2] == ["LJ001-0001_000", "LJ001-0001_001"]
    assert list(table["end_s"]) == pytest.approx([3, 6, 2.5, 3])
    assert list(table["words"]) == ["mister 1", "mister 1", "mister 2", "mister 1"]
    assert set(table["speaker"]) == {"LJ"} and list(table["session"]) == ["LJ001"] * 3 + ["LJ002"]
    assert report["skipped"] == {"too_short": 1} and report["alignment"] == {"none": 3}
    assert table.groupby(table["segment_id"].str[:10])["split"].nunique().max() == 1


@pytest.mark.parametrize("rate", [16_000, 22_050, 48_000])
def test_brought_to_16_khz(lj: Path, rate: int) -> None:
    tone = 0.1 * np.sin(2 * np.pi * 500 * np.arange(3 * rate) / rate)
    audio.write(lj / "wavs/LJ001-0001.wav", tone, rate)
    store, _ = run(lj)
    noisy, clean = store.read(store.table.iloc[0])
    expected = 0.1 * np.sin(2 * np.pi * 500 * np.arange(48_000) / audio.SAMPLE_RATE)
    assert np.abs(clean - expected)[100:-100].max() < 0.01
    np.testing.assert_array_equal(noisy[0], clean)


@pytest.mark.parametrize("place", ["wavs", "TextGrid/LJSpeech"])
def test_phones_from_textgrids(lj: Path, place: str) -> None:
    (lj / place).mkdir(parents=True, exist_ok=True)
    (lj / place / "LJ001-0002.TextGrid").write_text(GRID)
    store, report = run(lj)
    row = store.table.set_index("segment_id").loc["LJ001-0002_000"]
    assert [(p["phone"], p["start"], p["end"]) for p in row["phones"]] == [
        ("HH", 0.0, 0.5), ("AH", 0.5, 1.0), ("SPN", 2.0, 2.5)
    ]  # fmt: skip
    assert row["words"] == "hello there"
    assert report["alignment"] == {"none": 2, "textgrid": 1}
    assert run(lj, alignment="none")[1]["alignment"] == {"none": 3}


def test_bad_textgrid_names_the_file(lj: Path) -> None:
    (lj / "wavs/LJ001-0002.TextGrid").write_text(GRID.replace('"phones"', '"tones"'))
    with pytest.raises(CorpusError, match=r"LJ001-0002.TextGrid: no interval tier named `phones` \(found 'words', 't"):
        run(lj)
    assert run(lj, on_bad_file="skip")[1]["skipped"] == {"bad_alignment": 1, "too_short": 1}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("LJ001-0001 no bars", "line 5: expected id|text|normalised text, found 1 fields"),
        ("LJ003-0001|a|b|c", "line 5: .*found 4 fields"),
        ("../../etc/passwd|a|b", "line 5: '../../etc/passwd' is not an id"),
        ("/etc/passwd|a|b", "is not an id"),
        ("wavs\\x|a|b", "is not an id"),
        ("|a|b", "'' is not an id"),
        (".hidden|a|b", "is not an id"),
        ("LJ001-0001|a|b", "the id LJ001-0001 was there before"),
        ("LJ009-0001|a|b", "LJ009-0001.wav: no such file"),
    ],
)
def test_bad_lines(lj: Path, line: str, message: str) -> None:
    with (lj / "metadata.csv").open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(CorpusError, match=message.replace("|", r"\|")):
        run(lj)
    store, report = run(lj, on_bad_file="skip")
    assert len(store.table) == 4 and sum(report["skipped"].values()) == 2


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("low rate", "sample rate is 8000 Hz, at least 16000 Hz"),
        ("stereo", "has 2 channels"),
        ("text", "not a readable audio file"),
        ("silent", "silent wherever it was read"),
    ],
)
def test_bad_files(lj: Path, how: str, message: str) -> None:
    path = lj / "wavs/LJ001-0002.wav"
    samples = audio.read(path, sample_rate=None)
    match how:
        case "low rate":
            recording(lj, "LJ001-0002", 2.5, rate=8000)
        case "stereo":
            audio.write(path, np.repeat(samples, 2, axis=0), RATE)
        case "text":
            path.write_text("nothing")
        case "silent":
            audio.write(path, 0 * samples, RATE)
    with pytest.raises(CorpusError, match=message) as caught:
        run(lj)
    assert path.name in str(caught.value)
    store, report = run(lj, on_bad_file="skip")
    assert len(store.table) == 3 and sum(report["skipped"].values()) == 2


def test_roots_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="metadata.csv: no such file"):
        read_metadata(tmp_path)
    (tmp_path / "metadata.csv").write_bytes(b"LJ001-0001|\xff|\xff\n")
    with pytest.raises(CorpusError, match="not UTF-8"):
        read_metadata(tmp_path)
    (tmp_path / "metadata.csv").write_text("\n")
    with pytest.raises(CorpusError, match="no line id"):
        survey(tmp_path)


def test_survey(lj: Path) -> None:
    with (lj / "metadata.csv").open("a") as stream:
        stream.write("LJ003-0001|a|b\nnothing\n")
    (lj / "wavs/LJ001-0002.TextGrid").write_text(GRID)
    found, missing = survey(lj)
    assert (found["utterances"], found["with given alignment"]) == (4, 1)
    assert sum(found[f"utterances {split}"] for split in ("train", "dev", "eval")) == 4
    assert "1 of 5 lines of metadata.csv have no recording" in missing
    assert any(line.startswith("1 bad lines in metadata.csv") and "line 6" in line for line in missing)


def test_simulated_corpus(simulated: Path, tmp_path: Path) -> None:
    metadata = read_metadata(simulated)
    assert len(metadata.utterances) == 4 and not metadata.faults
    assert len({utterance.text for utterance in metadata.utterances}) == 4
    assert audio.probe(metadata.utterances[0].path).sample_rate == RATE
    extract(simulated, tmp_path / "segments", LjspeechExtraction(), seed=0)
    table = SegmentStore(tmp_path / "segments").table
    report = json.loads((tmp_path / "segments/report.json").read_text())
    assert report["alignment"] == {"simulation": 4} and report["unmapped_phones"] == {}
    phones = {phone["phone"] for row in table["phones"] for phone in row}
    assert len(phones) > 20 and phones <= set(ARPABET)
    again = tmp_path / "again"
    again.mkdir()
    write_ljspeech(Simulate(ljspeech={"utterances": 4}), 3, again)
    files = sorted(path.relative_to(simulated) for path in simulated.rglob("*") if path.is_file())
    assert all((simulated / name).read_bytes() == (again / name).read_bytes() for name in files) and len(files) == 9


def test_pocketsphinx_finds_the_simulated_phones(simulated: Path, tmp_path: Path) -> None:
    """The aligner against exact times: another phone set's model and a synthetic voice, so agreement is not total."""
    bare = tmp_path / "bare"
    (bare / "wavs").mkdir(parents=True)
    for path in [*simulated.glob("wavs/*"), simulated / "metadata.csv"]:
        (bare / path.relative_to(simulated)).write_bytes(path.read_bytes())
    exact = run_into(simulated, tmp_path / "exact")
    found = run_into(bare, tmp_path / "found")
    hits = []
    for (_, a), (_, b) in zip(exact.iterrows(), found.iterrows(), strict=True):
        frames = int((a["end_s"] - a["start_s"]) / 0.01)
        hits.append(frame_labels(a["phones"], frames, 0.01) == frame_labels(b["phones"], frames, 0.01))
    assert np.concatenate(hits).mean() > 0.7


def run_into(root: Path, out: Path) -> Any:
    extract(root, out, LjspeechExtraction(), seed=0)
    return SegmentStore(out).table


def test_real_bank(real_data: Path, tmp_path: Path) -> None:
    extract(real_data / "ljspeech", tmp_path / "segments", LjspeechExtraction(clips=8), seed=0)
    table = SegmentStore(tmp_path / "segments").table
    report = json.loads((tmp_path / "segments/report.json").read_text())
    assert len(table) == 8 and report["alignment"] == {"pocketsphinx": 8}
    labels = np.concatenate([frame_labels(row, 75, 0.04) for row in table["phones"]])
    assert set(labels) <= {*ARPABET, SILENCE} and len(set(labels)) > 25
    assert table["words"].iloc[0].split()[:4] == ["printing", "in", "the", "only"]
    assert 0.02 < np.mean(labels == SILENCE) < 0.6
