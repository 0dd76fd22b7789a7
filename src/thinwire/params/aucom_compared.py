"""What the learned systems that AUCOM is compared with have in common."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from thinwire.params.aucom_codec import FRAME_RATE, AucomFbank
from thinwire.params.base import Section

BLOCK_FRAMES = 4
"""Frames that go into one column of a latent: 40 ms, AuComNet's stride in time."""


class Compared(Section):
    """Features as AuComNet's, coded in the same chunks."""

    spectrum: AucomFbank = AucomFbank()
    chunk_s: float = Field(5.0, gt=0.0, description="seconds that are coded together")
    taus: list[float] = Field(
        [0.25, 0.5, 1, 2, 3, 5], min_length=1, description="steps for which code tables are made; the small ones, as "
        "these systems break where AUCOM begins (Fig. 13)",
    )  # fmt: skip
    crop_s: float = Field(1.0, gt=0.0, description="seconds of a chunk that a training step sees")
    training: dict[str, float | int | str] = Field({}, description="changes to `training` for this system's runs")

    @property
    def n_mels(self) -> int:
        """H."""
        return self.spectrum.n_mels

    @property
    def chunk_frames(self) -> int:
        """L, frames of a chunk."""
        return round(self.chunk_s * FRAME_RATE)

    @property
    def crop_frames(self) -> int:
        """Frames of a chunk that a training step sees, whole columns of the latent."""
        return round(min(self.crop_s, self.chunk_s) * FRAME_RATE) // BLOCK_FRAMES * BLOCK_FRAMES

    @field_validator("taus")
    @classmethod
    def _positive(cls, taus: list[float]) -> list[float]:
        if taus != sorted(set(taus)) or taus[0] <= 0.0:
            raise ValueError("must rise and be above 0")
        return taus

    @model_validator(mode="after")
    def _whole_columns(self) -> Compared:
        if self.chunk_frames % BLOCK_FRAMES or not self.crop_frames:
            raise ValueError(f"chunk_s must hold a multiple of 40 ms and crop_s at least one, found {self.chunk_s}")
        return self
