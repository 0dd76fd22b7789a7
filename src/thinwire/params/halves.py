"""Parameters of the corpus `halves`: its simulated size, and its extraction."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from thinwire.params.base import Section


class HalvesSimulation(Section):
    """Size of the simulated CelebA-HQ: square crops of photographs, each photograph standing for a person."""

    size: int = Field(64, ge=16, le=1024, description="rows and columns; the original has 256")
    crops: int = Field(32, ge=1, description="images of a photograph")


class HalvesExtraction(Section):
    """CelebA-HQ layout: the top half is compressed, the bottom half is side information."""

    root: str | None = Field(None, description="null: the simulated corpus is read")
    on_bad_file: Literal["skip", "stop"] = "stop"
    size: int = Field(64, ge=16, multiple_of=16, description="rows and columns of the whole; the paper's are 256")


PARTS = {"simulate": HalvesSimulation, "corpora": HalvesExtraction}
