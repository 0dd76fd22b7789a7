"""Acted emotion by prosody: eSpeak voices whose rate, pitch, pitch range, level and spectral tilt follow a class.

The directions are those that studies of vocal emotion agree on: anger is loud, fast and bright, happiness high, lively
and fast, sadness slow, low, flat, soft and dull. Their sizes are chosen so that the cues of the classes overlap: a
talker has an own mean and own strength of every cue, and every utterance varies, so that no cue alone tells the class
and all of them together do not always.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import butter, lfilter

from thinwire import audio as audio_io
from thinwire.artifacts import split_of
from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.simulate.sentences import Sentence
from thinwire.corpora.simulate.talkers import LEVEL_DB, EspeakTalker, Utterance, espeak_talkers
from thinwire.errors import ParamError
from thinwire.seeding import rng as named_rng

VOICES = 96
TILT_HZ = 1500.0
PEAK = 0.99
CUES = ("rate", "pitch", "range", "level", "tilt")
# log of the rate's ratio; eSpeak's pitch and range, 0 to 100; level in dB; dB above TILT_HZ.
SHIFTS = {
    "neutral": (0.0, 0.0, -6.0, 0.0, 0.0),
    "happy": (0.10, 13.0, 16.0, 2.0, 1.5),
    "sad": (-0.15, -8.0, -14.0, -3.5, -3.0),
    "angry": (0.12, 4.0, 6.0, 5.0, 4.0),
}
UTTERANCE_SD = (0.07, 6.0, 8.0, 2.0, 1.3)
TALKER_SD = (0.05, 5.0, 6.0, 1.5, 1.2)
STRENGTH = (0.5, 1.3)


@dataclass(frozen=True)
class Actor:
    """A voice that acts; its own mean and strength of every cue are fixed by its id for good."""

    talker: EspeakTalker

    def cues(self, emotion: str, intensity: float, rng: np.random.Generator) -> dict[str, float]:
        """Differences from the talker's plain voice, by the names in CUES; an `intensity` above 1 is stronger."""
        habit = named_rng(0, "emotion", self.talker.id)
        own = habit.standard_normal(len(CUES)) * TALKER_SD
        strength = habit.uniform(*STRENGTH, len(CUES)) * intensity
        values = own + strength * SHIFTS[emotion] + rng.standard_normal(len(CUES)) * UTTERANCE_SD
        return dict(zip(CUES, map(float, values), strict=True))

    def act(self, said: Sentence, emotion: str, rng: np.random.Generator, intensity: float = 1.0) -> Utterance:
        """Speak a sentence in a class' prosody: float32 at 16 kHz, at LEVEL_DB plus the level's cue."""
        cues, voice = self.cues(emotion, intensity, rng), self.talker.voice
        voice = replace(
            voice,
            rate=int(np.clip(voice.rate * np.exp(cues["rate"]), 80, 400)),
            pitch=int(np.clip(voice.pitch + cues["pitch"], 0, 99)),
            pitch_range=int(np.clip(voice.pitch_range + cues["range"], 0, 99)),
        )
        spoken = replace(self.talker, voice=voice).speak(said)
        samples = audio_io.set_level(tilted(spoken.audio, cues["tilt"]), LEVEL_DB + cues["level"])
        return replace(spoken, audio=samples * (PEAK / max(PEAK, float(np.abs(samples).max()))))


def tilted(samples: np.ndarray, gain_db: float) -> np.ndarray:
    """(samples,) with what lies above TILT_HZ raised by `gain_db`, by a first-order shelf; nothing below is changed."""
    b, a = butter(1, TILT_HZ, "highpass", fs=SAMPLE_RATE)
    return (samples + (10.0 ** (gain_db / 20.0) - 1.0) * lfilter(b, a, samples)).astype(np.float32)


class Cast:
    """Gives out voices of a catalogue, each once: a part's split is its voice's, as in all simulated corpora."""

    def __init__(self) -> None:
        self._free = espeak_talkers(VOICES)

    def take(self, split: str, sex: str) -> Actor:
        """The next voice of a split (`train`...) and sex (`F`, `M`); raises ParamError when there is none left."""
        for talker in self._free:
            if talker.sex == sex and split_of("talker", talker.id) == split:
                self._free.remove(talker)
                return Actor(talker)
        raise ParamError(f"no eSpeak voice of sex {sex} is left for {split}; simulate fewer actors")
