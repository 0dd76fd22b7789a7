"""DNS-Challenge folders: what is found, levels and SNRs, splits that do not leak, bad files."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_factory import RATE, voice
from hypothesis import given
from hypothesis import strategies as st

from thinwire import audio
from thinwire.artifacts import atomic_path, split_of
from thinwire.corpora.dns import extract, find_folders, find_items, noise_of, survey, talker_of
from thinwire.errors import CorpusError
from thinwire.params.dns import DnsExtraction
from thinwire.segments import SegmentStore

READERS = [
    reader
    for split, count in (("train", 7), ("dev", 2), ("eval", 3))
    for reader in islice((n for n in range(100, 999) if split_of("talker", str(n)) == split), count)
]


def run(root: Path, **changes: Any) -> tuple[SegmentStore, dict[str, Any]]:
    out = root.parent / "segments"
    with atomic_path(out, directory=True) as temporary:
        extract(root, temporary, DnsExtraction(**({"clips": 20} | changes)), seed=3)
    return SegmentStore(out), json.loads((out / "report.json").read_text())


@pytest.fixture
def dns(tmp_path: Path) -> Path:
    root = tmp_path / "dns"
    generator = np.random.default_rng(1)
    clean, noise = root / "datasets/clean", root / "datasets/noise"
    rooms = root / "datasets/impulse_responses/SLR26"
    for folder in (clean, noise, rooms / "Room1", rooms / "Room2", root / "datasets/test_set/clean"):
        folder.mkdir(parents=True)
    for reader in READERS:
        name = f"book_00{reader:03d}_chp_0009_reader_{reader:05d}_0.wav"
        audio.write(clean / name, voice(generator, 7.0))
    for number in range(12):
        audio.write(noise / f"kind-{number}_0.wav", 0.1 * generator.standard_normal(2 * RATE), sample_rate=RATE)
    for room in ("Room1", "Room2"):
        response = np.exp(-np.arange(4000) / 600) * generator.standard_normal((2, 4000)) * 0.05
        response[:, 40] = 1.0
        audio.write(rooms / room / f"{room}-1.wav", response)
    return root


def test_folders_by_name(dns: Path) -> None:
    folders = find_folders(dns)
    assert [path.name for path in folders["clean"]] == ["clean"] and "test_set" not in str(folders["clean"])
    assert [path.name for path in folders["noise"]] == ["noise"]
    assert {item.identity for item in find_items(folders["room"], "room")} == {"Room1", "Room2"}
    assert {item.identity for item in find_items(folders["clean"], "clean")} == {str(reader) for reader in READERS}
    (dns / "datasets/noise").rename(dns / "datasets/other")
    with pytest.raises(CorpusError, match="no folder named noise"):
        find_folders(dns)
    with pytest.raises(CorpusError, match="no such folder"):
        find_folders(dns / "nowhere")


@pytest.mark.parametrize(
    ("path", "talker"),
    [
        ("clean/book_00000_chp_0009_reader_06709_0.wav", "6709"),
        ("clean/read_speech/19-198-0000.flac", "19"),
        ("clean/vctk/p232_001.wav", "p232"),
        ("clean/anna/one.wav", "anna"),
        ("clean/one.wav", "one"),
    ],
)
def test_talker_of_a_file(path: str, talker: str) -> None:
    assert talker_of(Path(path), Path("clean")) == talker


@given(st.integers(0, 99_999))
def test_readers_have_the_split_of_their_librispeech_number(reader: int) -> None:
    assert talker_of(Path(f"clean/book_1_chp_2_reader_{reader:05d}_3.wav"), Path("clean")) == str(reader)


def test_pieces_of_one_noise_recording_share_a_split() -> None:
    names = ("door_Freesound_validated_348509_0", "door_Freesound_validated_348509_1", "3-142601-A")
    assert [noise_of(Path(f"{name}.wav")) for name in names] == ["door_Freesound_validated_348509"] * 2 + ["3-142601-A"]


def test_levels_snr_and_splits(dns: Path) -> None:
    store, report = run(dns, level_db=(-40.0, -30.0), snr_db=(5.0, 5.0), reverb=0.0)
    assert report["segments"] == 20 and report["splits"] == {"train": 12, "dev": 3, "eval": 5}
    for _, row in store.table.iterrows():
        noisy, clean = store.read(row)
        assert noisy.shape == (1, 3 * RATE)
        assert -40.1 < audio.level_db(clean) < -29.9
        assert audio.level_db(clean) - audio.level_db(noisy[0] - clean) == pytest.approx(5.0, abs=0.1)
        assert row["snr_db"] == [5.0] and row["room"] == ""
        assert split_of("talker", row["speaker"]) == split_of("noise", row["noise"]) == row["split"]


def test_loud_mixtures_are_scaled_not_clipped(dns: Path) -> None:
    store, _ = run(dns, level_db=(-10.0, -10.0), snr_db=(0.0, 0.0))
    peaks = [np.abs(store.read(row)[0]).max() for _, row in store.table.iterrows()]
    assert max(peaks) == pytest.approx(0.99, abs=1e-3)


def test_rooms_reverberate_the_reference_too(dns: Path) -> None:
    store, _ = run(dns, reverb=1.0, snr_db=(40.0, 40.0))
    rooms = store.table["room"]
    assert set(rooms) - {""} <= {"Room1", "Room2"} and (rooms != "").any()
    assert all(split_of("room", room) == split for room, split in zip(rooms, store.table["split"], strict=True) if room)
    noisy, clean = store.read(store.table[rooms != ""].iloc[0])
    assert np.corrcoef(noisy[0], clean)[0, 1] > 0.99


def test_same_seed_same_bytes(dns: Path) -> None:
    out = dns.parent / "segments"
    versions = []
    for _ in range(2):
        run(dns)
        versions.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert versions[0] == versions[1]


def test_too_little_speech_is_counted(dns: Path) -> None:
    store, report = run(dns, clips=300)
    assert len(store.table) == 24
    skipped = {"no_speech_left_for_train": 166, "no_speech_left_for_dev": 41, "no_speech_left_for_eval": 69}
    assert report["skipped"] == skipped


@pytest.mark.parametrize("kind", ["clean", "noise"])
def test_silent_files(dns: Path, kind: str) -> None:
    for path in (dns / "datasets" / kind).iterdir():
        audio.write(path, np.zeros(4 * RATE))
    with pytest.raises(CorpusError, match="silent wherever it was read"):
        run(dns)
    with pytest.raises(CorpusError, match="silent_file"):
        run(dns, on_bad_file="skip")


def test_silent_stretches_are_no_fault(dns: Path) -> None:
    for kind in ("clean", "noise"):
        for path in (dns / "datasets" / kind).iterdir():
            audio.write(path, np.concatenate([np.zeros(3 * RATE), voice(np.random.default_rng(2), 4.0)]))
    store, report = run(dns, clips=300)
    assert report["skipped"]["silent_stretch"] == len(store.table) == 12
    assert list(store.table["start_s"]) == [3.0] * 12


def test_damaged_files(dns: Path) -> None:
    victim = sorted((dns / "datasets/clean").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:1000])
    with pytest.raises(CorpusError, match="truncated") as caught:
        run(dns, clips=300)
    assert victim.name in str(caught.value)
    _, report = run(dns, clips=300, on_bad_file="skip")
    assert report["skipped"]["bad_audio"] == 1


def test_survey(dns: Path) -> None:
    found, _ = survey(dns)
    assert found == {"clean files": 12, "noise files": 12, "room responses": 2}
