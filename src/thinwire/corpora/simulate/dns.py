"""DNS-Challenge folders: `clean/`, `noise/` and `impulse_responses/`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from thinwire import audio as audio_io
from thinwire.artifacts import write_json
from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.simulate.librispeech import alignment
from thinwire.corpora.simulate.measured import load_rooms
from thinwire.corpora.simulate.noise import load_noises
from thinwire.corpora.simulate.rooms import TALKERS
from thinwire.corpora.simulate.talkers import Talker, load_talkers
from thinwire.corpora.simulate.timing import Stream, Turn
from thinwire.params.corpora import Simulate
from thinwire.progress import track
from thinwire.seeding import rng as named_rng

CLIP_S = 10.0
RESPONSES_PER_ROOM = 4


def write_dns(settings: Simulate, seed: int, out: Path) -> None:
    """Write about `speech_s` seconds of clean speech, `noise_s` of noise, and room responses, in clips of 10 s.

    Clip names carry the talker (`..._reader_09001_...`) or the noise id, from which readers derive the split; talkers
    and noises come in an order in which every split appears among the first three.
    """
    size = settings.dns
    for folder in ("clean", "noise", "impulse_responses", "alignments"):
        (out / folder).mkdir(parents=True)
    talkers = load_talkers(settings.talkers, 1)
    clips = max(3, round(size.speech_s / CLIP_S))
    for number in track(range(clips), "simulate dns clean"):
        talker = talkers[number % len(talkers)]
        turns = monologue(talker, size.speech_s / clips, named_rng(seed, "dns", "clean", number))
        name = f"book_{number:05d}_chp_0001_reader_{int(talker.id):05d}_0_seg_1"
        samples = np.zeros(int(size.speech_s / clips * SAMPLE_RATE), dtype=np.float32)
        for turn in turns:
            start = round(turn.start * SAMPLE_RATE)
            piece = turn.utterance.audio[: len(samples) - start]
            samples[start : start + len(piece)] += piece
        audio_io.write(out / "clean" / f"{name}.wav", samples)
        write_json(out / "alignments" / f"{name}.json", alignment(turns))
    noises = load_noises(settings.noise)
    clips = max(3, round(size.noise_s / CLIP_S))
    for number in track(range(clips), "simulate dns noise"):
        noise = noises[number % len(noises)]
        rng = named_rng(seed, "dns", "noise", number)
        samples = noise.make(int(size.noise_s / clips * SAMPLE_RATE), rng)
        audio_io.write(out / "noise" / f"{noise.id}_{number // len(noises)}.wav", samples)
    rooms = {room.id: room for pool in load_rooms(settings.rooms).values() for room in pool}
    for identity, room in track(sorted(rooms.items()), "simulate dns rooms"):
        folder = out / "impulse_responses" / identity
        folder.mkdir()
        far = room.place(named_rng(seed, "dns", "room", identity), 1, 1, 1).far
        for index in range(min(RESPONSES_PER_ROOM, TALKERS)):
            response = far[index, 0] / np.abs(far[index, 0]).max() * 0.9
            audio_io.write(folder / f"{identity}_{index + 1:05d}.wav", response)


def monologue(talker: Talker, seconds: float, rng: np.random.Generator) -> list[Turn]:
    """Sentences of one talker with pauses of 0.2 to 0.6 s that fill `seconds`."""
    stream, turns, time = Stream(talker, rng), [], 0.1
    while (left := seconds - time) > 0.5:
        said = stream.fill(min(left, 5.0), 0.0)
        if said is None:
            break
        turns.append(Turn(0, time, said))
        time = turns[-1].end + rng.uniform(0.2, 0.6)
    return turns
