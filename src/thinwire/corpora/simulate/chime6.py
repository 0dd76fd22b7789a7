"""CHiME-6 as its publishers lay it out: sessions of four talkers, worn binaural microphones and six arrays."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from thinwire.artifacts import write_json
from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.simulate.measured import load_rooms
from thinwire.corpora.simulate.mix import Mixer
from thinwire.corpora.simulate.noise import NoiseSource, load_noises
from thinwire.corpora.simulate.pools import SPLITS, Deck, by_split
from thinwire.corpora.simulate.rooms import TALKERS, Placement, Room
from thinwire.corpora.simulate.talkers import Talker, load_talkers, of_split
from thinwire.corpora.simulate.timing import Stream, Turn, converse, replay, shares, timing_files
from thinwire.params.chime6 import Chime6Simulation
from thinwire.params.corpora import Simulate
from thinwire.progress import track
from thinwire.seeding import rng as named_rng

FAR_DB, WORN_DB = -28.0, -25.0
LOCATIONS = ("kitchen", "dining", "living")
_OWN_NUMBERS = {
    "train": (3, 4, 5, 6, 7, 8, 12, 13, 16, 17, 18, 19, 20, 22, 23, 24),
    "dev": (2, 9),
    "eval": (1, 21),
}


@dataclass(frozen=True)
class Cast:
    """Who and what a session is made of; talkers with their `Pxx`."""

    session: str
    split: str
    speakers: tuple[str, ...]
    talkers: tuple[Talker, ...]
    room: Room
    noises: tuple[NoiseSource, ...]


@dataclass(frozen=True)
class Levels:
    """Gains of sources (sources,) and of microphones (microphones,), self-noise amplitudes, and resulting SNRs."""

    source_gain: np.ndarray
    microphone_gain: np.ndarray
    gain_db: np.ndarray
    self_noise: np.ndarray
    snr_db: np.ndarray
    speech_db: np.ndarray
    target_snr_db: float


def session_ids(split: str) -> Iterator[str]:
    """The corpus' own session numbers of a split, then numbers from 30 on that no other split uses."""
    extra = itertools.count(30 + SPLITS.index(split), len(SPLITS))
    return (f"S{number:02d}" for number in itertools.chain(_OWN_NUMBERS[split], extra))


def clock(seconds: float) -> str:
    """CHiME-6 time, `H:MM:SS.ss`."""
    hundredths = round(seconds * 100)
    return f"{hundredths // 360000}:{hundredths // 6000 % 60:02d}:{hundredths // 100 % 60:02d}.{hundredths % 100:02d}"


def casts(settings: Simulate, seed: int) -> list[Cast]:
    """Deal talkers, rooms and noises to sessions, each from the pools of the session's split."""
    talkers = load_talkers(settings.talkers, TALKERS)
    noises = load_noises(settings.noise)
    noise_by_id = {noise.id: noise for noise in noises}
    noise_pools = by_split("noise", noise_by_id)
    rooms = load_rooms(settings.rooms)
    speaker_of = {talker.id: f"P{int(talker.id):02d}" for talker in talkers}
    dealt = []
    for split, count in settings.chime6.sessions.items():
        rng = named_rng(seed, "chime6", split)
        people, places, sounds = (
            Deck(of_split(talkers, split), rng),
            Deck(rooms[split], rng),
            Deck(noise_pools[split], rng),
        )
        for session in itertools.islice(session_ids(split), count):
            chosen = tuple(sorted(people.deal(TALKERS), key=lambda talker: speaker_of[talker.id]))
            noise_ids = sounds.deal(2 + int(rng.integers(2)))
            dealt.append(
                Cast(
                    session,
                    split,
                    tuple(speaker_of[talker.id] for talker in chosen),
                    chosen,
                    places.deal(1)[0],
                    tuple(noise_by_id[identity] for identity in noise_ids),
                )
            )
    return dealt


def write_chime6(settings: Simulate, seed: int, out: Path) -> None:
    """Write all sessions under `out`, one at a time; the splits of the talkers, rooms and noises are the sessions'."""
    for cast in track(casts(settings, seed), "simulate chime6"):
        write_session(cast, settings, seed, out)


def write_session(cast: Cast, settings: Simulate, seed: int, out: Path) -> None:
    """Write one session: audio, transcription, phone alignment and scene."""
    size: Chime6Simulation = settings.chime6
    rng = named_rng(seed, "chime6", cast.session)
    samples = int(size.session_s * SAMPLE_RATE)
    streams = [Stream(talker, named_rng(seed, "chime6", cast.session, talker.id)) for talker in cast.talkers]
    if settings.timing.source == "generator":
        turns = converse(streams, settings.timing, size.session_s, rng)
    else:
        turns = replay(streams, timing_files(settings.timing.source, cast.split), size.session_s, rng)
    placement = cast.room.place(rng, len(cast.noises) - 1, size.arrays, size.channels_per_array)
    mixer = Mixer(_sources(cast, turns, samples, rng), _responses(placement))
    levels = _levels(mixer.powers(), turns, settings, rng)
    for kind in ("audio", "transcriptions", "alignments", "scene"):
        (out / kind / cast.split).mkdir(parents=True, exist_ok=True)
    clipped = _write_audio(out / "audio" / cast.split, cast, size, mixer, levels, rng)
    name = f"{cast.split}/{cast.session}.json"
    location = LOCATIONS[int(rng.integers(len(LOCATIONS)))]
    scene = _scene(cast, size, placement, levels, turns)
    scene |= {"location": location, "clipped_samples": clipped}
    write_json(out / "scene" / name, scene)
    write_json(out / "transcriptions" / name, _transcription(cast, turns, location, _references(placement, size)))
    write_json(out / "alignments" / name, _alignment(cast, turns))


def _sources(cast: Cast, turns: list[Turn], samples: int, rng: np.random.Generator) -> np.ndarray:
    """(talkers + noises, samples): dry speech with a loudness for each turn, then dry noises, the diffuse one last."""
    sources = np.zeros((TALKERS + len(cast.noises), samples), dtype=np.float32)
    for turn in turns:
        start = round(turn.start * SAMPLE_RATE)
        piece = turn.utterance.audio[: samples - start]
        sources[turn.talker, start : start + len(piece)] += piece * np.float32(10.0 ** (rng.uniform(-2.0, 2.0) / 20.0))
    for index, noise in enumerate(cast.noises):
        sources[TALKERS + index] = noise.make(samples, rng)
    return sources


def _responses(placement: Placement) -> np.ndarray:
    """(talkers + noises, microphones, taps), arrays before worn microphones, the diffuse field last."""
    points = np.concatenate([placement.far, placement.worn], axis=1)
    return np.concatenate([points, placement.diffuse[None]], axis=0)


def _levels(powers: np.ndarray, turns: list[Turn], settings: Simulate, rng: np.random.Generator) -> Levels:
    """Gains that give the drawn SNR (mean in dB over the arrays' CH1, while somebody speaks) and sane levels."""
    size: Chime6Simulation = settings.chime6
    far = size.arrays * size.channels_per_array
    first = np.arange(0, far, size.channels_per_array)
    busy = max(1.0 - shares(turns, size.session_s).silence, 1e-3)
    active = np.array([sum(turn.utterance.seconds for turn in turns if turn.talker == k) for k in range(TALKERS)])
    speech = powers[:TALKERS].sum(axis=0) / busy
    noise = powers[TALKERS:] / powers[TALKERS:, first].mean(axis=1, keepdims=True).clip(1e-20)
    relative = 10.0 ** (np.append(rng.uniform(-6.0, 0.0, len(noise) - 1), rng.uniform(-12.0, -3.0)) / 10.0)
    target = float(rng.uniform(*settings.noise.snr_db))
    total = relative @ noise
    now = float(np.mean(10.0 * np.log10((speech[first] / total[first]).clip(1e-20))))
    relative *= 10.0 ** ((now - target) / 10.0)
    noise_power = relative @ noise
    source_gain = np.ones(len(powers))
    source_gain[TALKERS:] = np.sqrt(relative / powers[TALKERS:, first].mean(axis=1).clip(1e-20))

    gain_db = np.zeros(powers.shape[1])
    low, high = size.gain_db
    per_array = np.repeat(rng.uniform(low, high, size.arrays), size.channels_per_array)
    gain_db[:far] = np.clip(per_array + rng.uniform(-1.0, 1.0, far), low, high)
    gain_db[far:] = rng.uniform(-1.0, 1.0, powers.shape[1] - far)
    gain = np.zeros(powers.shape[1])
    gain[:far] = FAR_DB - float(np.mean(10.0 * np.log10(speech[first].clip(1e-20)))) + (high + low) / -2.0
    for talker in range(TALKERS):
        pair = slice(far + 2 * talker, far + 2 * talker + 2)
        own = powers[talker, pair].mean() * size.session_s / max(active[talker], 1e-3)
        quiet = active[talker] == 0.0
        gain[pair] = gain[0] if quiet else WORN_DB - 10.0 * np.log10(max(own, 1e-20))
    amplitude = 10.0 ** ((gain + gain_db) / 20.0)
    # The same six devices stand in every session, U01 the best and the last the worst: cheap hardware stays cheap.
    graded = np.linspace(*size.self_noise_db, size.arrays) + rng.uniform(-2.0, 2.0, size.arrays)
    hiss_db = np.concatenate(
        [
            np.repeat(graded, size.channels_per_array),
            np.full(powers.shape[1] - far, size.self_noise_db[0]),
        ]
    )
    hiss = 10.0 ** (hiss_db / 20.0)
    heard = speech * amplitude**2
    snr = 10.0 * np.log10((heard / (noise_power * amplitude**2 + hiss**2)).clip(1e-20))
    return Levels(source_gain, amplitude, gain_db, hiss, snr, 10.0 * np.log10(heard.clip(1e-20)), target)


def _write_audio(
    folder: Path, cast: Cast, size: Chime6Simulation, mixer: Mixer, levels: Levels, rng: np.random.Generator
) -> int:
    """Write arrays as mono and worn microphones as stereo 16 bit WAV; returns how many samples were clipped."""
    files = [
        (f"{cast.session}_U{array + 1:02d}.CH{channel + 1}.wav", 1)
        for array in range(size.arrays)
        for channel in range(size.channels_per_array)
    ] + [(f"{cast.session}_{speaker}.wav", 2) for speaker in cast.speakers]
    clipped = 0
    with contextlib.ExitStack() as stack:
        writers = [
            stack.enter_context(sf.SoundFile(folder / name, "w", SAMPLE_RATE, width, "PCM_16")) for name, width in files
        ]
        for block in mixer.blocks(levels.source_gain):
            audio = block.audio * levels.microphone_gain[:, None].astype(np.float32)
            audio += rng.standard_normal(audio.shape, dtype=np.float32) * levels.self_noise[:, None].astype(np.float32)
            clipped += int(np.count_nonzero(np.abs(audio) >= 1.0))
            np.clip(audio, -1.0, 1.0 - 2.0**-15, out=audio)
            first = 0
            for writer, (_, width) in zip(writers, files, strict=True):
                writer.write(audio[first : first + width].T)
                first += width
    return clipped


def _references(placement: Placement, size: Chime6Simulation) -> list[str]:
    """For each talker the array whose CH1 hears him loudest."""
    energy = np.sum(np.square(placement.far[:TALKERS, :: size.channels_per_array]), axis=-1)
    return [f"U{int(array) + 1:02d}" for array in energy.argmax(axis=1)]


def _transcription(cast: Cast, turns: list[Turn], location: str, references: list[str]) -> list[dict[str, str]]:
    """CHiME-6 entries by start time; `ref` and `location` outside the training set, as in the original."""
    entries = []
    for turn in sorted(turns, key=lambda turn: (turn.start, turn.talker)):
        entry = {
            "session_id": cast.session,
            "speaker": cast.speakers[turn.talker],
            "start_time": clock(turn.start),
            "end_time": clock(turn.end),
            "words": turn.utterance.text,
        }
        if cast.split != "train":
            entry |= {"ref": references[turn.talker], "location": location}
        entries.append(entry)
    return entries


def _alignment(cast: Cast, turns: list[Turn]) -> list[dict[str, Any]]:
    """Phones in seconds on the session's time line; a talker without exact alignments has none."""
    rows = [
        {
            "speaker": cast.speakers[turn.talker],
            "start": round(turn.start + phone.start, 4),
            "end": round(turn.start + phone.end, 4),
            "phone": phone.label,
        }
        for turn in turns
        for phone in turn.utterance.phones
    ]
    return sorted(rows, key=lambda row: (row["start"], row["speaker"]))


def _scene(
    cast: Cast, size: Chime6Simulation, placement: Placement, levels: Levels, turns: list[Turn]
) -> dict[str, Any]:
    """All that a drawing of the room or an evaluation by scene needs."""
    geometry = placement.geometry
    far = size.arrays * size.channels_per_array

    def microphone(index: int) -> dict[str, Any]:
        return {
            "gain_db": round(float(levels.gain_db[index]), 2),
            "self_noise_db": round(float(20.0 * np.log10(levels.self_noise[index])), 2),
            "snr_db": round(float(levels.snr_db[index]), 2),
            "speech_db": round(float(levels.speech_db[index]), 2),
        }

    arrays = []
    for array in range(size.arrays):
        first = array * size.channels_per_array
        channels = [{"channel": f"CH{c + 1}"} | microphone(first + c) for c in range(size.channels_per_array)]
        if geometry["arrays_m"] is not None:
            for c, channel in enumerate(channels):
                channel["position_m"] = np.round(geometry["arrays_m"][array, c], 3)
        else:
            for c, channel in enumerate(channels):
                channel["measured_microphone"] = int(geometry["array_microphones"][array, c])
        arrays.append({"array": f"U{array + 1:02d}", "channels": channels})
    people = []
    for index, (speaker, talker) in enumerate(zip(cast.speakers, cast.talkers, strict=True)):
        pair = [microphone(far + 2 * index + ear) for ear in range(2)]
        place = {key: np.round(value, 3) for key, value in geometry["talkers"][index].items()}
        people.append(
            {"speaker": speaker, "talker": talker.id, "sex": talker.sex, "voice": talker.description, "worn": pair}
            | place
        )
    points = geometry["noises_m"]
    noises: list[dict[str, Any]] = [
        {"noise": noise.id, "kind": noise.kind, "diffuse": index == len(cast.noises) - 1}
        for index, noise in enumerate(cast.noises)
    ]
    for index, noise_row in enumerate(noises):
        placed = points is not None and not noise_row["diffuse"]
        noise_row["position_m"] = np.round(points[index], 3) if placed else None
    measured = shares(turns, size.session_s)
    return {
        "session": cast.session,
        "split": cast.split,
        "room": geometry["room"],
        "talkers": people,
        "arrays": arrays,
        "noises": noises,
        "snr_db": round(levels.target_snr_db, 2),
        "silence": round(measured.silence, 4),
        "overlap": round(measured.overlap, 4),
        "session_s": size.session_s,
    }
