"""The spectrum that the distributed coder and its downstream task share."""

from __future__ import annotations

from pydantic import Field

from thinwire.params.base import Section


class Spectrum(Section):
    """STFT of the paper (section 4, Feature Extraction) and the power compression of magnitudes."""

    n_fft: int = Field(2048, ge=64)
    hop_length: int = Field(512, ge=16)
    power: float = Field(
        0.5, gt=0.0, le=1.0, description="exponent of the compressed magnitude; 1: the plain magnitude"
    )
