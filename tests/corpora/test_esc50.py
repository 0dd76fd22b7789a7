"""ESC-50 layout: the table good and bad, folds as splits, class folders, the simulator and its sounds, the bank."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from corpus_factory import voice
from librosa.feature import melspectrogram
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from thinwire import audio
from thinwire.artifacts import atomic_path
from thinwire.corpora.esc50 import extract, find_sounds, survey
from thinwire.corpora.simulate.esc50 import CATEGORIES, ESC10, write_esc50
from thinwire.corpora.simulate.noise import GENERATORS
from thinwire.corpora.simulate.sounds import SOUNDS
from thinwire.errors import CorpusError
from thinwire.params.corpora import Simulate
from thinwire.params.esc50 import Esc50Extraction, Esc50Simulation
from thinwire.params.parts import Corpora
from thinwire.seeding import rng
from thinwire.segments import SegmentStore

RATE = 44_100
HEADER = "filename,fold,target,category,esc10,src_file,take\n"
KINDS = 6
PER_FOLD = 4
BANDS = np.geomspace(200, 39_000, 30).astype(int)


def recording(path: Path, seconds: float = 1.0, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(len(list(path.parent.iterdir())))
    audio.write(path, voice(generator, seconds * rate / audio.SAMPLE_RATE), rate)
    return path


def run(root: Path, **changes: Any) -> tuple[SegmentStore, dict[str, Any]]:
    out = root.parent / "segments"
    with atomic_path(out, directory=True) as temporary:
        extract(root, temporary, Esc50Extraction(**{"segment_s": 1.0} | changes), seed=0)
    return SegmentStore(out), json.loads((out / "report.json").read_text())


def row(name: str, category: str) -> str:
    fold, clip, take, target = name.split("-")
    return f"{name}.wav,{fold},{target},{category},False,{clip},{take}\n"


@pytest.fixture
def esc(tmp_path: Path) -> Path:
    """Two classes, in each fold one recording of a class, in fold 1 a second take of it."""
    root = tmp_path / "esc"
    lines = [HEADER]
    for target, category in ((0, "dog"), (40, "helicopter")):
        for fold in range(1, 6):
            for take in ("A", "B") if fold == 1 else ("A",):
                name = f"{fold}-{1000 * fold + target}-{take}-{target}"
                recording(root / "audio" / f"{name}.wav")
                lines.append(row(name, category))
    (root / "meta").mkdir()
    (root / "meta/esc50.csv").write_text("".join(lines))
    return root


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("simulated") / "esc"
    root.mkdir()
    write_esc50(Simulate(esc50={"kinds": KINDS, "per_fold": PER_FOLD}), 3, root)
    return root


def test_folds_are_the_splits(esc: Path) -> None:
    store, report = run(esc)
    table = store.table
    assert len(table) == 12 and table["segment_id"].is_unique and report["skipped"] == {}
    assert set(table["label"]) == {"dog", "helicopter"} and set(table["words"]) == {""}
    assert report["splits"] == {"dev": 2, "eval": 2, "train": 8}
    assert set(table[table["split"] == "eval"]["session"]) == {"5000", "5040"}
    other = run(esc, dev_fold=1, eval_fold=2)[0].table
    assert set(other[other["split"] == "dev"]["session"]) == {"1000", "1040"}
    assert set(other[other["split"] == "eval"]["session"]) == {"2000", "2040"}


def test_a_limit_takes_from_all_recordings_first(esc: Path) -> None:
    table = run(esc, per_class=3)[0].table
    train = table[(table["split"] == "train") & (table["label"] == "dog")]
    assert sorted(train["session"]) == ["1000", "2000", "3000"]


def test_brought_to_16_khz(esc: Path) -> None:
    tone = 0.1 * np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE)
    audio.write(esc / "audio/1-1000-A-0.wav", tone, RATE)
    store, _ = run(esc)
    noisy, clean = store.read(store.table.set_index("segment_id").loc["dog_1-1000-A-0"])
    expected = 0.1 * np.sin(2 * np.pi * 500 * np.arange(16_000) / audio.SAMPLE_RATE)
    assert np.abs(clean - expected)[100:-100].max() < 0.01
    np.testing.assert_array_equal(noisy[0], clean)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("../../etc/passwd,1,0,dog,False,1,A", "line 14: '../../etc/passwd' is not a clip like 1-100032-A-0.wav"),
        ("/1-1-A-0.wav,1,0,dog,False,1,A", "is not a clip"),
        ("1-1-A-0.mp3,1,0,dog,False,1,A", "is not a clip"),
        ("6-1-A-0.wav,6,0,dog,False,1,A", "is not a clip"),
        ("1-1-A-0.wav,2,0,dog,False,1,A", "1-1-A-0.wav stands in fold '2', its name says 1"),
        ("1-1-A-0.wav,1,0,,False,1,A", "1-1-A-0.wav has no category"),
        ("1-1-A-0.wav", "stands in fold ''"),
        ("1-1000-A-0.wav,1,0,dog,False,1000,A", "1-1000-A-0.wav was there before"),
        ("1-1-A-0.wav,1,0,dog,False,1,A", "1-1-A-0.wav: no such file"),
        ("5-1000-C-0.wav,5,0,dog,False,1000,C", "1000 stands in eval and train: test items would be heard"),
    ],
)
def test_bad_rows(esc: Path, line: str, message: str) -> None:
    with (esc / "meta/esc50.csv").open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(CorpusError, match=message):
        run(esc)
    store, report = run(esc, on_bad_file="skip")
    assert sum(report["skipped"].values()) == 1
    assert len(store.table) == (10 if "1000 stands" in message else 12)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("low rate", "sample rate is 8000 Hz, at least 16000 Hz"),
        ("stereo", "has 2 channels"),
        ("truncated", "truncated"),
        ("silent", "silent wherever it was read"),
    ],
)
def test_bad_files(esc: Path, how: str, message: str) -> None:
    path = esc / "audio/2-2000-A-0.wav"
    samples = audio.read(path, sample_rate=None)
    match how:
        case "low rate":
            recording(path, rate=8000)
        case "stereo":
            audio.write(path, np.repeat(samples, 2, axis=0), RATE)
        case "truncated":
            path.write_bytes(path.read_bytes()[:3000])
        case "silent":
            audio.write(path, 0 * samples, RATE)
    with pytest.raises(CorpusError, match=message) as caught:
        run(esc)
    assert path.name in str(caught.value)
    store, report = run(esc, on_bad_file="skip")
    assert len(store.table) == 11 and sum(report["skipped"].values()) == 1


def test_class_folders_without_a_table(tmp_path: Path) -> None:
    root = tmp_path / "esc10"
    for fold in (1, 4, 5):
        recording(root / "rain" / f"{fold}-{fold}7-A.flac", 1.2, 16_000)
    recording(root / "1-9-A.wav")
    recording(root / "rain/notes.wav")
    store, report = run(root)
    assert set(store.table["label"]) == {"rain"} and report["splits"] == {"dev": 1, "eval": 1, "train": 1}
    assert report["longer_than_segment"] == 3
    assert survey(root)[1] == [f"no clip stands in fold {fold}; complete the corpus" for fold in (2, 3)]


def test_roots_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder; set corpora.esc50.root"):
        find_sounds(tmp_path / "elsewhere")
    with pytest.raises(CorpusError, match="no meta/esc50.csv and no class/fold-clip-take.wav"):
        find_sounds(tmp_path)
    table = tmp_path / "meta/esc50.csv"
    table.parent.mkdir()
    table.write_text(HEADER)
    with pytest.raises(CorpusError, match="complete the corpus"):
        survey(tmp_path)
    table.write_text(HEADER.replace("fold,", ""))
    with pytest.raises(CorpusError, match="esc50.csv: no column fold in its first line"):
        find_sounds(tmp_path)
    table.write_bytes(HEADER.encode() + b"\xff\n")
    with pytest.raises(CorpusError, match="not UTF-8"):
        find_sounds(tmp_path)


def test_survey(esc: Path) -> None:
    (esc / "audio/3-3000-A-0.wav").unlink()
    with (esc / "meta/esc50.csv").open("a") as stream:
        stream.write("nothing\n")
    found, missing = survey(esc)
    assert found == {"clips": 11, "classes": 2} | {
        f"clips in fold {fold}": count for fold, count in zip(range(1, 6), (4, 2, 1, 2, 2), strict=True)
    }
    assert "1 of 12 clips of meta/esc50.csv in audio/" in missing
    assert any(line.startswith("1 bad rows in meta/esc50.csv") and "line 14" in line for line in missing)


def test_two_folds_must_differ() -> None:
    with pytest.raises(ValueError, match="esc50.dev_fold: is fold 5, as eval_fold"):
        Corpora(esc50={"dev_fold": 5})


def test_every_sound_has_its_name_of_the_original() -> None:
    assert len(CATEGORIES) == len(set(CATEGORIES)) == 50 and set(CATEGORIES) >= ESC10 and len(ESC10) == 10
    assert set(SOUNDS) <= set(CATEGORIES) and len(SOUNDS) >= 10
    assert [CATEGORIES.index(name) for name in ("dog", "rain", "crying_baby", "door_wood_knock", "helicopter")] == [
        0, 10, 20, 30, 40
    ]  # fmt: skip
    assert Esc50Simulation(kinds=len(SOUNDS)).kinds == len(SOUNDS)
    with pytest.raises(ValueError):
        Esc50Simulation(kinds=len(SOUNDS) + 1)


def spectrum(name: str, thing: int, take: int) -> np.ndarray:
    """Long-term spectrum of 5 s in 30 bands, dB."""
    sound = SOUNDS[name](rng(0, thing), rng(1, thing, take), 5 * audio.SAMPLE_RATE)
    assert sound.shape == (80_000,) and np.isfinite(sound).all() and sound.std() > 0
    power = np.square(np.abs(np.fft.rfft(sound / sound.std())))
    return 10 * np.log10(np.add.reduceat(power, BANDS) + 1.0)


@pytest.mark.parametrize("name", SOUNDS)
def test_sounds_vary_from_take_to_take(name: str) -> None:
    np.testing.assert_array_equal(spectrum(name, 0, 0), spectrum(name, 0, 0))
    assert np.abs(spectrum(name, 0, 0) - spectrum(name, 0, 1)).max() > 0.1


@pytest.mark.parametrize("name", [name for name, maker in SOUNDS.items() if maker not in GENERATORS.values()])
def test_things_differ_more_than_takes(name: str) -> None:
    """A thing keeps its long-term spectrum from take to take, as recordings of one source do."""
    first, second = (np.stack([spectrum(name, thing, take) for thing in range(6)]) for take in range(2))
    same = np.abs(first - second).mean()
    other = np.mean([np.abs(first[i] - second[j]).mean() for i in range(6) for j in range(6) if i != j])
    assert same < other


def test_simulated_layout(simulated: Path) -> None:
    table = pd.read_csv(simulated / "meta/esc50.csv")
    assert list(table.columns) == HEADER.strip().split(",") and len(table) == KINDS * 5 * PER_FOLD
    assert sorted(table["filename"]) == sorted(path.name for path in (simulated / "audio").iterdir())
    assert (table["category"] == table["target"].map(lambda target: CATEGORIES[target])).all()
    assert (table["esc10"] == table["category"].isin(ESC10)).all()
    assert (table.groupby("src_file")["fold"].nunique() == 1).all() and set(table["take"]) == {"A", "B"}
    assert table.groupby(["category", "fold"]).size().eq(PER_FOLD).all()
    for name in table["filename"]:
        info = audio.probe(simulated / "audio" / name)
        assert (info.sample_rate, info.channels, info.frames) == (RATE, 1, 5 * RATE)


def test_simulated_classes_can_be_told_apart_but_not_trivially(simulated: Path) -> None:
    """A linear classifier of mean and spread of 20 mel bands: far above chance (1/6), below perfect."""
    store, report = run(simulated, segment_s=5.0)
    assert report["skipped"] == {} and report["splits"] == {"dev": 24, "eval": 24, "train": 72}

    def features(split: str) -> tuple[np.ndarray, np.ndarray]:
        loaded = store.load(split)
        mel = np.log(melspectrogram(y=loaded.clean, sr=audio.SAMPLE_RATE, n_fft=512, hop_length=160, n_mels=20) + 1e-7)
        return np.concatenate([mel.mean(axis=-1), mel.std(axis=-1)], axis=-1), loaded.table["label"].to_numpy()

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(*features("train"))
    accuracy = np.mean([model.score(*features(split)) for split in ("dev", "eval")])
    assert 0.3 < accuracy < 1.0


def test_simulation_is_determined_by_the_seed(simulated: Path, tmp_path: Path) -> None:
    for seed in (3, 4):
        (tmp_path / str(seed)).mkdir()
        write_esc50(Simulate(esc50={"kinds": 2, "per_fold": PER_FOLD}), seed, tmp_path / str(seed))
    names = [path.name for path in (tmp_path / "3/audio").iterdir()]
    assert len(names) == 2 * 5 * PER_FOLD
    again, other = tmp_path / "3/audio", tmp_path / "4/audio"
    assert all((again / name).read_bytes() == (simulated / "audio" / name).read_bytes() for name in names)
    assert all((again / name).read_bytes() != (other / name).read_bytes() for name in names)


def test_real_esc10(real_data: Path, tmp_path: Path) -> None:
    root = real_data / "noise/esc10"
    extract(root, tmp_path / "segments", Esc50Extraction(eval_fold=2), seed=0)
    table = SegmentStore(tmp_path / "segments").table
    report = json.loads((tmp_path / "segments/report.json").read_text())
    assert len(table) == 120 and table["label"].nunique() == 10 and report["skipped"] == {}
    assert report["splits"] == {"dev": 17, "eval": 28, "train": 75}
    assert set(table["frames"]) == {80_000}
