"""LJSpeech's layout: one voice, `wavs/<id>.wav` at 22.05 kHz, `metadata.csv`, and alignments beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from thinwire import audio as audio_io
from thinwire.artifacts import write_json
from thinwire.corpora.simulate.librispeech import alignment
from thinwire.corpora.simulate.sentences import Sentence, sentence
from thinwire.corpora.simulate.talkers import espeak_talkers
from thinwire.corpora.simulate.timing import Turn
from thinwire.params.corpora import Simulate
from thinwire.progress import track
from thinwire.seeding import rng as named_rng

WAV_RATE = 22_050
FIRST_CHAPTER = 901
PER_CHAPTER = 100
SENTENCES = (2, 3)


def write_ljspeech(settings: Simulate, seed: int, out: Path) -> None:
    """Write `utterances` recordings of one eSpeak voice, `metadata.csv`, and alignments; no text comes twice."""
    rng = named_rng(seed, "ljspeech")
    (talker,) = espeak_talkers(1)
    (out / "wavs").mkdir(parents=True)
    (out / "alignments").mkdir()
    lines: dict[str, str] = {}
    with track(range(settings.ljspeech.utterances), "simulate ljspeech") as numbers:
        for number in numbers:
            said = _passage(rng)
            while said.text in lines:
                said = _passage(rng)
            name = f"LJ{FIRST_CHAPTER + number // PER_CHAPTER:03d}-{number % PER_CHAPTER + 1:04d}"
            lines[said.text] = f"{name}|{said.text}|{said.text}\n"
            spoken = talker.speak(said)
            audio_io.write(
                out / "wavs" / f"{name}.wav",
                audio_io.resample(spoken.audio, audio_io.SAMPLE_RATE, WAV_RATE),
                WAV_RATE,
            )
            write_json(out / "alignments" / f"{name}.json", alignment([Turn(0, 0.0, spoken)]))
    (out / "metadata.csv").write_text("".join(lines.values()), "utf-8")


def _passage(rng: np.random.Generator) -> Sentence:
    """Two or three sentences, so that utterances last 4 to 10 s, as in the original."""
    said = [sentence(rng) for _ in range(int(rng.choice(SENTENCES)))]
    return Sentence(" ".join(part.text for part in said), tuple(word for part in said for word in part.words))
