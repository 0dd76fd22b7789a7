"""Speech Commands layout: words, lists good and bad, talkers in one split, digits by name, the simulator, the bank."""

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
from thinwire.corpora.simulate.speech_commands import write_speech_commands
from thinwire.corpora.speech_commands import extract, find_commands, survey
from thinwire.errors import CorpusError
from thinwire.params.corpora import Simulate
from thinwire.params.speech_commands import SpeechCommandsExtraction, SpeechCommandsSimulation
from thinwire.segments import SegmentStore

SIZE = {"words": ["yes", "stop"], "talkers": 12, "takes": 2, "background_s": 1.0}


def recording(root: Path, name: str, seconds: float = 1.0, rate: int = audio.SAMPLE_RATE) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(len(list(path.parent.iterdir())))
    audio.write(path, voice(generator, seconds * rate / audio.SAMPLE_RATE), rate)
    return path


def run(root: Path, **changes: Any) -> tuple[SegmentStore, dict[str, Any]]:
    out = root.parent / "segments"
    with atomic_path(out, directory=True) as temporary:
        extract(root, temporary, SpeechCommandsExtraction(**changes), seed=0)
    return SegmentStore(out), json.loads((out / "report.json").read_text())


def ids(store: SegmentStore) -> list[str]:
    return sorted(store.table["segment_id"])


@pytest.fixture
def sc(tmp_path: Path) -> Path:
    """Talkers aa and bb for training, cc in the validation list, dd in the testing list."""
    root = tmp_path / "sc"
    for word in ("yes", "no"):
        for name in ("aa_nohash_0", "aa_nohash_1", "bb_nohash_0", "cc_nohash_0", "dd_nohash_0"):
            recording(root, f"{word}/{name}.wav")
    recording(root, "_background_noise_/white.wav", 3.0)
    recording(root, "_background_noise_/ee_nohash_0.wav", 3.0)
    (root / "validation_list.txt").write_text("yes/cc_nohash_0.wav\nno/cc_nohash_0.wav\n\n")
    (root / "testing_list.txt").write_text("yes/dd_nohash_0.wav\nno/dd_nohash_0.wav\nup/dd_nohash_0.wav\n")
    return root


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("simulated") / "sc"
    root.mkdir()
    write_speech_commands(Simulate(speech_commands=SIZE), 3, root)
    return root


def test_words_are_classes_and_the_lists_are_the_splits(sc: Path) -> None:
    store, report = run(sc)
    table = store.table.set_index("segment_id")
    assert len(table) == 10 and table.index.is_unique and report["skipped"] == {}
    assert (table["label"] == table["words"]).all() and set(table["label"]) == {"yes", "no"}
    assert (table["session"] == table["speaker"]).all()
    assert table.groupby("speaker")["split"].unique().map(list).to_dict() == {
        "aa": ["train"], "bb": ["train"], "cc": ["dev"], "dd": ["eval"]
    }  # fmt: skip
    assert set(table["frames"]) == {16_000}
    noisy, clean = store.read(store.table.iloc[0])
    np.testing.assert_array_equal(noisy[0], clean)
    name = store.table["segment_id"].iloc[0].split("_", 1)
    np.testing.assert_array_equal(clean, audio.read(sc / name[0] / f"{name[1]}.wav")[0])


def test_a_limit_takes_from_all_talkers_first(sc: Path) -> None:
    assert [name for name in ids(run(sc, per_class=2, words=["yes"])[0])] == [
        "yes_aa_nohash_0", "yes_bb_nohash_0", "yes_cc_nohash_0", "yes_dd_nohash_0"
    ]  # fmt: skip
    assert run(sc, per_class=1)[1]["splits"] == {"dev": 2, "eval": 2, "train": 2}


def test_a_word_that_is_not_there(sc: Path) -> None:
    with pytest.raises(
        CorpusError, match="no recording of 'up', which corpora.speech_commands.words names; .* no, yes"
    ):
        run(sc, words=["yes", "up"])


def test_without_lists_talkers_are_split_by_a_hash(sc: Path) -> None:
    for path in sc.glob("*.txt"):
        path.unlink()
    table = run(sc)[0].table
    assert all(row["split"] == split_of("talker", row["speaker"]) for _, row in table.iterrows())
    assert any("talkers are split by a hash" in line for line in survey(sc)[1])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("yes/cc_nohash_0.wav", "testing_list.txt: line 4: yes/cc_nohash_0 stands in the other list too"),
        ("yes\\cc_nohash_0.wav", "testing_list.txt: line 4: .* is not a recording like"),
        ("../yes/cc_nohash_0.wav", "is not a recording like"),
        ("yes/aa_nohash_1.wav", "aa stands in eval and train: test items would be heard in training"),
    ],
)
def test_bad_lines_in_lists(sc: Path, line: str, message: str) -> None:
    with (sc / "testing_list.txt").open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(CorpusError, match=message):
        run(sc)
    store, report = run(sc, on_bad_file="skip")
    mixed = "aa stands" in message
    assert report["skipped"] == {"mixed_splits" if mixed else "bad_list": 1}
    assert len(store.table) == (6 if mixed else 10)
    assert store.table.groupby("speaker")["split"].nunique().max() == 1


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("low rate", "sample rate is 4000 Hz, at least 8000 Hz"),
        ("stereo", "has 2 channels"),
        ("text", "not a readable audio file"),
        ("silent", "silent wherever it was read"),
    ],
)
def test_bad_files(sc: Path, how: str, message: str) -> None:
    path = sc / "yes/bb_nohash_0.wav"
    samples = audio.read(path, sample_rate=None)
    match how:
        case "low rate":
            recording(sc, "yes/bb_nohash_0.wav", rate=4000)
        case "stereo":
            audio.write(path, np.repeat(samples, 2, axis=0))
        case "text":
            path.write_text("nothing")
        case "silent":
            audio.write(path, 0 * samples)
    with pytest.raises(CorpusError, match=message) as caught:
        run(sc)
    assert path.name in str(caught.value)
    store, report = run(sc, on_bad_file="skip")
    assert len(store.table) == 9 and sum(report["skipped"].values()) == 1


def test_lengths(sc: Path) -> None:
    recording(sc, "yes/aa_nohash_2.wav", 0.6)
    recording(sc, "yes/aa_nohash_3.wav", 0.05)
    recording(sc, "yes/aa_nohash_4.wav", 1.5)
    store, report = run(sc)
    table = store.table.set_index("segment_id")
    assert report["skipped"] == {"too_short": 1} and report["longer_than_segment"] == 1
    assert table["end_s"]["yes_aa_nohash_2"] == pytest.approx(0.6) and table["end_s"]["yes_aa_nohash_4"] == 1.0
    short = store.read(table.loc["yes_aa_nohash_2"])[1]
    assert np.abs(short[:9600]).max() > 0.01 and not short[9600:].any()
    assert set(run(sc, segment_s=5.0)[0].table["frames"]) == {80_000}


def test_digits_by_their_names(tmp_path: Path) -> None:
    root = tmp_path / "fsdd"
    tone = 0.1 * np.sin(2 * np.pi * 500 * np.arange(4000) / 8000)
    for name in ("0_theo_0", "9_theo_11", "7_lucas_3"):
        (root / "recordings").mkdir(parents=True, exist_ok=True)
        audio.write(root / "recordings" / f"{name}.wav", tone, 8000)
    recording(root, "recordings/readme_of_theo.wav")
    store, report = run(root)
    table = store.table.set_index("segment_id")
    assert dict(table["label"]) == {"zero_0_theo_0": "zero", "nine_9_theo_11": "nine", "seven_7_lucas_3": "seven"}
    assert set(table["speaker"]) == {"theo", "lucas"} and report["narrow_band"] == 3
    clean = store.read(table.loc["zero_0_theo_0"])[1]
    expected = 0.1 * np.sin(2 * np.pi * 500 * np.arange(8000) / 16_000)
    assert np.abs(clean[:8000] - expected)[200:-200].max() < 0.01


def test_roots_that_are_none(sc: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder; set corpora.speech_commands.root"):
        find_commands(sc / "elsewhere")
    with pytest.raises(CorpusError, match="no word/speaker_nohash_number.wav"):
        find_commands(sc / "_background_noise_")
    (sc / "testing_list.txt").write_bytes(b"yes/\xff\n")
    with pytest.raises(CorpusError, match="testing_list.txt: not UTF-8"):
        survey(sc)
    (sc / "testing_list.txt").unlink()
    with pytest.raises(CorpusError, match="testing_list.txt: no such file, but the other list is there"):
        survey(sc)


def test_survey(sc: Path) -> None:
    (sc / "validation_list.txt").write_text("nothing\n")
    found, missing = survey(sc)
    assert found == {
        "recordings": 10, "words": 2, "talkers": 4, "recordings train": 8, "recordings dev": 0, "recordings eval": 2
    }  # fmt: skip
    assert "no recording falls into dev; add recordings" in missing
    assert "1 of 3 recordings named in the lists" in missing
    assert any(line.startswith("1 bad lines in the lists") and "line 1" in line for line in missing)


def test_settings_are_checked() -> None:
    for words in (["yes"], ["yes", "../no"], ["yes", "No"]):
        with pytest.raises(ValidationError):
            SpeechCommandsSimulation(words=words)


def test_simulated_layout(simulated: Path) -> None:
    commands = find_commands(simulated)
    assert len(commands) == 2 * 12 * 2 and len({command.speaker for command in commands}) == 12
    assert all(len(command.speaker) == 8 and int(command.speaker, 16) for command in commands)
    audios = [audio.read(command.path, sample_rate=16_000)[0] for command in commands]
    assert {len(one) for one in audios} == {16_000}
    assert len({one.tobytes() for one in audios}) == len(audios)
    assert max(np.abs(one).max() for one in audios) < 0.99 and min(map(audio.level_db, audios)) > -60
    assert len(list((simulated / "_background_noise_").glob("*.wav"))) == 6
    assert all(split_of("noise", path.stem) == "train" for path in (simulated / "_background_noise_").iterdir())


def test_simulated_talkers_keep_their_split_of_other_corpora(simulated: Path) -> None:
    store, report = run(simulated)
    assert report["segments"] == 48 and report["skipped"] == {}
    assert report["splits"] == {"dev": 16, "eval": 16, "train": 16}
    assert all(row["split"] == split_of("talker", str(int(row["speaker"], 16))) for _, row in store.table.iterrows())


def test_simulation_is_determined_by_the_seed(simulated: Path, tmp_path: Path) -> None:
    for seed in (3, 4):
        (tmp_path / str(seed)).mkdir()
        write_speech_commands(Simulate(speech_commands=SIZE), seed, tmp_path / str(seed))
    files = sorted(path.relative_to(simulated) for path in simulated.rglob("*") if path.is_file())
    assert len(files) == 48 + 2 + 6
    assert all((simulated / name).read_bytes() == (tmp_path / "3" / name).read_bytes() for name in files)
    assert any((simulated / name).read_bytes() != (tmp_path / "4" / name).read_bytes() for name in files)


def test_real_digits(real_data: Path, tmp_path: Path) -> None:
    root = real_data / "commands/fsdd"
    settings = SpeechCommandsExtraction(per_class=6)
    extract(root, tmp_path / "segments", settings, seed=0)
    table = SegmentStore(tmp_path / "segments").table
    report = json.loads((tmp_path / "segments/report.json").read_text())
    assert table["label"].nunique() == 10 and set(table["split"]) == {"train", "dev", "eval"}
    assert table.groupby("speaker")["split"].nunique().max() == 1 and table["speaker"].nunique() == 6
    assert report["segments"] == report["narrow_band"] == 180 and report["skipped"] == {}
    assert survey(root)[0]["recordings"] == 600
