"""Parameters of the corpus `dns`: its simulated size, and its extraction."""

from __future__ import annotations

from pydantic import Field

from thinwire.params.base import Section
from thinwire.params.corpora import Extraction, Pair


class DnsSimulation(Section):
    """Size of the simulated DNS-Challenge folders: seconds of clean speech and of noise."""

    speech_s: float = Field(600.0, gt=3.0)
    noise_s: float = Field(240.0, gt=3.0)


class DnsExtraction(Extraction):
    """DNS clips: 3 s, level drawn in `level_db`, mixtures at `snr_db`, room response with probability `reverb`."""

    segment_s: float = 3.0
    min_s: float = Field(1.0, ge=0.0, description="shorter files are skipped; shorter than a clip: zero-padded")
    level_db: Pair = (-50.0, -10.0)
    snr_db: Pair = (0.0, 25.0)
    reverb: float = Field(0.3, ge=0.0, le=1.0)
    clips: int = Field(300, ge=3)


PARTS = {"simulate": DnsSimulation, "corpora": DnsExtraction}
