"""Parameters of the evaluation of `aucom`: how many test items each measure gets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from thinwire.params.base import Section


class TrainedElsewhere(Section):
    """Weights of others' networks, by path; null: they are left out."""

    encodec: str | None = Field(None, description="EnCodec 24 kHz: a state dict, .th or .safetensors")
    dac: str | None = Field(None, description="DAC 16 kHz, .pth or .safetensors")
    whisper: str | None = Field(None, description="a Whisper folder; it is then the server's recogniser")


class Evaluation(Section):
    """What is measured on the test items of `aucom`, the same for every run: those of a task are drawn within each
    label, subsets of them evenly spread.

    Steps tau are those that have code tables, `systems.aucom_codec.taus`.
    """

    split: Literal["dev", "eval"] = "eval"
    task_items: int = Field(40, ge=4, description="test items of each corpus: rates, distortion, the server's answers")
    sphinx_items: int = Field(8, ge=0, description="of the speech items, those whose waveforms PocketSphinx hears")
    interpolation_factors: list[tuple[int, int]] = Field(
        [(2, 2), (2, 4), (4, 4)], min_length=1, description="every so-manieth mel and frame that interpolation sends"
    )
    interpolation_taus: list[float] = Field([0.25, 0.5, 1, 2, 3], min_length=1)
    mp3_kbps: list[float] = Field([8, 16, 32, 64], description="rates of MPEG-2 at 16 kHz: 8, 16, 24, 32 ... 64")
    aac_kbps: list[float] = Field([12, 24, 64], description="12 to 64")
    encodec_kbps: list[float] = Field([1.5, 3, 6, 12], description="1.5, 3, 6, 12, 24; where its weights are given")
    dac_kbps: list[float] = Field([1, 2, 4, 6], description="halves from 0.5 to 6; where its weights are given")
    weights: TrainedElsewhere = TrainedElsewhere()
    enhancement_items: int = Field(32, ge=4, description="noisy and clean pairs: PESQ, CSIG, CBAK, COVL, SSNR, STOI")
    look_items: int = Field(2, ge=1, description="items of which every step through the codec is kept")
    listen_items: int = Field(4, ge=1, description="items that are made audible")
