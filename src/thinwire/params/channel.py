"""Parameters of the channel."""

from __future__ import annotations

from pydantic import Field

from thinwire.params.base import Section


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
