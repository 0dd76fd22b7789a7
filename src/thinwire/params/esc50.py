"""Parameters of the corpus `esc50`: its simulated size, and its extraction."""

from __future__ import annotations

from pydantic import Field, model_validator

from thinwire.params.base import Section
from thinwire.params.corpora import Extraction, Pair
from thinwire.params.parts import MisplacedError


class Esc50Simulation(Section):
    """Size of the simulated ESC-50: clips of 5 s in five folds, two clips a recording."""

    kinds: int = Field(17, ge=2, le=17, description="classes of procedural sounds")
    per_fold: int = Field(6, ge=1, description="clips of a class in a fold; the original has 8")
    snr_db: Pair = Field((-5.0, 15.0), description="sound against its ambience, mean powers of the clip")


class Esc50Extraction(Extraction):
    """ESC-50 layout: one segment a clip, zero-padded at its end where it is shorter; one fold each is dev and eval."""

    segment_s: float = 5.0
    min_s: float = Field(0.5, ge=0.0, description="shorter clips are skipped")
    dev_fold: int = Field(4, ge=1, le=5)
    eval_fold: int = Field(5, ge=1, le=5)
    per_class: int = Field(200, ge=1, description="clips of a class in one split at most, dealt over the recordings")

    @model_validator(mode="after")
    def _two_folds(self) -> Esc50Extraction:
        if self.dev_fold == self.eval_fold:
            raise MisplacedError("dev_fold", f"is fold {self.dev_fold}, as eval_fold; choose two different folds")
        return self


PARTS = {"simulate": Esc50Simulation, "corpora": Esc50Extraction}
