"""Parameters of the evaluation of `aucom`: how many test items each measure gets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from thinwire.params.base import Section


class Evaluation(Section):
    """What is measured on the test items of `aucom`; subsets are evenly spread and the same for every run.

    Steps tau are those that have code tables, `systems.aucom_codec.taus`.
    """

    split: Literal["dev", "eval"] = "eval"
    items: int = Field(48, ge=4, description="test chunks of 5 s at most: rates and distortion")
    task_items: int = Field(120, ge=4, description="test items of each server-side task")
    enhancement_items: int = Field(32, ge=4, description="noisy and clean pairs: PESQ, CSIG, CBAK, COVL, SSNR, STOI")
    look_items: int = Field(2, ge=1)
    listen_items: int = Field(4, ge=1)
