"""Parameters of the corpus `mnist`: its simulated size, and its extraction."""

from __future__ import annotations

from pydantic import Field, model_validator

from thinwire.params.base import Section
from thinwire.params.corpora import Extraction

DIGITS = 1797
"""Images that scikit-learn ships."""


class MnistSimulation(Section):
    """Size of the simulated MNIST, from scikit-learn's digits in their order; the original has 60000 and 10000."""

    train: int = Field(1440, ge=20, le=DIGITS - 10, description="digits")
    variants: int = Field(6, ge=1, description="images of each training digit, the first as it is")
    test: int = Field(357, ge=10, le=DIGITS - 20, description="digits")

    @model_validator(mode="after")
    def _enough(self) -> MnistSimulation:
        if self.train + self.test > DIGITS:
            raise ValueError(f"train and test are {self.train + self.test} digits, scikit-learn ships {DIGITS}")
        return self


class MnistExtraction(Extraction):
    """MNIST's IDX files: the first half of the training file is for collecting gradients, the other for training on
    compressed ones (facts 4.2); a `skip`ped bad file is an image whose label is not 0 to 9.
    """


PARTS: dict[str, type[Section]] = {"simulate": MnistSimulation, "corpora": MnistExtraction}
