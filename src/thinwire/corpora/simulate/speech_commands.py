"""Speech Commands' layout: a folder of 1 s recordings a word, the lists of the splits, and `_background_noise_`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from thinwire import audio as audio_io
from thinwire.artifacts import split_of
from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.simulate.noise import NoiseSource, load_noises
from thinwire.corpora.simulate.pools import SPLITS
from thinwire.corpora.simulate.sentences import Sentence
from thinwire.corpora.simulate.talkers import LEVEL_DB, EspeakTalker, espeak_talkers
from thinwire.params.corpora import Simulate
from thinwire.progress import track
from thinwire.seeding import rng as named_rng

LISTS = {"dev": "validation_list.txt", "eval": "testing_list.txt"}
BACKGROUND_FILES = 6
SPEECH_DB = (-38.0, -22.0)
PITCH_STEPS = 12
PACE = (0.8, 1.25)


def write_speech_commands(settings: Simulate, seed: int, out: Path) -> None:
    """Write `takes` recordings of each word by each of `talkers` eSpeak voices, in noise, and the lists of the splits.

    A talker is in the split that he has in every simulated corpus, and is heard in noise of that split;
    `_background_noise_` holds noise for training only. Raises ParamError or CorpusError
    for a bad `simulate.noise`.
    """
    size = settings.speech_commands
    noises = load_noises(settings.noise)
    pools = {split: [noise for noise in noises if split_of("noise", noise.id) == split] for split in SPLITS}
    listed: dict[str, list[str]] = {split: [] for split in SPLITS}
    for word in size.words:
        (out / word).mkdir(parents=True)
    for talker in track(espeak_talkers(size.talkers), "simulate speech_commands"):
        split = split_of("talker", talker.id)
        for word in size.words:
            for take in range(size.takes):
                rng = named_rng(seed, "speech_commands", talker.id, word, take)
                name = f"{word}/{int(talker.id):08x}_nohash_{take}.wav"
                audio_io.write(out / name, _recording(talker, word, pools[split], size.snr_db, rng))
                listed[split].append(name)
    for split, name in LISTS.items():
        (out / name).write_text("".join(f"{line}\n" for line in sorted(listed[split])), "utf-8")
    _write_background(pools["train"], size.background_s, seed, out / "_background_noise_")


def _recording(
    talker: EspeakTalker,
    word: str,
    noises: Sequence[NoiseSource],
    snr_db: tuple[float, float],
    rng: np.random.Generator,
) -> np.ndarray:
    """(16000,) a word at some place of 1 s; pitch, pace, level, noise and SNR (of the word itself) are drawn."""
    voice = replace(
        talker.voice,
        pitch=talker.voice.pitch + int(rng.integers(-PITCH_STEPS, PITCH_STEPS + 1)),
        rate=round(talker.voice.rate * rng.uniform(*PACE)),
    )
    said = replace(talker, voice=voice).speak(Sentence(word, (word,))).audio[:SAMPLE_RATE]
    start = int(rng.integers(SAMPLE_RATE - len(said) + 1))
    noise = noises[int(rng.integers(len(noises)))].make(SAMPLE_RATE, rng)
    mix = 10.0 ** (-rng.uniform(*snr_db) / 20.0) * noise
    mix[start : start + len(said)] += said
    return mix * 10.0 ** ((rng.uniform(*SPEECH_DB) - LEVEL_DB) / 20.0)


def _write_background(noises: Sequence[NoiseSource], seconds: float, seed: int, folder: Path) -> None:
    """One noise of each of the first kinds."""
    folder.mkdir()
    kinds: dict[str, NoiseSource] = {}
    for noise in noises:
        kinds.setdefault(noise.kind, noise)
    for noise in islice(kinds.values(), BACKGROUND_FILES):
        samples = noise.make(round(seconds * SAMPLE_RATE), named_rng(seed, "speech_commands", noise.id))
        audio_io.write(folder / f"{noise.id}.wav", samples)
