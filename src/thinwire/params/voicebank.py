"""Parameters of the corpus `voicebank`: its simulated size, and its extraction."""

from __future__ import annotations

from pydantic import Field

from thinwire.params.base import Section
from thinwire.params.corpora import Extraction


class VoicebankSimulation(Section):
    """Size of the simulated VoiceBank+DEMAND: noisy utterances a talker (`simulate.talkers`), at four SNRs in turn."""

    utterances: int = Field(4, ge=1)


class VoicebankExtraction(Extraction):
    """VoiceBank+DEMAND layout: fixed-length clean/noisy pairs. `test_root` names another root whose test set takes the
    place of this one's; the rest of it is not read.
    """

    test_root: str | None = None
    segment_s: float = 3.0
    min_s: float = Field(1.0, ge=0.0, description="shorter pairs are skipped; shorter than a segment: zero-padded")
    clips: int = Field(200, ge=1, description="segments at most in each split: first of every pair, then second")


PARTS = {"simulate": VoicebankSimulation, "corpora": VoicebankExtraction}
