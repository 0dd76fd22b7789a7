"""Parameters of `score`, the downstream task of `ndpca`: enhancement by score matching."""

from __future__ import annotations

from pydantic import Field

from thinwire.params.base import Section
from thinwire.params.spectrum import Spectrum


class ScoreShape(Section):
    """The score network: SGMSE's process (facts 1.6) on the codec's own compressed magnitudes."""

    base: int = Field(32, ge=4)
    multipliers: list[int] = [1, 2, 2]
    blocks: int = Field(1, ge=1)
    fold: int = Field(16, ge=1, description="neighbouring bins folded into channels at the input")
    fourier_scale: float = Field(1.0, gt=0.0, description="of the time embedding; SGMSE's 16 needs long training")
    residual_scale: float = Field(
        0.1, gt=0.0, description="typical deviation of clean minus decoded, for the first guess"
    )
    theta: float = Field(1.5, gt=0.0)
    sigma_min: float = Field(0.05, gt=0.0)
    sigma_max: float = Field(0.5, gt=0.0)
    t_eps: float = Field(0.03, gt=0.0, lt=1.0)


class Score(Section):
    """Score-based enhancement, the downstream task."""

    spectrum: Spectrum = Spectrum()
    shape: ScoreShape = ScoreShape()
    degrade: float = Field(0.7, ge=0.0, le=1.0, description="share of training items blurred like a decoder's output")


PARTS = {"systems": Score}
