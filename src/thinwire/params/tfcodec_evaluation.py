"""Parameters of the evaluation of `tfcodec`: how many test items each measure gets, and what the sweeps visit."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from thinwire.params.base import Section


class ClassicCodec(Section):
    """A codec that is not learned, at one bit rate; its label in tables is `<name>_<kbps>`."""

    name: str
    kbps: float = Field(gt=0.0)

    @property
    def label(self) -> str:
        """As systems are named in `papers/tfcodec.yaml`: `classic/<label>`."""
        return f"{self.name}_{self.kbps:g}"


def _classic() -> list[ClassicCodec]:
    rates = {"opus": (6, 9, 12, 16), "amr_nb": (4.75, 12.2), "aac": (16,), "g722": (64,), "mp3": (16, 24)}
    return [ClassicCodec(name=name, kbps=kbps) for name, table in rates.items() for kbps in table]


class Evaluation(Section):
    """What is measured on the test items of `tfcodec`; subsets are evenly spread and the same for every run."""

    split: Literal["dev", "eval"] = "eval"
    items: int = Field(48, ge=4, description="test clips at most: PESQ, STOI, rates, latents")
    visqol_items: int = Field(24, ge=1)
    plcmos_items: int = Field(16, ge=1)
    packet_items: int = Field(12, ge=1, description="clips of the packet-loss sweeps")
    loss_rates: list[float] = Field([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], min_length=2)
    mean_burst: float = Field(2.0, ge=1.0, description="mean packets of a burst in the traces of these rates")
    burst_ms: list[int] = Field([40, 80, 120, 160, 240, 480], description="lengths of the burst sweep, whole steps")
    burst_lost_ms: int = Field(480, ge=40, description="lost in every clip of the burst sweep, whatever the length")
    energy_share: float = Field(0.1, gt=0.0, le=0.5, description="packets dropped by their energy")
    talkers: int = Field(20, ge=2, description="of LibriSpeech (Fig. 7b, 7c: 20; Fig. 9: 10)")
    utterances: int = Field(10, ge=2, description="a talker")
    phoneme_items: int = Field(40, ge=2, description="LJSpeech clips of the co-occurrence maps")
    shuffles: int = Field(20, ge=1, description="label permutations that give the bias of mutual information")
    look_items: int = Field(2, ge=1)
    listen_items: int = Field(6, ge=1)
    classic_items: int = Field(12, ge=1, description="clips that the codecs in use get, all four measures")
    classic: list[ClassicCodec] = Field(default_factory=_classic)

    @field_validator("loss_rates")
    @classmethod
    def _from_none(cls, rates: list[float]) -> list[float]:
        if rates != sorted(set(rates)) or rates[0] != 0.0 or rates[-1] > 0.9:
            raise ValueError("must rise from 0 and end at 0.9 at most")
        return rates

    @field_validator("burst_ms")
    @classmethod
    def _whole_steps(cls, lengths: list[int]) -> list[int]:
        if not lengths or any(length <= 0 or length % 40 for length in lengths):
            raise ValueError("must be multiples of a 40 ms step")
        return lengths
