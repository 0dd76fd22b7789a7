"""Segmentation: alignment, SNR and overlap against what was built in; filters, splits, and every kind of bad audio."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from corpus_factory import RATE, Chime6Folder, entry, voice
from hypothesis import given, settings
from hypothesis import strategies as st

from thinwire import audio
from thinwire.artifacts import atomic_path
from thinwire.corpora.chime6 import Entry
from thinwire.corpora.chime6_measure import Activity, find_shift
from thinwire.corpora.chime6_segment import extract
from thinwire.errors import CorpusError, ParamError
from thinwire.params.chime6 import Chime6Extraction
from thinwire.segments import SegmentStore

THREE = [entry("P05", 2, 5.5, location="kitchen"), entry("P06", 8, 8.8), entry("P05", 12, 14)]


def run(folder: Chime6Folder, **changes: Any) -> tuple[SegmentStore, dict[str, Any]]:
    out = folder.root.parent / "segments"
    with atomic_path(out, directory=True) as temporary:
        extract(folder.root, temporary, Chime6Extraction(**changes), seed=0)
    return SegmentStore(out), json.loads((out / "report.json").read_text())


def test_segments_stand_inside_utterances(chime6: Chime6Folder) -> None:
    chime6.write(THREE)
    store, report = run(chime6)
    table = store.table
    assert list(table["start_s"]) == pytest.approx([2, 3, 4, 8, 12, 13])
    assert list(table["end_s"]) == pytest.approx([3, 4, 5, 8.8, 13, 14])
    assert list(table["speaker"]) == ["P05", "P05", "P05", "P06", "P05", "P05"]
    assert list(table["room"]) == ["S02-kitchen"] * 3 + ["S02"] * 3
    assert set(table["split"]) == {"dev"} and table["segment_id"].is_unique
    assert report["segments"] == 6 and report["skipped"] == {}
    padded = store.read(table.iloc[3])
    assert padded[0].shape == (4, RATE) and not padded[0][:, round(0.8 * RATE) :].any() and not padded[1][-100:].any()


def test_hop_and_length_filters(chime6: Chime6Folder) -> None:
    chime6.write(THREE)
    store, report = run(chime6, hop_s=0.5, min_s=0.9)
    assert list(store.table["start_s"]) == pytest.approx([2, 2.5, 3, 3.5, 4, 4.5, 12, 12.5, 13])
    assert report["skipped"] == {"too_short": 1}


@pytest.mark.parametrize("delay", [0, 37, 150, 1500])
def test_reference_is_aligned_and_snr_is_found(chime6: Chime6Folder, delay: int) -> None:
    chime6.delay = delay
    chime6.write(THREE)
    store, _ = run(chime6)
    for _, row in store.table.iloc[[1, 2, 5]].iterrows():
        noisy, clean = store.read(row)
        assert np.corrcoef(noisy[0], clean)[0, 1] > 0.95
        assert row["snr_db"] == pytest.approx(chime6.snr_db, abs=1.5)


def test_without_alignment_the_delay_stays(chime6: Chime6Folder) -> None:
    chime6.write(THREE)
    store, _ = run(chime6, align={"enabled": False})
    noisy, clean = store.read(store.table.iloc[1])
    assert np.corrcoef(noisy[0], clean)[0, 1] < 0.5
    assert np.corrcoef(noisy[0][150:], clean[:-150])[0, 1] > 0.95


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 400), st.sampled_from([-1.0, 1.0]), st.integers(0, 1000))
def test_find_shift_finds_any_shift(shift: int, sign: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    worn = voice(generator, 0.3)
    source = sign * worn[shift : shift + len(worn) - 400] + 0.01 * generator.standard_normal(len(worn) - 400)
    assert find_shift(worn, source) == shift


def test_louder_worn_channel_is_taken(chime6: Chime6Folder) -> None:
    chime6.write(THREE)
    store, _ = run(chime6)
    _, clean = store.read(store.table.iloc[1])
    assert audio.level_db(clean) == pytest.approx(-20, abs=0.5)


def test_overlap_filter_follows_the_other_speakers(chime6: Chime6Folder) -> None:
    chime6.write([entry("P05", 2, 5), entry("P06", 3.5, 3.9), entry("P06", 9, 10), entry("P05", 9.2, 9.4)])
    loose, _ = run(chime6, max_overlap=0.41)
    strict, report = run(chime6, max_overlap=0.3)
    assert list(loose.table["start_s"]) == pytest.approx([2, 3, 4, 9])
    assert list(strict.table["start_s"]) == pytest.approx([2, 4, 9])
    assert report["skipped"] == {"overlap": 1, "too_short": 2}


def test_activity_on_a_hand_made_case() -> None:
    entries = [
        Entry(0, "S02", "P01", 1.0, 2.0, ""),
        Entry(1, "S02", "P02", 1.5, 3.0, ""),
        Entry(2, "S02", "P01", 4, 5, ""),
    ]
    activity = Activity(entries, "U01", 10.0)
    assert activity.overlap("P01", 1.0, 2.0) == pytest.approx(0.5)
    assert activity.overlap("P02", 1.5, 3.0) == pytest.approx(1 / 3)
    assert activity.gaps.tolist() == [[0.0, 1.0], [3.0, 4.0]]
    assert activity.pause(3.2) == pytest.approx((3.25, 3.75))
    assert Activity([Entry(0, "S02", "P01", 0.0, 9.0, "")], "U01", 10.0).pause(1.0) is None
    assert Activity([Entry(0, "S02", "P01", 0.0, 9e6, "")], "U01", 10.0).overlap("P01", 1.0, 2.0) == 0.0


def test_device_clocks_of_chime5(chime6: Chime6Folder) -> None:
    """Two arrays that started early and late are read on their own clocks."""
    path = chime6.write(THREE)
    entries = json.loads(path.read_text())
    for item in entries:
        for key in ("start_time", "end_time"):
            time = float(item[key])
            item[key] = {"original": f"{time:.2f}", "U01": f"{time:.2f}", "U02": f"{time + 0.5:.2f}"}
    chime6.transcribe(entries)
    late = chime6.root / "audio/dev/S02_U02.CH1.wav"
    audio.write(late, np.concatenate([np.full((1, RATE // 2), 1e-3), audio.read(late)], axis=1))
    store, _ = run(chime6)
    noisy, clean = store.read(store.table.iloc[1])
    assert np.corrcoef(noisy[1], clean)[0, 1] > 0.9
    assert store.table["snr_db"].iloc[1] == pytest.approx(chime6.snr_db, abs=1.5)


def test_splits_by_session(chime6: Chime6Folder) -> None:
    for number in (1, 2, 3):
        name = f"S0{number}"
        chime6.write([entry("P05", 2, 4, session=name)], session=name, split="train")
    store, report = run(chime6, sessions={"train": ["S03"], "eval": ["S01"]})
    assert dict(zip(store.table["session"], store.table["split"], strict=True)) == {"S01": "eval", "S03": "train"}
    assert report["skipped"] == {"session_not_listed": 1}
    with pytest.raises(CorpusError, match="lists S09, which the corpus does not hold"):
        run(chime6, sessions={"train": ["S09"]})
    with pytest.raises(ParamError, match="lists a session twice"):
        run(chime6, sessions={"train": ["S01"], "dev": ["S01"]})


def test_phones_of_the_sidecar(chime6: Chime6Folder) -> None:
    chime6.write(THREE)
    sidecar = chime6.root / "alignments" / "dev" / "S02.json"
    sidecar.parent.mkdir(parents=True)
    phones = [("P05", 2.1, 2.3, "h"), ("P05", 2.9, 3.25, "aI"), ("P06", 3.2, 3.4, "k")]
    keys = ("speaker", "start", "end", "phone")
    sidecar.write_text(json.dumps([dict(zip(keys, values, strict=True)) for values in phones]))
    store, _ = run(chime6)
    first, second, third = ([tuple(item.values()) for item in store.table["phones"].iloc[row]] for row in range(3))
    assert first == [(0.1, 0.3, "h"), (0.9, 1.0, "aI")]
    assert second == [(0.0, 0.25, "aI")]
    assert third == []


def test_long_utterances_are_read_by_the_piece(chime6: Chime6Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    chime6.write([entry("P05", 1, 19)])
    whole, _ = run(chime6, hop_s=0.75)
    expected = whole.load("dev")
    monkeypatch.setattr("thinwire.corpora.chime6_segment.PIECE_S", 3.0)
    pieces, _ = run(chime6, hop_s=0.75)
    measured = pieces.load("dev")
    assert list(measured.table["segment_id"]) == list(expected.table["segment_id"])
    np.testing.assert_array_equal(measured.noisy, expected.noisy)
    np.testing.assert_array_equal(measured.clean, expected.clean)


def damage(path: Path, how: str) -> None:
    """Spoil one recording."""
    samples = audio.read(path)
    match how:
        case "truncated":
            path.write_bytes(path.read_bytes()[:100_000])
        case "empty":
            audio.write(path, samples[:, :0])
        case "no_bytes":
            path.write_bytes(b"")
        case "rate":
            audio.write(path, samples, sample_rate=44_100)
        case "channels":
            audio.write(path, np.repeat(samples, 3, axis=0)[:3])
        case "nan":
            samples[:, 2 * RATE : 3 * RATE] = np.nan
            sf.write(path, samples.T, RATE, subtype="FLOAT")
        case "silent":
            audio.write(path, 0 * samples)
        case "missing":
            path.unlink()
        case "short":
            audio.write(path, samples[:, : 5 * RATE])


@pytest.mark.parametrize("file", ["S02_U05.CH1.wav", "S02_P05.wav"])
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("truncated", "truncated: the header declares more"),
        ("empty", "holds no samples"),
        ("no_bytes", "not a readable audio file"),
        ("rate", "sample rate is 44100 Hz, expected 16000 Hz"),
        ("channels", "has 3 channels, expected"),
        ("nan", "holds NaN or infinite samples"),
        ("silent", "silent wherever it was read"),
        ("missing", "S02_"),
        ("short", "is 5.00 s long"),
    ],
)
def test_bad_audio_stops_in_one_line_or_is_counted(chime6: Chime6Folder, file: str, how: str, message: str) -> None:
    chime6.write(THREE)
    chime6.write([entry("P05", 1, 3, session="S09")], session="S09", split="train")
    damage(chime6.root / "audio" / "dev" / file, how)
    with pytest.raises(CorpusError, match=re.escape(message)) as caught:
        run(chime6)
    assert file in str(caught.value) and "\n" not in str(caught.value)
    assert not (chime6.root.parent / "segments").exists() and len(list(chime6.root.parent.iterdir())) == 1
    store, report = run(chime6, on_bad_file="skip")
    assert "S09" in set(store.table["session"])
    assert report["skipped"] and str(chime6.root) not in json.dumps(report)
    assert any(message in line for line in report["first_skipped"].values())


def test_unknown_speakers_and_times_beyond_the_audio(chime6: Chime6Folder) -> None:
    path = chime6.write([*THREE, entry("P99", 15, 16), entry("P05", "9:00:00.00", "9:00:02.00"), entry("P05", "x", 17)])
    with pytest.raises(CorpusError, match="entry 5: bad time 'x'"):
        run(chime6)
    entries = json.loads(path.read_text())
    chime6.transcribe(entries[:4])
    with pytest.raises(CorpusError, match="entry 3: speaker P99 has no worn recording"):
        run(chime6)
    chime6.transcribe(entries[:3] + entries[4:5])
    with pytest.raises(CorpusError, match=r"entry 3: ends at 32402.00 s, S02_U01.CH1.wav is 20.00 s long"):
        run(chime6)
    chime6.transcribe(entries)
    store, report = run(chime6, on_bad_file="skip")
    assert len(store.table) == 6
    assert report["skipped"] == {"bad_entry": 1, "beyond_audio": 1, "unknown_speaker": 1}


def test_nothing_left_is_an_error_with_the_counts(chime6: Chime6Folder) -> None:
    chime6.write([entry("P05", 1, 1.2), entry("P05", 3, 2)])
    with pytest.raises(CorpusError, match=re.escape("no segment could be made (end_not_after_start 1, too_short 1)")):
        run(chime6)


def test_sources_of_another_form_are_refused(chime6: Chime6Folder) -> None:
    chime6.write(THREE)
    with pytest.raises(ParamError, match=re.escape("'../U01.CH1' is not of the form U01.CH1")):
        run(chime6, sources=["../U01.CH1"])


def test_two_runs_give_the_same_bytes(chime6: Chime6Folder) -> None:
    chime6.write(THREE)
    out = chime6.root.parent / "segments"
    versions = []
    for _ in range(2):
        run(chime6)
        versions.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert versions[0] == versions[1]
