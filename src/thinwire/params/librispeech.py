"""Parameters of the corpus `librispeech`: its simulated size, and its extraction."""

from __future__ import annotations

from pydantic import Field

from thinwire.params.base import Section
from thinwire.params.corpora import Extraction


class LibriSimulation(Section):
    """Size of the simulated LibriSpeech: utterances a talker, and whether `*.trans.txt` are written."""

    utterances: int = Field(6, ge=1)
    transcripts: bool = True


class LibriExtraction(Extraction):
    """LibriSpeech layout: fixed-length segments a talker."""

    segment_s: float = 3.0
    min_s: float = Field(1.0, ge=0.0, description="shorter utterances are skipped; shorter than a segment: zero-padded")
    per_speaker: int = Field(12, ge=1)


PARTS = {"simulate": LibriSimulation, "corpora": LibriExtraction}
