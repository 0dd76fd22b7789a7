"""Parameters of the corpus `stereo`: its simulated size, and its extraction."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from thinwire.params.base import Section
from thinwire.params.corpora import Pair


class StereoSimulation(Section):
    """Size of the simulated KITTI: each photograph is a scene, each of its frames a pair with other depths."""

    height: int = Field(64, ge=16, le=375)
    width: int = Field(128, ge=32, le=1242)
    frames: int = Field(32, ge=1, le=1000, description="pairs of a photograph")
    planes: tuple[int, int] = Field((1, 4), description="things nearer than the background, fewest and most")
    disparity: Pair = Field((0.01, 0.12), description="of the farthest and the nearest, as parts of the width")


class StereoExtraction(Section):
    """KITTI stereo layout: the left image is compressed, the right one is side information."""

    root: str | None = Field(None, description="null: the simulated corpus is read")
    on_bad_file: Literal["skip", "stop"] = "stop"
    height: int = Field(64, ge=16, multiple_of=8, description="of the extracted images; the paper's are 128 x 256")
    width: int = Field(128, ge=16, multiple_of=8)
    dev_every: int = Field(6, ge=2, description="of `training`, scene numbers that are -1 modulo this are dev")


PARTS: dict[str, type[Section]] = {"simulate": StereoSimulation, "corpora": StereoExtraction}
