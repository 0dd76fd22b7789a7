"""Parameters of simulation and extraction."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from thinwire.params.base import Section

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


class Chime6Simulation(Section):
    """Size of the simulated CHiME-6: sessions a split, their length, and how unequal the microphones are."""

    sessions: dict[Literal["train", "dev", "eval"], int] = {"train": 8, "dev": 2, "eval": 3}
    session_s: float = Field(90.0, gt=5.0, le=1800.0)
    arrays: int = Field(6, ge=1, le=6)
    channels_per_array: int = Field(4, ge=1, le=4)
    gain_db: Pair = (-6.0, 0.0)
    self_noise_db: Pair = Field((-75.0, -35.0), description="of the best array and of the worst")


class DnsSimulation(Section):
    """Size of the simulated DNS-Challenge folders: seconds of clean speech and of noise."""

    speech_s: float = Field(600.0, gt=3.0)
    noise_s: float = Field(240.0, gt=3.0)


class LibriSimulation(Section):
    """Size of the simulated LibriSpeech: utterances a talker, and whether `*.trans.txt` are written."""

    utterances: int = Field(6, ge=1)
    transcripts: bool = True


class Simulate(Section):
    """What the `simulate` stage makes for a corpus that has no `root`."""

    talkers: Talkers = Talkers()
    rooms: Rooms = Rooms()
    noise: Noise = Noise()
    timing: Timing = Timing()
    chime6: Chime6Simulation = Chime6Simulation()
    dns: DnsSimulation = DnsSimulation()
    librispeech: LibriSimulation = LibriSimulation()


class Align(Section):
    """Alignment of the clean reference to the first source, by cross-correlation."""

    enabled: bool = True
    max_lag_s: float = Field(0.1, gt=0.0, le=1.0)


class Extraction(Section):
    """What every corpus has: `root` (null: the simulated one is read), and what a bad file does."""

    root: str | None = None
    on_bad_file: Literal["skip", "stop"] = "stop"
    segment_s: float = Field(1.0, gt=0.0, le=60.0)


class Chime6Extraction(Extraction):
    """CHiME-6 segmentation by the JSON: far-field sources, reference, filters, splits by session."""

    sources: list[str] = ["U01.CH1", "U02.CH1", "U05.CH1", "U06.CH1"]
    hop_s: float = Field(1.0, gt=0.0)
    min_s: float = Field(0.6, ge=0.0, description="shorter utterances are skipped; shorter than a segment: zero-padded")
    max_overlap: float = Field(
        0.3, ge=0.0, le=1.0, description="largest share of a segment in which another talker speaks"
    )
    align: Align = Align()
    sessions: dict[Literal["train", "dev", "eval"], list[str]] | None = None

    @model_validator(mode="after")
    def _distinct(self) -> Chime6Extraction:
        if len(set(self.sources)) != len(self.sources):
            raise ValueError("`sources` names a channel twice")
        return self


class DnsExtraction(Extraction):
    """DNS clips: 3 s, level drawn in `level_db`, mixtures at `snr_db`, room response with probability `reverb`."""

    segment_s: float = 3.0
    min_s: float = Field(1.0, ge=0.0, description="shorter files are skipped; shorter than a clip: zero-padded")
    level_db: Pair = (-50.0, -10.0)
    snr_db: Pair = (0.0, 25.0)
    reverb: float = Field(0.3, ge=0.0, le=1.0)
    clips: int = Field(300, ge=3)


class LibriExtraction(Extraction):
    """LibriSpeech layout: fixed-length segments a talker."""

    segment_s: float = 3.0
    min_s: float = Field(1.0, ge=0.0, description="shorter utterances are skipped; shorter than a segment: zero-padded")
    per_speaker: int = Field(12, ge=1)


class Corpora(Section):
    """Extraction settings, one section a corpus."""

    chime6: Chime6Extraction = Chime6Extraction()
    dns: DnsExtraction = DnsExtraction()
    librispeech: LibriExtraction = LibriExtraction()
