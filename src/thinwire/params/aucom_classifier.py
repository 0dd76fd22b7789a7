"""Parameters of `aucom_classifier`, the classifier of emotions, commands or sounds on AUCOM's server."""

from __future__ import annotations

from pydantic import Field

from thinwire.params.aucom_tasks import Task, Variation


class Settings(Task):
    """Section `systems.aucom_classifier`: a small convolutional network with pooling over time."""

    channels: list[int] = Field([16, 32, 64, 96], min_length=1, description="of its convolutions, each of stride 2")
    width: int = Field(128, ge=1, description="channels that are pooled over time")
    smoothing: float = Field(0.1, ge=0.0, lt=1.0, description="of labels")
    variation: Variation = Variation(gain_db=3.0)


PARTS = {"systems": Settings}
