"""Parameters of `aucom_codec`, AuComNet: the factorised-prior codec of mel features of the paper "AUCOM: Extreme
Compression for Real-Time Edge-to-Server Universal Audio Streaming"."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from thinwire.params.base import Section

FRAME_RATE = 100
"""Frames of features a second."""
CHUNK_FRAMES = 500
"""Frames of the paper's chunk, 5 s."""
STRIDE = 4
"""Of the latent in both axes."""

VARIANTS = {"v1": (2, 2), "v2": (1, 2), "v3": (1, 4)}
"""Section 5.2: channels M of the latent, and H / H_s, mels a hidden unit of each direction of the LSTM."""


class AucomFbank(Section):
    """Mel features; window (25 ms), hop (10 ms) and the rest are Kaldi's."""

    n_mels: int = Field(80, ge=8, description="H; the paper has 80 or 128 (128 for Whisper)")


class Settings(Section):
    """Section `systems.aucom_codec`; the defaults are the paper's size with 80 mels (facts 3.1 (i): 65 k)."""

    spectrum: AucomFbank = AucomFbank()
    chunk_s: float = Field(5.0, gt=0.0, description="seconds that are coded together; the LSTM runs both ways in it")
    channels: int = Field(128, ge=1, description="between the two convolutions")
    prior_filters: tuple[int, ...] = Field((3, 3, 3, 3), min_length=1, description="widths of Eq. 24's hidden layers")
    lmbda: float = Field(4.0, gt=0.0, description="lambda of Eq. 21 for features scaled to unit variance")
    taus: list[float] = Field([1, 2, 3, 5, 8, 10], min_length=1, description="steps for which code tables are made")
    crop_s: float = Field(2.5, gt=0.0, description="seconds of a chunk that a training step sees (paper: all)")
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
        """Frames of a chunk that a training step sees, a multiple of the stride."""
        return round(min(self.crop_s, self.chunk_s) * FRAME_RATE) // STRIDE * STRIDE

    @model_validator(mode="after")
    def _divisible(self) -> Settings:
        if self.n_mels % 8:
            raise ValueError(f"spectrum.n_mels must be a multiple of 8, found {self.n_mels}")
        if self.chunk_frames % STRIDE or not self.crop_frames:
            raise ValueError(f"chunk_s must hold a multiple of 40 ms and crop_s at least one, found {self.chunk_s}")
        return self

    @field_validator("taus")
    @classmethod
    def _positive(cls, taus: list[float]) -> list[float]:
        if taus != sorted(set(taus)) or taus[0] <= 0.0:
            raise ValueError("must rise and be above 0")
        return taus


PARTS = {"systems": Settings}
