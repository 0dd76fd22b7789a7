"""Parameters that all corpora share: where voices, rooms, noise and timing come from, and what extraction does with a
bad file. Each corpus adds its own in a module of its name."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from thinwire.params.base import Section
from thinwire.params.parts import Parts

Pair = tuple[float, float]


class Talkers(Section):
    """Where simulated speech comes from: `espeak`, or the path of a LibriSpeech-layout folder."""

    source: str = "espeak"
    count: int = Field(48, ge=3, description="distinct voices (eSpeak) or talkers at most (folder)")


class Rooms(Section):
    """Where room responses come from: `pyroomacoustics`, or a folder of measured responses (multichannel
    FLAC or WAV).
    """

    source: str = "pyroomacoustics"
    rt60_s: Pair = (0.2, 0.5)
    count: int = Field(12, ge=3, description="distinct rooms")


class Noise(Section):
    """Where noise comes from: `generators`, or a folder of recordings (searched recursively)."""

    source: str = "generators"
    snr_db: Pair = (0.0, 20.0)


class Timing(Section):
    """Who speaks when: `generator`, or a folder of CHiME-6 segment files (`*.json`, searched recursively)."""

    source: str = "generator"
    overlap: float = Field(0.15, ge=0.0, le=0.5)
    silence: float = Field(0.2, ge=0.0, le=0.9)


class Extraction(Section):
    """What every corpus has: `root` (null: the simulated one is read), and what a bad file does."""

    root: str | None = None
    on_bad_file: Literal["skip", "stop"] = "stop"
    segment_s: float = Field(1.0, gt=0.0, le=60.0)


class Simulate(Parts):
    """What the `simulate` stage makes for a corpus that has no `root`; one entry more a corpus, its size."""

    section = "simulate"
    talkers: Talkers = Talkers()
    rooms: Rooms = Rooms()
    noise: Noise = Noise()
    timing: Timing = Timing()
