"""Parameters of the corpus `gradients`: pairs of gradients that two workers compute while a small network trains."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from thinwire.params.corpora import Extraction


class GradientsExtraction(Extraction):
    """Collecting (facts 4.2). Paper: 120 runs, 1000 steps, batch 300."""

    root: str | None = Field(None, description="segment folder of the images; null: that of the corpus mnist")
    runs: dict[Literal["train", "dev", "eval"], int] = {"train": 36, "dev": 4, "eval": 4}
    steps: int = Field(60, ge=2, description="of a run")
    batch: int = Field(128, ge=1, description="images of a worker in a step")
    lr: float = Field(0.01, gt=0.0, description="of Adam")


PARTS = {"corpora": GradientsExtraction}
