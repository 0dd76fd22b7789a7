"""Parameters of the corpus `bits`: how many blocks, and how often the side information is wrong."""

from __future__ import annotations

from pydantic import Field, field_validator

from thinwire.params.base import Section
from thinwire.params.corpora import Pair


class BitsSimulation(Section):
    """Blocks of 648 bits x of probability 1/2, and y = x with each bit flipped with probability p."""

    train: int = Field(8192, ge=1, description="blocks; each draws its p from `train_p`")
    dev: int = Field(512, ge=1, description="blocks, as in training")
    train_p: Pair = (0.0, 0.03)
    eval_p: tuple[float, ...] = Field(
        (0.0006, 0.0012, 0.003, 0.006, 0.0114, 0.02, 0.03, 0.04),
        min_length=1,
        description="flip probabilities of the test blocks; the first five are those of the reference's figure",
    )
    eval_blocks: int = Field(200, ge=1, description="test blocks at each probability")

    @field_validator("train_p")
    @classmethod
    def _range(cls, value: Pair) -> Pair:
        if not 0.0 <= value[0] <= value[1] <= 0.5:
            raise ValueError("two probabilities from 0 to 0.5, the smaller one first, are needed")
        return value

    @field_validator("eval_p")
    @classmethod
    def _probabilities(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0.0 < p < 0.5 for p in value) or len(set(value)) < len(value):
            raise ValueError("different probabilities between 0 and 0.5 are needed")
        return value


class BitsExtraction(Section):
    """`bits.npz` as the simulation writes it."""

    root: str | None = Field(None, description="null: the simulated corpus is read")


PARTS = {"simulate": BitsSimulation, "corpora": BitsExtraction}
