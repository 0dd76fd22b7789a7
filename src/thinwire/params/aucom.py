"""Parameters of the paper AUCOM: rows of `runs.aucom`, of all its systems, and what is measured."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from thinwire.params.aucom_evaluation import Evaluation
from thinwire.params.base import Row

Variant = Literal["v1", "v2", "v3"]
Task = Literal["speech", "emotion", "commands", "sounds"]


class AucomRow(Row):
    """One row of `runs.aucom`; `variant` and `lmbda` belong to the codec, `task` to the networks on the server."""

    system: Literal[
        "aucom_codec", "aucom_enhancer", "aucom_recogniser", "aucom_classifier", "aucom_deepcod", "aucom_sensing"
    ] = "aucom_codec"
    data: str = "librispeech"
    variant: Variant = "v1"
    lmbda: float | None = Field(None, gt=0.0, description="in place of systems.aucom_codec.lmbda (sweep over lambda)")
    task: Task | None = None

    @model_validator(mode="after")
    def _belongs(self) -> AucomRow:
        server = self.system in ("aucom_recogniser", "aucom_classifier")
        if server != (self.task is not None):
            raise ValueError("`task` belongs to the systems aucom_recogniser and aucom_classifier, and to them alone")
        if self.system != "aucom_codec" and (self.variant != "v1" or self.lmbda is not None):
            raise ValueError("`variant` and `lmbda` belong to the system aucom_codec alone")
        return self


PARTS = {"runs": AucomRow, "evaluation": Evaluation}
