"""RAVDESS's layout: 24 actors, two statements, four of the eight emotions, normal and strong, what is said in names."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from thinwire import audio as audio_io
from thinwire.artifacts import split_of
from thinwire.corpora.simulate.emotion import Cast
from thinwire.corpora.simulate.sentences import Sentence, tokens
from thinwire.params.corpora import Simulate
from thinwire.progress import track
from thinwire.seeding import rng as named_rng

ACTORS = 24
EMOTIONS = {"01": "neutral", "03": "happy", "04": "sad", "05": "angry"}
INTENSITIES = {"01": 1.0, "02": 1.5}
STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}


def write_ravdess(settings: Simulate, seed: int, out: Path) -> None:
    """Write every statement `repetitions` times in every emotion and intensity (neutral: normal only) by 24 actors.

    Odd numbers are male, even ones female, as in the original; an actor's voice is of the split that its number has.
    """
    cast = Cast()
    for number in track(range(1, ACTORS + 1), "simulate ravdess"):
        folder = out / f"Actor_{number:02d}"
        folder.mkdir()
        actor = cast.take(split_of("actor", folder.name), "FM"[number % 2])
        rng = named_rng(seed, "ravdess", number)
        takes = [f"{take:02d}" for take in range(1, settings.ravdess.repetitions + 1)]
        for emotion, intensity, statement, take in product(EMOTIONS, INTENSITIES, STATEMENTS, takes):
            if emotion == "01" and intensity == "02":
                continue
            text = STATEMENTS[statement]
            said = actor.act(Sentence(text, tuple(tokens(text))), EMOTIONS[emotion], rng, INTENSITIES[intensity])
            name = "-".join(["03", "01", emotion, intensity, statement, take, f"{number:02d}"])
            audio_io.write(folder / f"{name}.wav", said.audio)
