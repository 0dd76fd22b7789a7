"""The transcription reader: three time formats, bad input in one clear line, and all real files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from corpus_factory import Chime6Folder, entry
from hypothesis import given
from hypothesis import strategies as st

from thinwire.corpora.chime6 import find_sessions, parse_time, read_transcription, survey
from thinwire.errors import CorpusError


def write(folder: Path, entries: object, name: str = "S02") -> Path:
    path = folder / f"{name}.json"
    path.write_text(entries if isinstance(entries, str) else json.dumps(entries))
    return path


@given(st.integers(0, 9), st.integers(0, 59), st.integers(0, 59), st.integers(0, 99))
def test_clock_and_seconds_agree(hours: int, minutes: int, seconds: int, hundredths: int) -> None:
    total = hours * 3600 + minutes * 60 + seconds + hundredths / 100
    assert parse_time(f"{hours}:{minutes:02d}:{seconds:02d}.{hundredths:02d}") == pytest.approx(total)
    assert parse_time(f"{total:.3f}") == pytest.approx(total)


@given(st.one_of(st.text(), st.none(), st.integers(), st.floats(), st.lists(st.integers())))
def test_anything_else_is_a_value_error_or_finite(value: object) -> None:
    try:
        assert 0.0 <= parse_time(value) < 1e8
    except ValueError as error:
        assert "bad time" in str(error)


def test_realigned_times_with_one_digit_seconds() -> None:
    assert parse_time("0:01:0.3800000") == pytest.approx(60.38)


def test_three_formats(tmp_path: Path) -> None:
    clocks = ({"original": "0:00:57.54", "U01": "0:00:57.60"}, {"original": "0:01:00.38", "U01": "0:01:00.44"})
    path = write(
        tmp_path, [entry("P05", *clocks), entry("P06", "0:00:57.55", "0:01:00.39"), entry("P07", 57.55, 60.39)]
    )
    (old, six, seven), skipped = read_transcription(path)
    assert not skipped
    assert (old.start_s, old.end_s) == (57.54, 60.38)
    assert old.times("U01") == (57.60, 60.44)
    assert old.times("U05") == old.times("P05") == (57.54, 60.38)
    assert six.times("U01") == (six.start_s, six.end_s) == (seven.start_s, seven.end_s) == (57.55, 60.39)


def test_entries_that_end_before_they_start_and_redacted_ones_are_counted(tmp_path: Path) -> None:
    redacted = entry("P05", 3, 4, words="[redacted]")
    del redacted["speaker"]
    path = write(tmp_path, [entry("P05", 2, 1), entry("P05", 2, 2), entry("P05", 2, 3, location="kitchen"), redacted])
    entries, skipped = read_transcription(path)
    assert [item.index for item in entries] == [2]
    assert entries[0].location == "kitchen"
    assert skipped == {"end_not_after_start": 2, "redacted": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{", "S02.json: not JSON, line 1 column 3"),
        ("", "S02.json: not JSON, line 1 column 1"),
        ("[" * 100_000, "S02.json: not readable as JSON"),
        ({"a": 1}, "S02.json: expected a list of utterances, found dict"),
        (["x"], "entry 0: expected an object, found str"),
        ([entry("P05", 1, 2), {"session_id": "S02"}], "entry 1: lacks 'start_time', 'end_time', 'words', 'speaker'"),
        ([entry("P05", "one", 2)], "entry 0: bad time 'one'"),
        ([entry("P05", "0:61:00.00", 2)], "entry 0: bad time '0:61:00.00'"),
        ([entry("P05", None, 2)], "entry 0: bad time None"),
        ([entry("P05", {"U01": "1.0"}, {"U01": "2.0"})], "entry 0: start_time has neither 'original' nor 'P05'"),
        ([entry("P05", {"original": "1.0"}, {})], "entry 0: start_time and end_time name different devices"),
        ([entry("P05", 1, 2, session="../S02")], "entry 0: session_id '../S02' is not of the form S01"),
        ([entry("P05", 1, 2, session="S03")], "entry 0: session_id 'S03' stands in the file of S02"),
        ([entry("../P05", 1, 2)], "entry 0: speaker '../P05' is not of the form P01"),
        ([entry("P05", 1, 2) | {"words": 3}], "entry 0: 'words' must be text, found int"),
    ],
)
def test_bad_input_is_one_line_with_file_and_entry(tmp_path: Path, content: object, message: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(CorpusError, match=re.escape(message)) as caught:
        read_transcription(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "S02.json"
    path.write_bytes(b"\xff\xfe[]")
    with pytest.raises(CorpusError, match="not readable as JSON"):
        read_transcription(path)


def test_a_file_not_named_after_a_session(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="not named after a session"):
        read_transcription(write(tmp_path, [], name="notes"))


def test_layout_with_parent_and_what_is_missing(chime6: Chime6Folder) -> None:
    home = chime6.root
    with pytest.raises(CorpusError, match="no such folder"):
        find_sessions(home)
    home.mkdir()
    with pytest.raises(CorpusError, match="no transcriptions/ folder"):
        find_sessions(home)
    chime6.transcribe([])
    with pytest.raises(CorpusError, match="no audio/ folder"):
        find_sessions(home)
    chime6.write([entry("P05", 1, 2)])
    chime6.transcribe([], session="S03", split="train")
    home.rename(home.with_name("CHiME6"))
    sessions = find_sessions(home.parent)
    assert [(item.name, item.split) for item in sessions] == [("S03", "train"), ("S02", "dev")]
    found, missing = survey(home.parent)
    assert found == {
        "sessions train": 1,
        "sessions dev": 1,
        "sessions eval": 0,
        "array channels": 4,
        "worn recordings": 2,
    }
    assert missing == ["no eval session", "train/S03: no array audio", "train/S03: no worn audio"]


def test_a_session_in_two_splits_would_leak(chime6: Chime6Folder) -> None:
    (chime6.root / "audio").mkdir(parents=True)
    chime6.transcribe([], split="train")
    chime6.transcribe([], split="eval")
    with pytest.raises(CorpusError, match="S02 stands in more than one split"):
        find_sessions(chime6.root)


def test_all_real_files_parse(real_data: Path) -> None:
    """Numbers of FORMAT.md, counted independently there."""
    paths = sorted((real_data / "chime6" / "falign").glob("*/*.json"))
    assert len(paths) == 20
    lengths, backwards = {}, {}
    for path in paths:
        entries, skipped = read_transcription(path)
        assert len({item.speaker for item in entries}) == 4
        lengths[path.stem] = len(entries) + skipped["end_not_after_start"]
        backwards[path.stem] = skipped["end_not_after_start"]
    assert sum(lengths.values()) == 108_844
    assert {name: count for name, count in backwards.items() if count > 20} == {"S04": 134, "S05": 72, "S23": 151}
    assert (lengths["S02"], lengths["S24"], backwards["S24"]) == (6724, 3864, 14)


def test_real_excerpts_of_the_three_forms(real_data: Path, tmp_path: Path) -> None:
    starts = []
    for source in sorted((real_data / "chime6" / "excerpts").glob("*.json")):
        target = tmp_path / "S03.json"
        target.write_bytes(source.read_bytes())
        (item,), _ = read_transcription(target)
        starts.append(item.start_s)
        assert item.words.startswith("[noise] What")
    assert starts == [57.54, 57.54, 57.55]
