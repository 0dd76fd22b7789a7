"""Parameters of the corpus `chime6`: its simulated size, and its extraction."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from thinwire.params.base import Section
from thinwire.params.corpora import Extraction, Pair


class Chime6Simulation(Section):
    """Size of the simulated CHiME-6: sessions a split, their length, and how unequal the microphones are."""

    sessions: dict[Literal["train", "dev", "eval"], int] = {"train": 8, "dev": 2, "eval": 3}
    session_s: float = Field(90.0, gt=5.0, le=1800.0)
    arrays: int = Field(6, ge=1, le=6)
    channels_per_array: int = Field(4, ge=1, le=4)
    gain_db: Pair = (-6.0, 0.0)
    self_noise_db: Pair = Field((-75.0, -35.0), description="of the best array and of the worst")


class Align(Section):
    """Alignment of the clean reference to the first source, by cross-correlation."""

    enabled: bool = True
    max_lag_s: float = Field(0.1, gt=0.0, le=1.0)


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


PARTS = {"simulate": Chime6Simulation, "corpora": Chime6Extraction}
