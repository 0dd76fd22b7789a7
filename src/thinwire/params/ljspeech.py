"""Parameters of the corpus `ljspeech`: its simulated size, and its extraction."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from thinwire.params.base import Section
from thinwire.params.corpora import Extraction


class LjspeechSimulation(Section):
    """Size of the simulated LJSpeech: utterances of two or three sentences, about 6 s each."""

    utterances: int = Field(80, ge=3)


class LjspeechExtraction(Extraction):
    """LJSpeech layout: fixed-length segments with phones."""

    segment_s: float = 3.0
    min_s: float = Field(1.0, ge=0.0, description="shorter utterances are skipped; shorter than a segment: zero-padded")
    clips: int = Field(300, ge=3, description="segments at most: the first of every utterance, then the second...")
    alignment: Literal["auto", "given", "none"] = Field(
        "auto", description="phones from files where there are some, else from PocketSphinx; from files only; none"
    )


PARTS = {"simulate": LjspeechSimulation, "corpora": LjspeechExtraction}
