"""IEMOCAP's layout: five sessions of two actors, each turn a file, labels and transcripts by dialogue."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from thinwire import audio as audio_io
from thinwire.corpora.simulate.emotion import Actor, Cast
from thinwire.corpora.simulate.pools import Deck
from thinwire.corpora.simulate.sentences import Sentence, sentence
from thinwire.params.corpora import Simulate
from thinwire.progress import track
from thinwire.seeding import rng as named_rng

SPLITS = {1: "train", 2: "train", 3: "train", 4: "dev", 5: "eval"}
DIALOGUE_TURNS = 16
SENTENCES = (1, 2)
CODES = ("ang", "sad", "neu", "hap", "ang", "sad", "neu", "exc")
CLASSES = {"ang": "angry", "sad": "sad", "neu": "neutral", "hap": "happy", "exc": "happy"}
# Valence, activation and dominance of the original's scales; nothing reads them here.
SCALES = {"angry": (1.5, 4.0, 4.0), "sad": (2.0, 2.0, 2.0), "neutral": (2.5, 2.5, 2.5), "happy": (4.0, 3.5, 3.0)}
HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"


def write_iemocap(settings: Simulate, seed: int, out: Path) -> None:
    """Write `turns` of every session, two voices in turn, angry, sad, neutral and happy (`hap`, `exc`) equally often.

    The voices of sessions 1 to 3, 4 and 5 belong to the training, development and evaluation split everywhere.
    """
    cast = Cast()
    for session, split in track(SPLITS.items(), "simulate iemocap"):
        actors = {sex: cast.take(split, sex) for sex in "FM"}
        rng = named_rng(seed, "iemocap", session)
        # One deck an actor, so that neither is known for a class.
        decks = {sex: Deck(CODES, rng) for sex in "FM"}
        for number, first in enumerate(range(0, settings.iemocap.turns, DIALOGUE_TURNS)):
            count = min(DIALOGUE_TURNS, settings.iemocap.turns - first)
            dialogue = f"Ses{session:02d}{'FM'[number % 2]}_impro{number // 2 + 1:02d}"
            _write_dialogue(out / f"Session{session}", dialogue, count, actors, decks, rng)


def _write_dialogue(
    folder: Path,
    dialogue: str,
    count: int,
    actors: dict[str, Actor],
    decks: dict[str, Deck[str]],
    rng: np.random.Generator,
) -> None:
    wavs = folder / "sentences/wav" / dialogue
    wavs.mkdir(parents=True)
    labels, texts, time = [HEADER], [], 1.0
    for index in range(count):
        sex = "FM"[index % 2]
        (code,) = decks[sex].deal(1)
        said = actors[sex].act(_turn(rng), CLASSES[code], rng)
        name, end = f"{dialogue}_{sex}{index // 2:03d}", time + said.seconds
        audio_io.write(wavs / f"{name}.wav", said.audio)
        scales = ", ".join(f"{value:.4f}" for value in SCALES[CLASSES[code]])
        labels.append(f"[{time:.4f} - {end:.4f}]\t{name}\t{code}\t[{scales}]\n\n")
        texts.append(f"{name} [{time:08.4f}-{end:08.4f}]: {said.text}\n")
        time = end + float(rng.uniform(0.2, 0.8))
    for kind, lines in (("EmoEvaluation", labels), ("transcriptions", texts)):
        place = folder / "dialog" / kind
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{dialogue}.txt").write_text("".join(lines), "utf-8")


def _turn(rng: np.random.Generator) -> Sentence:
    """One or two sentences, so that turns last 2 to 6 s; the original's last 4.5 s on average."""
    said = [sentence(rng) for _ in range(int(rng.choice(SENTENCES)))]
    return Sentence(" ".join(one.text for one in said), tuple(word for one in said for word in one.words))
