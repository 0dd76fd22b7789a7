"""Parameters of `aucom_recogniser`, the speech recogniser on AUCOM's server where no Whisper weights are given."""

from __future__ import annotations

from pydantic import Field

from thinwire.params.aucom_tasks import Task


class Settings(Task):
    """Section `systems.aucom_recogniser`: convolutions, bidirectional GRUs, characters by CTC."""

    channels: int = Field(16, ge=1, description="of the two strided convolutions")
    hidden: int = Field(128, ge=4, description="units of each direction of a GRU")
    layers: int = Field(2, ge=1, description="bidirectional GRUs")


PARTS = {"systems": Settings}
