"""The one segment table, and audio files good and bad."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from thinwire import audio
from thinwire.artifacts import atomic_path, read_json
from thinwire.errors import CorpusError, PipelineError
from thinwire.segments import COLUMNS, SHARD_BYTES, SegmentStore, SegmentWriter

STEP = 2.0**-15


def material(index: int, samples: int = 160) -> tuple[np.ndarray, np.ndarray]:
    """Noisy (2, samples) and clean (samples,) on the 16-bit grid."""
    data = np.random.default_rng(index).uniform(-0.9, 0.9, (3, samples))
    rounded = (np.round(data / STEP) * STEP).astype(np.float32)
    return rounded[:2], rounded[2]


def write(folder: Path, count: int = 7, shard: int = 3) -> SegmentStore:
    with SegmentWriter(folder, "chime6", ["U01.CH1", "U02.CH1"], segments_per_shard=shard) as writer:
        for i in range(count):
            noisy, clean = material(i)
            writer.add(noisy, clean, segment_id=f"s{i}", split="train" if i < 5 else "eval", session="S1", speaker="P1",
                       start_s=float(i), end_s=i + 0.01, snr_db=[1.0, 2.0], phones=["a", "b"][: i % 3])  # fmt: skip
        writer.skip("too short")
        writer.skip("too short", 2)
        writer.report["seconds"] = 1.5
    return SegmentStore(folder)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    store = write(tmp_path)
    assert list(store.table.columns) == COLUMNS
    assert sorted(path.name for path in tmp_path.glob("*.flac")) == [
        f"{kind}-{shard:05d}.flac" for kind in ("clean", "noisy") for shard in range(3)
    ]
    for i, (_, row) in enumerate(store.table.iterrows()):
        noisy, clean = store.read(row)
        np.testing.assert_array_equal(noisy, material(i)[0])
        np.testing.assert_array_equal(clean, material(i)[1])
        assert list(row["sources"]) == ["U01.CH1", "U02.CH1"] and list(row["snr_db"]) == [1.0, 2.0]
    report = read_json(tmp_path / "report.json")
    assert report["skipped"] == {"too short": 3} and report["segments"] == 7 and report["seconds"] == 1.5
    assert report["splits"] == {"eval": 2, "train": 5}


def test_a_shard_closes_before_it_grows_too_large(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    noise = draw.uniform(-0.9, 0.9, (40, 2, 16_000)).astype(np.float32)  # which FLAC cannot make smaller
    with SegmentWriter(tmp_path, "chime6", ["U01.CH1", "U02.CH1"], bytes_per_shard=500_000) as writer:
        for i, noisy in enumerate(noise):
            writer.add(noisy, noisy[0], segment_id=f"s{i}", split="train", session="S1", speaker="P1",
                       start_s=float(i), end_s=i + 1.0)  # fmt: skip
    sizes = [path.stat().st_size for path in sorted(tmp_path.glob("noisy-*.flac"))]
    assert len(sizes) == 6 and max(sizes) < 520_000 and SHARD_BYTES + 1_000_000 <= 60_000_000
    store = SegmentStore(tmp_path)
    assert list(store.table.groupby("shard").size()) == [7] * 5 + [5] and store.table["start_frame"][7] == 0
    for i, (_, row) in enumerate(store.table.iterrows()):
        np.testing.assert_allclose(store.read(row)[0], noise[i], atol=2**-15)


def test_a_split_at_once(tmp_path: Path) -> None:
    store = write(tmp_path)
    train = store.load("train")
    assert train.noisy.shape == (5, 2, 160) and train.clean.shape == (5, 160)
    for i in range(5):
        np.testing.assert_array_equal(train.noisy[i], material(i)[0])
        np.testing.assert_array_equal(train.clean[i], material(i)[1])
    some = store.load("train", 3)
    assert list(some.table["segment_id"]) == ["s0", "s2", "s4"]
    np.testing.assert_array_equal(some.clean[2], material(4)[1])
    assert len(store.load("eval", 100).table) == 2


def test_a_split_shard_by_shard(tmp_path: Path) -> None:
    store = write(tmp_path)
    parts = list(store.parts("train"))
    assert [list(part.table.index) for part in parts] == [[0, 1, 2], [3, 4]]
    whole = store.load("train")
    np.testing.assert_array_equal(np.concatenate([part.noisy for part in parts]), whole.noisy)
    np.testing.assert_array_equal(np.concatenate([part.clean for part in parts]), whole.clean)


def test_same_segments_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a")
    write(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_loud_samples_are_clipped_not_wrapped(tmp_path: Path) -> None:
    with SegmentWriter(tmp_path, "x", ["a"]) as writer:
        writer.add(np.array([[2.0, -2.0]]), np.array([1.0, -1.0]), segment_id="s", split="train")
    noisy, clean = SegmentStore(tmp_path).read(SegmentStore(tmp_path).table.iloc[0])
    np.testing.assert_allclose(noisy[0], [1.0, -1.0], atol=STEP)
    np.testing.assert_allclose(clean, [1.0, -1.0], atol=STEP)


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"segments\.parquet: no segment table; run `dvc repro`"):
        SegmentStore(tmp_path / "none")
    with pytest.raises(CorpusError, match="9 sources asked for, a segment holds 1 to 8"):
        SegmentWriter(tmp_path / "many", "x", [str(i) for i in range(9)])
    store = write(tmp_path / "good")
    with pytest.raises(PipelineError, match="the dev split is empty"):
        store.load("dev")
    with SegmentWriter(tmp_path / "uneven", "x", ["a", "b"]) as writer:
        with pytest.raises(CorpusError, match=r"segment s0: noisy \(2, 160\), clean \(100,\) do not fit"):
            writer.add(material(0)[0], material(0, 100)[1], segment_id="s0")
        for samples in (160, 100):
            writer.add(*material(0, samples), segment_id="s", split="train")
    with pytest.raises(PipelineError, match="segments of 2 lengths cannot be stacked"):
        SegmentStore(tmp_path / "uneven").load("train")


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "segments"
    with (
        pytest.raises(RuntimeError),
        atomic_path(target, directory=True) as folder,
        SegmentWriter(folder, "x", ["a", "b"]) as writer,
    ):
        writer.add(*material(0), segment_id="s", split="train")
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_an_empty_table_is_still_one(tmp_path: Path) -> None:
    with SegmentWriter(tmp_path, "x", ["a"]):
        pass
    assert SegmentStore(tmp_path).table.empty and list(SegmentStore(tmp_path).table.columns) == COLUMNS


def tone(seconds: float = 0.1, rate: int = 16_000, channels: int = 1) -> np.ndarray:
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    return np.stack([wave] * channels)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.write_bytes(b""), "not a readable audio file"),
        (lambda path: path.write_bytes(b"RIFF but nothing else"), "not a readable audio file"),
        (lambda path: audio.write(path, tone(0.0)), "holds no samples"),
        (lambda path: audio.write(path, tone(rate=8000), 8000), "sample rate is 8000 Hz, expected 16000 Hz"),
        (lambda path: audio.write(path, tone(channels=2)), "has 2 channels, expected 1"),
        (lambda path: sf.write(path, np.array([0.0, np.nan]), 16_000, subtype="FLOAT"), "holds NaN or infinite"),
    ],
)
def test_bad_audio_is_named(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    path = tmp_path / "a.wav"
    make(path)
    with pytest.raises(CorpusError, match=message) as caught:
        audio.read(path, channels=1)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_part_of_a_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    audio.write(path, tone(channels=2))
    part = audio.read(path, 100, 50)
    assert part.shape == (2, 50) and part.dtype == np.float32 and audio.probe(path) == audio.AudioInfo(1600, 16_000, 2)
    np.testing.assert_allclose(part, tone(channels=2)[:, 100:150], atol=2 * STEP)
    for start, frames in ((1590, 50), (1700, 10)):
        with pytest.raises(CorpusError, match=str(path)):
            audio.read(path, start, frames)


def test_truncated_wav(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    audio.write(path, tone(1.0))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CorpusError, match=str(path)):
        audio.read(path, 0, 16_000)


@pytest.mark.parametrize("rate", [8000, 44_100, 48_000])
def test_resampling_keeps_a_tone(rate: int) -> None:
    out = audio.resample(tone(0.5, rate, 2), rate)
    assert out.shape == (2, 8000) and out.dtype == np.float32
    np.testing.assert_allclose(out[:, 1000:-1000], tone(0.5, channels=2)[:, 1000:-1000], atol=1e-3)
    assert audio.resample(tone(0.5, rate)[0], rate).shape == (8000,)
    same = tone()
    assert audio.resample(same, 16_000) is same


def test_resampling_does_not_alias() -> None:
    time = np.arange(24_000) / 48_000
    assert audio.level_db(audio.resample(np.sin(2 * np.pi * 12_000 * time), 48_000)[500:-500]) < -60


def test_levels() -> None:
    assert audio.level_db(np.ones(100)) == pytest.approx(0.0)
    assert audio.level_db(tone(1.0)) == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.01)
    assert audio.level_db(np.zeros(10)) == audio.level_db(np.zeros(0)) == audio.SILENCE_DB
    assert audio.level_db(audio.set_level(tone(1.0), -33.0)) == pytest.approx(-33.0, abs=1e-4)
    silence = np.zeros(10)
    assert audio.set_level(silence, -20.0) is silence
