"""Parameters of `aucom_sensing`, compressed sensing of mel features: a system that AUCOM is compared with."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from thinwire.params.aucom_compared import BLOCK_FRAMES, Compared


class Settings(Compared):
    """Section `systems.aucom_sensing`; the defaults are small, ISTA-Net++ has 20 stages of width 32."""

    measurements: list[int] = Field(
        [20, 40, 80, 160], min_length=1, description="numbers a 40 ms block that one model serves; 20 are v2's symbols"
    )
    stages: int = Field(5, ge=1, description="unrolled iterations")
    width: int = Field(8, ge=1, description="channels in which values are thresholded")

    @field_validator("measurements")
    @classmethod
    def _rising(cls, measurements: list[int]) -> list[int]:
        if measurements != sorted(set(measurements)) or measurements[0] < 1:
            raise ValueError("must rise and be at least 1")
        return measurements

    @model_validator(mode="after")
    def _fewer_than_values(self) -> Settings:
        if self.measurements[-1] > self.n_mels * BLOCK_FRAMES:
            raise ValueError(f"measurements: at most {self.n_mels * BLOCK_FRAMES}, the values of a block")
        return self


PARTS = {"systems": Settings}
