"""Parameters of evaluation, the channel, and the figures."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from thinwire.params.base import Section


class NdpcaEvaluation(Section):
    """What is measured on the test items of `ndpca`."""

    split: Literal["dev", "eval"] = "eval"
    items: int = Field(160, ge=4, description="test segments at most")
    grid: list[int] = Field([2, 4, 8, 12, 16, 32, 64, 96], min_length=8, description="bandwidths m in floats a second")
    perceptual_items: int = Field(16, ge=1, description="test segments with PESQ, STOI, PLCMOS and the score sampler")
    perceptual_grid: list[int] = [4, 16, 96]
    sampler_steps: int = Field(15, ge=1)
    griffin_lim_iterations: int = Field(32, ge=1)
    kbps_grid: list[float] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4]
    bits_items: int = Field(48, ge=1)
    look_items: int = Field(4, ge=1)
    listen_grid: list[int] = [4, 16, 96]


class Evaluation(Section):
    """One section a paper, and the number of bootstrap draws."""

    bootstrap: int = Field(2000, ge=100)
    ndpca: NdpcaEvaluation = NdpcaEvaluation()


class Channel(Section):
    """The uplink whose capacity gives the budget m(t) (Eq. 1 to 3)."""

    trace: str | None = Field(
        None, description="CSV of a measured trace (t_s, capacity_bps); null: fading is simulated"
    )
    seconds: int = Field(120, ge=2)
    bandwidth_hz: float = Field(50.0, gt=0.0)
    mean_snr_db: float = 10.0
    correlation: float = Field(0.9, ge=0.0, lt=1.0, description="AR(1) coefficient of the fading from second to second")
    sigma2_over_d_db: float = Field(20.0, gt=0.0, description="source variance over allowed distortion, in dB")
    symbols_per_float: int = Field(1, ge=1)
