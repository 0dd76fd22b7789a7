"""Parameters of the corpus `iemocap`: its simulated size, and its extraction."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from thinwire.params.base import Section
from thinwire.params.corpora import Extraction
from thinwire.params.parts import MisplacedError

SESSIONS = 5


class IemocapSimulation(Section):
    """Size of the simulated IEMOCAP: turns in each of the five sessions, about 3.5 s each, the four classes evenly."""

    turns: int = Field(128, ge=16)


class IemocapExtraction(Extraction):
    """IEMOCAP layout: one segment a turn of the four emotions, zero-padded where it is shorter; sessions held out."""

    segment_s: float = 5.0
    min_s: float = Field(0.5, ge=0.0, description="shorter turns are skipped")
    per_class: int = Field(200, ge=1, description="turns of a class in one split at most, dealt over the sessions")
    dev_session: int = Field(4, ge=1, le=SESSIONS)
    eval_session: int = Field(5, ge=1, le=SESSIONS)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.dev_session == self.eval_session:
            what = f"is session {self.dev_session}, as eval_session; choose two different sessions"
            raise MisplacedError("dev_session", what)
        return self


PARTS = {"simulate": IemocapSimulation, "corpora": IemocapExtraction}
