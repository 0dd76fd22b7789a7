"""Parameters of the evaluation of `neural_dsc`: how many test items each measure gets."""

from __future__ import annotations

from pydantic import Field

from thinwire.params.base import Section


class Federated(Section):
    """Training with compressed gradients (facts 4.2: 20 seeds, 2500 steps)."""

    epochs: int = Field(16, ge=1, description="passes over a worker's images; the claims are read at 5, 10, 16")
    batch: int = Field(32, ge=1, description="images of a worker in a step")
    lr: float = Field(0.01, gt=0.0)
    seeds: int = Field(5, ge=2)


class Recording(Section):
    """A scene that several microphones recorded together, by path: 16 kHz, one channel a file."""

    mic1: str | None = Field(None, description="x of the pair mic2, first y of the pair close; null: no recording")
    far: list[str] = Field([], description="microphones 2, 3, ...: y of either pair, one after the other")
    worn: str | None = Field(None, description="x of the pair close")


class Evaluation(Section):
    """What is measured on the test items of `neural_dsc`; subsets are evenly spread and the same for every run."""

    items: int = Field(48, ge=4, description="test items of maps and gradients; bits take all blocks")
    listened_items: int = Field(8, ge=0, description="of speech, those that STOI and PESQ are taken of")
    look_items: int = Field(4, ge=1, description="items that are kept to be looked at and listened to")
    flipped_blocks: int = Field(200, ge=10, description="blocks at each probability that LDPC decoders get")
    models: int = Field(200, ge=1, description="random models on which Proposition 1 is checked")
    federated: Federated = Federated()
    recording: Recording = Recording()
