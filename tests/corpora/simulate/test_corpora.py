"""The simulated corpora: layout, determinism, splits, levels, timing."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import yaml

from thinwire.artifacts import split_of
from thinwire.cli.simulate import run
from thinwire.corpora.simulate import simulate
from thinwire.corpora.simulate.chime6 import casts, clock, session_ids
from thinwire.corpora.simulate.talkers import espeak_talkers, load_talkers
from thinwire.corpora.simulate.timing import Stream, Turn, converse, replay, shares, timing_files
from thinwire.errors import CorpusError, ParamError
from thinwire.params.chime6 import Chime6Simulation
from thinwire.params.corpora import Noise, Rooms, Simulate, Talkers, Timing
from thinwire.params.dns import DnsSimulation
from thinwire.params.librispeech import LibriSimulation

SMALL = Simulate(
    talkers=Talkers(count=12),
    rooms=Rooms(count=3),
    chime6=Chime6Simulation(sessions={"train": 2, "dev": 1, "eval": 1}, session_s=12.0),
    dns=DnsSimulation(speech_s=60.0, noise_s=60.0),
    librispeech=LibriSimulation(utterances=2),
)


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def chime6(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("chime6")
    simulate("chime6", SMALL, 7, out)
    return out


def test_chime6_has_the_layout_of_the_original(chime6: Path) -> None:
    for split, sessions in (("train", ("S03", "S04")), ("dev", ("S02",)), ("eval", ("S01",))):
        names = {path.name for path in (chime6 / "audio" / split).iterdir()}
        assert len(names) == 28 * len(sessions)
        for session in sessions:
            assert {f"{session}_U{a:02d}.CH{c}.wav" for a in range(1, 7) for c in range(1, 5)} <= names
            entries = json.loads((chime6 / "transcriptions" / split / f"{session}.json").read_text())
            speakers = {entry["speaker"] for entry in entries}
            assert all((chime6 / "audio" / split / f"{session}_{speaker}.wav").is_file() for speaker in speakers)
            wanted = {"session_id", "speaker", "start_time", "end_time", "words"}
            assert all(set(entry) == wanted | (set() if split == "train" else {"ref", "location"}) for entry in entries)
            starts = [entry["start_time"] for entry in entries]
            assert starts == sorted(starts) and all(e["start_time"] < e["end_time"] for e in entries)
    for path in chime6.rglob("*.wav"):
        info = sf.info(path)
        assert (info.samplerate, info.frames, info.subtype) == (16_000, 12 * 16_000, "PCM_16")
        assert info.channels == (2 if "_P" in path.name else 1)


def test_chime6_levels_are_sane_and_nothing_clips(chime6: Path) -> None:
    for path in sorted(chime6.rglob("*.wav")):
        audio, _ = sf.read(path)
        level = 10 * np.log10(np.mean(audio**2))
        assert -45.0 < level < -15.0, path.name
    for path in (chime6 / "scene").rglob("*.json"):
        scene = json.loads(path.read_text())
        channels = [channel for array in scene["arrays"] for channel in array["channels"]]
        assert scene["clipped_samples"] == 0 and len(channels) == 24
        assert len({channel["gain_db"] for channel in channels}) > 6
        assert -3.0 <= np.mean([a["channels"][0]["snr_db"] for a in scene["arrays"]]) <= 20.0


def test_chime6_alignments_lie_within_the_audio_and_in_turns(chime6: Path) -> None:
    for path in (chime6 / "alignments").rglob("*.json"):
        rows = json.loads(path.read_text())
        assert len(rows) > 30 and all(0.0 <= row["start"] <= row["end"] <= 12.0 for row in rows)
        entries = json.loads((chime6 / "transcriptions" / path.parent.name / path.name).read_text())
        turns = [(e["speaker"], float(e["start_time"][5:]), float(e["end_time"][5:])) for e in entries]
        for row in rows:
            assert any(s == row["speaker"] and a - 0.02 <= row["start"] and row["end"] <= b + 0.02 for s, a, b in turns)


def test_same_parameters_same_bytes_and_another_seed_others(chime6: Path, tmp_path: Path) -> None:
    for name, seed in (("again", 7), ("other", 8)):
        (tmp_path / name).mkdir()
        simulate("chime6", SMALL, seed, tmp_path / name)
    assert hashes(tmp_path / "again") == hashes(chime6)
    assert hashes(tmp_path / "other") != hashes(chime6)


def test_no_talker_room_or_noise_is_in_two_splits() -> None:
    for cast in casts(Simulate(), 3):
        assert len({talker.id for talker in cast.talkers}) == 4
        assert all(split_of("talker", talker.id) == cast.split for talker in cast.talkers)
        assert split_of("room", cast.room.id) == cast.split
        assert all(split_of("noise", noise.id) == cast.split for noise in cast.noises)


def test_speaker_labels_follow_talkers_over_sessions() -> None:
    label: dict[str, str] = {}
    for cast in casts(Simulate(), 3):
        for speaker, talker in zip(cast.speakers, cast.talkers, strict=True):
            assert label.setdefault(speaker, talker.id) == talker.id
    assert len(set(label.values())) == len(label)


def test_session_ids_never_meet() -> None:
    many = [
        identity
        for split in ("train", "dev", "eval")
        for identity, _ in zip(session_ids(split), range(40), strict=False)
    ]
    assert len(set(many)) == len(many) and {"S01", "S02", "S03"} <= set(many)
    assert clock(3725.678) == "1:02:05.68"


@pytest.mark.parametrize(("overlap", "silence"), [(0.15, 0.2), (0.3, 0.1), (0.0, 0.5)])
def test_generated_timing_has_the_shares_asked_for(overlap: float, silence: float) -> None:
    found = []
    for seed in range(2):
        streams = [Stream(t, np.random.default_rng([seed, k])) for k, t in enumerate(espeak_talkers(4))]
        turns = converse(streams, Timing(overlap=overlap, silence=silence), 60.0, np.random.default_rng(seed))
        measured = shares(turns, 60.0)
        found.append((measured.overlap, measured.silence))
        assert all(turn.start >= 0.0 and turn.end <= 60.0 + 1e-3 for turn in turns)
        assert_nobody_interrupts_himself(turns)
    assert np.mean(found, axis=0) == pytest.approx((overlap, silence), abs=0.08)


def assert_nobody_interrupts_himself(turns: list[Turn]) -> None:
    for talker in range(4):
        own = sorted((turn.start, turn.end) for turn in turns if turn.talker == talker)
        assert all(a[1] <= b[0] + 1e-3 for a, b in zip(own, own[1:], strict=False))


def test_timing_from_segment_files(tmp_path: Path) -> None:
    rows = [
        {
            "session_id": "S02",
            "start_time": f"{t:.3f}",
            "end_time": f"{t + 1.2:.3f}",
            "speaker": f"P0{5 + t % 4}",
            "words": "x",
        }
        for t in range(60)
    ] + [{"session_id": "S02", "start_time": "5.0", "end_time": "5.0", "speaker": "P05", "words": "x"}]
    (tmp_path / "S02.json").write_text(json.dumps(rows))
    streams = [Stream(t, np.random.default_rng(k)) for k, t in enumerate(espeak_talkers(4))]
    turns = replay(streams, timing_files(str(tmp_path), "dev"), 20.0, np.random.default_rng(0))
    assert {turn.talker for turn in turns} == {0, 1, 2, 3} and shares(turns, 20.0).silence < 0.25
    assert_nobody_interrupts_himself(turns)
    (tmp_path / "S03.json").write_text('[{"speaker": "P01"}]')
    with pytest.raises(CorpusError, match="S03.json"):
        replay(streams, [tmp_path / "S03.json"], 20.0, np.random.default_rng(0))
    with pytest.raises(CorpusError, match="simulate.timing.source"):
        timing_files(str(tmp_path / "none"), "dev")


def test_dns_folders(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        simulate("dns", SMALL, 7, tmp_path / name)
    out = tmp_path / "one"
    assert hashes(out) == hashes(tmp_path / "two")
    clean, noise = sorted((out / "clean").glob("*.wav")), sorted((out / "noise").glob("*.wav"))
    readers = {str(int(path.stem.split("_reader_")[1].split("_")[0])) for path in clean}
    assert readers <= {talker.id for talker in load_talkers(SMALL.talkers, 4)}
    assert {split_of("talker", reader) for reader in readers} == {"train", "dev", "eval"}
    assert {split_of("noise", path.stem.rsplit("_", 1)[0]) for path in noise} == {"train", "dev", "eval"}
    assert sum(sf.info(path).duration for path in clean) == pytest.approx(60.0, abs=0.1)
    assert all((out / "alignments" / f"{path.stem}.json").is_file() for path in clean)
    assert len(list((out / "impulse_responses").rglob("*.wav"))) == 12


@pytest.mark.parametrize("transcripts", [True, False])
def test_librispeech_layout(tmp_path: Path, transcripts: bool) -> None:
    settings = SMALL.model_copy(update={"librispeech": LibriSimulation(utterances=2, transcripts=transcripts)})
    simulate("librispeech", settings, 7, tmp_path)
    files = sorted(tmp_path.rglob("*.flac"))
    assert len(files) == 24
    for path in files:
        speaker, chapter, _ = path.stem.split("-")
        assert path.parent == tmp_path / speaker / chapter
        aligned = json.loads((tmp_path / "alignments" / f"{path.stem}.json").read_text())
        assert aligned["phones"][-1]["end"] <= sf.info(path).duration + 1e-3
        listing = path.parent / f"{speaker}-{chapter}.trans.txt"
        assert listing.is_file() == transcripts
        if transcripts:
            texts = dict(line.split(" ", 1) for line in listing.read_text().splitlines())
            assert texts[path.stem] == texts[path.stem].upper()
            assert len(texts[path.stem].split()) == len(aligned["words"])
    read_back = load_talkers(Talkers(source=str(tmp_path), count=12), 4)
    assert {t.id for t in read_back} == {t.id for t in espeak_talkers(12)} and {t.sex for t in read_back} == {"F", "M"}
    assert bool(read_back[0].say(np.random.default_rng(0)).words) == transcripts


def test_unknown_corpus(tmp_path: Path) -> None:
    with pytest.raises(ParamError, match="choose from"):
        simulate("ami", SMALL, 0, tmp_path)


def test_real_talkers_noise_rooms_and_timing(real_data: Path, tmp_path: Path) -> None:
    settings = SMALL.model_copy(
        update={
            "talkers": Talkers(source=str(real_data / "speech"), count=90),
            "noise": Noise(source=str(real_data / "noise")),
            "rooms": Rooms(source=str(real_data / "rir"), count=3),
            "timing": Timing(source=str(real_data / "chime6" / "falign")),
            "chime6": Chime6Simulation(sessions={"train": 1, "dev": 1, "eval": 1}, session_s=20.0),
        }
    )
    simulate("chime6", settings, 1, tmp_path)
    assert len(list((tmp_path / "audio").rglob("*.wav"))) == 3 * 28
    scenes = [json.loads(path.read_text()) for path in sorted((tmp_path / "scene").rglob("*.json"))]
    assert any(scene["room"]["source"] == "measured" for scene in scenes)
    assert all(scene["clipped_samples"] < 100 for scene in scenes)
    for path in (tmp_path / "audio").rglob("*_U*.wav"):
        assert -50.0 < 10 * np.log10(np.mean(sf.read(path)[0] ** 2) + 1e-12) < -15.0


@pytest.mark.parametrize("real", [False, True])
def test_command_writes_the_corpus_or_a_note(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real: bool
) -> None:
    values = yaml.safe_load((root / "params.yaml").read_text())
    values["simulate"]["librispeech"]["utterances"] = 1
    values["corpora"]["librispeech"]["root"] = str(tmp_path) if real else None
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    monkeypatch.chdir(tmp_path)
    assert run(argparse.Namespace(corpus="librispeech", out=None)) == 0
    out = tmp_path / "data" / "sim" / "librispeech"
    if real:
        assert [path.name for path in out.iterdir()] == ["README.txt"]
    else:
        assert (out / "SPEAKERS.TXT").is_file() and len(list(out.rglob("*.flac"))) == values["simulate"]["talkers"][
            "count"
        ]
