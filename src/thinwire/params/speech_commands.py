"""Parameters of the corpus `speech_commands`: its simulated size, and its extraction."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from thinwire.params.base import Section
from thinwire.params.corpora import Extraction, Pair

Word = Annotated[str, Field(pattern="^[a-z]+$")]
COMMANDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")


class SpeechCommandsSimulation(Section):
    """Size of the simulated Speech Commands: every eSpeak voice says every word `takes` times."""

    words: tuple[Word, ...] = Field(COMMANDS, min_length=2)
    talkers: int = Field(96, ge=12, le=184, description="eSpeak voices, four or more in each split")
    takes: int = Field(1, ge=1, description="recordings of a word by one voice, at changing pitch and pace")
    snr_db: Pair = (5.0, 30.0)
    background_s: float = Field(10.0, gt=0.0, description="length of each file in `_background_noise_`")


class SpeechCommandsExtraction(Extraction):
    """Speech Commands layout: one segment a recording, zero-padded at its end where it is shorter."""

    segment_s: float = 1.0
    min_s: float = Field(0.1, ge=0.0, description="shorter recordings are skipped")
    words: tuple[Word, ...] | None = Field(None, description="classes to take; null: all there are")
    per_class: int = Field(200, ge=1, description="recordings of a word in one split at most, dealt over the talkers")


PARTS = {"simulate": SpeechCommandsSimulation, "corpora": SpeechCommandsExtraction}
