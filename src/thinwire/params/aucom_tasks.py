"""What the networks on AUCOM's server have in common: the features they hear, and how training items are varied."""

from __future__ import annotations

from pydantic import Field

from thinwire.params.aucom_codec import AucomFbank
from thinwire.params.base import Section


class Variation(Section):
    """Random changes of training features: stretches of mels and of time put to their mean (SpecAugment), and level."""

    masks: int = Field(2, ge=0, description="stretches of either kind")
    mels: int = Field(10, ge=1, description="mels of the widest")
    time_s: float = Field(0.2, gt=0.0, description="seconds of the longest")
    gain_db: float = Field(6.0, ge=0.0, description="largest change of level")


class Task(Section):
    """A network that is trained on uncompressed features and then frozen."""

    spectrum: AucomFbank = AucomFbank()
    variation: Variation = Variation()
    training: dict[str, float | int | str] = Field({}, description="changes to `training` for this system's runs")

    @property
    def n_mels(self) -> int:
        """H."""
        return self.spectrum.n_mels
