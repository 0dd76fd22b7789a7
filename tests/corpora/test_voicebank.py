"""VoiceBank+DEMAND layout: pairs good and bad, SNRs, splits that do not leak, the simulated corpus, the real bank."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_factory import RATE, voice

from thinwire import audio
from thinwire.artifacts import atomic_path, split_of
from thinwire.corpora.simulate.voicebank import SNR_DB, mix, write_voicebank
from thinwire.corpora.voicebank import extract, find_pairs, survey
from thinwire.errors import CorpusError
from thinwire.params.corpora import Simulate
from thinwire.params.voicebank import VoicebankExtraction
from thinwire.segments import SegmentStore

TRAIN = next(f"p{n}" for n in range(226, 400) if split_of("talker", str(n)) == "train")
DEV = next(f"p{n}" for n in range(226, 400) if split_of("talker", str(n)) == "dev")
HIDDEN = next(f"p{n}" for n in range(226, 400) if split_of("talker", str(n)) == "eval")


def pair(root: Path, name: str, snr_db: float = 5.0, which: str = "_trainset_28spk_wav", rate: int = RATE) -> Path:
    """A pair of 4 s; returns the noisy file."""
    generator = np.random.default_rng(int(name[1:4]))
    speech = voice(generator, 4.0 * rate / RATE)
    noise = audio.set_level(generator.standard_normal(len(speech)), -26.0 - snr_db)
    for kind, samples in (("clean", speech), ("noisy", speech + noise)):
        (root / f"{kind}{which}").mkdir(parents=True, exist_ok=True)
        audio.write(root / f"{kind}{which}" / f"{name}.wav", samples, rate)
    return root / f"noisy{which}" / f"{name}.wav"


@pytest.fixture
def voicebank(tmp_path: Path) -> Path:
    root = tmp_path / "voicebank"
    for name in (f"{TRAIN}_001", f"{TRAIN}_002", f"{DEV}_001", f"{HIDDEN}_001"):
        pair(root, name)
    pair(root, f"{TRAIN}_003", 12.5, "_testset_wav")
    pair(root, "p232_001", 17.5, "_testset_wav")
    for folder, name in (("trainset_28spk_txt", f"{TRAIN}_001"), ("testset_txt", "p232_001")):
        (root / folder).mkdir()
        (root / folder / f"{name}.txt").write_text("Please call\nStella.\n")
    (root / "log_testset.txt").write_text("p232_001 bus 17.5\n\n")
    (root / "logfiles").mkdir()
    (root / "logfiles/log_trainset_28spk.txt").write_text(f"{TRAIN}_001.wav cafeteria 5\n")
    return root


def run(root: Path, **changes: Any) -> tuple[SegmentStore, dict[str, Any]]:
    out = root.parent / "segments"
    with atomic_path(out, directory=True) as temporary:
        extract(root, temporary, VoicebankExtraction(**changes), seed=2)
    return SegmentStore(out), json.loads((out / "report.json").read_text())


def test_pairs_their_snr_and_split(voicebank: Path) -> None:
    store, report = run(voicebank)
    table = store.table.set_index("segment_id")
    assert report["splits"] == {"train": 3, "dev": 1, "eval": 2} and report["skipped"] == {}
    assert set(table[table["split"] == "dev"]["speaker"]) == {DEV}
    assert set(table[table["split"] == "eval"]["session"]) == {f"{TRAIN}_003", "p232_001"}
    for _, row in table.iterrows():
        noisy, clean = store.read(row)
        nominal = {f"{TRAIN}_003": 12.5, "p232_001": 17.5}.get(row["session"], 5.0)
        assert row["snr_db"] == pytest.approx([nominal], abs=0.05)
        assert audio.level_db(clean) - audio.level_db(noisy[0] - clean) == pytest.approx(nominal, abs=0.6)
    assert (table.loc["p232_001_000"]["noise"], table.loc["p232_001_000"]["words"]) == ("bus", "Please call Stella.")
    assert table.loc[f"{TRAIN}_001_000"]["noise"] == "cafeteria" and table.loc[f"{DEV}_001_000"]["words"] == ""


def test_both_sides_are_cut_and_resampled_alike(voicebank: Path) -> None:
    pair(voicebank, "p257_001", 10.0, "_testset_wav", rate=48_000)
    store, _ = run(voicebank, segment_s=1.5)
    rows = store.table[store.table["session"] == "p257_001"]
    assert sorted(rows["start_s"]) == [0.0, 1.5]
    original = audio.resample(audio.read(voicebank / "clean_testset_wav/p257_001.wav", sample_rate=None)[0], 48_000)
    for _, row in rows.iterrows():
        noisy, clean = store.read(row)
        first = round(row["start_s"] * RATE)
        assert np.abs(clean - original[first : first + 24_000])[50:-50].max() < 1e-3
        assert np.corrcoef(noisy[0] - clean, clean)[0, 1] == pytest.approx(0.0, abs=0.1)


def test_folders_without_a_sets_name(tmp_path: Path) -> None:
    root = tmp_path / "pairs"
    for name in (f"{TRAIN}_001", f"{DEV}_001", "p232_005", "p257_007"):
        pair(root, name, which="")
    pairs = find_pairs(root).pairs
    assert [pairs[name].split for name in sorted(pairs)] == [
        {"p232": "eval", "p257": "eval", TRAIN: "train", DEV: "dev"}[name[:4]] for name in sorted(pairs)
    ]


def test_limit_and_order(voicebank: Path) -> None:
    store, report = run(voicebank, segment_s=2.0, clips=4)
    assert report["splits"] == {"train": 4, "dev": 2, "eval": 4}
    assert (store.table[store.table["split"] == "train"]["start_s"] == 0.0).sum() == 3
    assert list(run(voicebank, segment_s=2.0, clips=4)[0].table["segment_id"]) == list(store.table["segment_id"])


@pytest.mark.parametrize(
    ("how", "message", "reason"),
    [
        ("missing", "noisy_testset_wav/p232_001.wav: no such file", "bad_audio"),
        ("shorter", "64000 samples at 16000 Hz and 32000 samples at 16000 Hz", "bad_pair"),
        ("rate", "64000 samples at 16000 Hz and 64000 samples at 48000 Hz", "bad_pair"),
        ("equal", "equals the clean file", "bad_pair"),
        ("silent", "silent wherever it was read", "silent_file"),
        ("name", "speech.wav: the name is not a talker and a number", "bad_pair"),
        ("twice", "p232_001.wav: was there before", "bad_pair"),
        ("log", "line 3: expected name, noise, SNR, found 'p232_001 bus'", "bad_log"),
        ("text", "not UTF-8", "bad_transcript"),
    ],
)
def test_bad_pairs(voicebank: Path, how: str, message: str, reason: str) -> None:
    clean, noisy = (voicebank / f"{kind}_testset_wav/p232_001.wav" for kind in ("clean", "noisy"))
    samples = audio.read(noisy)
    match how:
        case "missing":
            noisy.unlink()
        case "shorter":
            audio.write(noisy, samples[:, :32_000])
        case "rate":
            audio.write(noisy, samples, 48_000)
        case "equal":
            noisy.write_bytes(clean.read_bytes())
        case "silent":
            audio.write(clean, 0 * samples)
        case "name":
            clean.with_name("speech.wav").write_bytes(clean.read_bytes())
        case "twice":
            pair(voicebank, "p232_001", which="_testset_wav_16k")
        case "log":
            (voicebank / "log_testset.txt").write_text("p232_001 bus 17.5\n\np232_001 bus\n")
        case "text":
            (voicebank / "testset_txt/p232_001.txt").write_bytes(b"\xff")
    with pytest.raises(CorpusError, match=message):
        run(voicebank)
    store, report = run(voicebank, on_bad_file="skip")
    assert report["skipped"] == {reason: 1}
    assert len(store.table) == (6 if how in ("name", "twice", "log") else 5)


def test_roots_that_are_none_and_survey(voicebank: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder"):
        find_pairs(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="no clean_trainset"):
        survey(tmp_path / "empty")
    found, missing = survey(voicebank)
    assert found == {
        "pairs": 6, "talkers": 4, "pairs train": 3, "pairs dev": 1, "pairs eval": 2, "with text": 2,
        "with known noise": 2,
    }  # fmt: skip
    assert missing == []
    (voicebank / f"noisy_trainset_28spk_wav/{DEV}_001.wav").unlink()
    assert survey(voicebank)[1] == [
        "no pair falls into dev; add talkers", "1 of 6 clean files have no noisy one"
    ]  # fmt: skip
    (voicebank / "noisy_testset_wav").rename(tmp_path / "away")
    with pytest.raises(CorpusError, match="noisy_testset_wav: no such folder beside clean_testset_wav"):
        survey(voicebank)


def test_simulated_corpus(tmp_path: Path) -> None:
    settings = Simulate(talkers={"count": 3}, voicebank={"utterances": 4})
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_voicebank(settings, 3, tmp_path / name)
    root = tmp_path / "one"
    files = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    assert all((root / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)
    store, report = run(root)
    table = store.table
    assert report["splits"] == {"train": 4, "dev": 4, "eval": 4}
    for _, row in table.iterrows():
        assert split_of("talker", row["speaker"][1:]) == split_of("noise", row["noise"]) == row["split"]
        nominal = SNR_DB["test" if row["split"] == "eval" else "train"]
        assert min(abs(row["snr_db"][0] - value) for value in nominal) < 0.1
        assert row["words"] and len(row["phones"]) > 5
    levels = [tuple(sorted(round(2 * snr[0]) / 2 for snr in rows)) for _, rows in table.groupby("speaker")["snr_db"]]
    assert set(levels) == set(SNR_DB.values())


@dataclass
class Flaky:
    """Noise whose first stretches are silent."""

    silent: int
    id: str = "flaky-1"
    kind: str = "flaky"
    made: list[int] = field(default_factory=list)

    def make(self, samples: int, rng: np.random.Generator) -> np.ndarray:
        self.made.append(samples)
        return (rng.standard_normal(samples) * (len(self.made) > self.silent)).astype(np.float32)


def test_silent_noise_is_drawn_again_and_loud_mixtures_are_scaled() -> None:
    speech = audio.set_level(voice(np.random.default_rng(1), 1.0), -12.0)
    noise = Flaky(3)
    clean, noisy = mix(speech, noise, 0.0, np.random.default_rng(2))
    assert len(noise.made) == 4
    assert np.abs(noisy).max() == pytest.approx(0.99) and np.abs(clean).max() < np.abs(speech).max()
    assert audio.level_db(clean) == pytest.approx(audio.level_db(noisy - clean), abs=0.01)
    with pytest.raises(CorpusError, match="flaky-1: 20 stretches"):
        mix(speech, Flaky(99), 0.0, np.random.default_rng(2))


def test_real_bank(real_data: Path, tmp_path: Path) -> None:
    extract(real_data / "noisy_pairs", tmp_path / "segments", VoicebankExtraction(), seed=0)
    table = SegmentStore(tmp_path / "segments").table
    first = table[table["start_s"] == 0.0]
    assert first["split"].value_counts().to_dict() == {"eval": 29, "train": 6}
    for _, row in first.iterrows():
        nominal = SNR_DB["test" if row["split"] == "eval" else "train"]
        above = min(value - row["snr_db"][0] for value in nominal if value > row["snr_db"][0])
        assert 0.3 < above < 2.3, row["session"]


def test_the_test_set_of_another_root_takes_the_place_of_the_own(voicebank: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for name in ("p257_009", f"{TRAIN}_009"):
        pair(other, name, 7.5, which="")
    (other / "testset_txt").mkdir()
    (other / "testset_txt" / "p257_009.txt").write_text("Ask her.\n")
    store, report = run(voicebank, test_root=str(other))
    table = store.table.set_index("session")
    assert report["splits"] == {"train": 3, "dev": 1, "eval": 1}
    assert table.loc["p257_009"]["split"] == "eval" and table.loc["p257_009"]["words"] == "Ask her."
    assert f"{TRAIN}_009" not in table.index
    with pytest.raises(CorpusError, match="nowhere: no such folder; correct the root in corpora.voicebank"):
        run(voicebank, test_root=str(tmp_path / "nowhere"))
