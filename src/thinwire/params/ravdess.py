"""Parameters of the corpus `ravdess`: its simulated size, and its extraction."""

from __future__ import annotations

from pydantic import Field

from thinwire.params.base import Section
from thinwire.params.corpora import Extraction


class RavdessSimulation(Section):
    """Size of the simulated RAVDESS: how often each of 24 actors says a statement in one emotion and intensity (14
    utterances of about 2 s).
    """

    repetitions: int = Field(1, ge=1, le=2)


class RavdessExtraction(Extraction):
    """RAVDESS layout: one segment a file of the four emotions, zero-padded where it is shorter; split by actor."""

    segment_s: float = 5.0
    min_s: float = Field(0.5, ge=0.0, description="shorter files are skipped")
    per_class: int = Field(200, ge=1, description="files of a class in one split at most, dealt over the actors")


PARTS = {"simulate": RavdessSimulation, "corpora": RavdessExtraction}
