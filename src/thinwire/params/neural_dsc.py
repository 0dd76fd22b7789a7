"""Parameters of the paper "Neural Distributed Source Coding": rows of `runs.neural_dsc`, and the conditional VQ-VAE."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from thinwire.params.base import Row, Section
from thinwire.params.neural_dsc_evaluation import Evaluation
from thinwire.params.spectrum import Spectrum

Domain = Literal["mel", "stft", "stereo", "halves", "gradients", "bits"]
Form = Literal["joint", "distributed", "separate"]
"""Who has the side information: encoder and decoder; the decoder alone; nobody (facts 4.1)."""
Pair = Literal["mic2", "close"]
DENSE: tuple[Domain, ...] = ("gradients", "bits")
"""Domains whose items are vectors; the others are maps (C, H, W)."""
SPEECH: tuple[Domain, ...] = ("mel", "stft")
_CODEC_FIELDS = ("domain", "form", "bits", "downsample", "pair")


class NdscSpectrum(Spectrum):
    """Features of the speech domains: mel frames, and the power-compressed complex STFT (the transplant of facts 4)."""

    n_fft: int = Field(512, ge=64)
    hop_length: int = Field(256, ge=16)
    n_mels: int = Field(80, ge=8)


class NdscConv(Section):
    """Network of maps (facts 4.2); the defaults are small, the paper's width is 16 with 3 residual layers."""

    width: int = Field(8, ge=1, description="channels that each of x and y has after its first convolution")
    residual_layers: int = Field(1, ge=0, description="residual layers of each level; widths double level by level")
    code_dim: int = Field(16, ge=1, description="numbers of a codeword (paper: 64)")


class NdscDense(Section):
    """Network of vectors (facts 4.2)."""

    hidden: int = Field(256, ge=2)
    code_dim: int = Field(4, ge=1, description="numbers of a codeword: 40 latents make 160-d codes")
    gradient_latents: int = Field(40, ge=1)
    bits_latents: int = Field(162, ge=1)


class NdscQuantiser(Section):
    """Codebook that follows the encoder by moving averages, and the commitment to it (facts 4.2)."""

    decay: float = Field(0.99, ge=0.0, lt=1.0)
    eps: float = Field(1e-5, gt=0.0, description="what Laplace smoothing adds to each codeword's count")
    beta: float = Field(0.25, ge=0.0, description="weight of the commitment loss")
    dense_beta: float = Field(0.15, ge=0.0, description="the same for vectors")
    revive_below: float = Field(0.9, ge=0.0, lt=1.0, description="latents a step (EMA) under which a codeword is dead")


class Settings(Section):
    """Section `systems.neural_dsc`."""

    spectrum: NdscSpectrum = NdscSpectrum()
    conv: NdscConv = NdscConv()
    dense: NdscDense = NdscDense()
    quantiser: NdscQuantiser = NdscQuantiser()
    training: dict[str, float | int | str] = Field({}, description="changes to `training` for this system's runs")


class NdscRow(Row):
    """One row of `runs.neural_dsc`: a codec, or the prior of the codec that it comes `after`, whose row says the rest.

    `downsample` belongs to maps, `pair` to speech: x is microphone 1 given microphone 2, or a worn microphone given a
    far one.
    """

    system: Literal["neural_dsc", "neural_dsc_prior"] = "neural_dsc"
    domain: Domain = "stereo"
    form: Form = "distributed"
    bits: int = Field(8, ge=1, le=10, description="log2 of the number of codewords")
    downsample: Literal[2, 4, 8] = 8
    pair: Pair = "mic2"

    @property
    def codewords(self) -> int:
        """K."""
        return 1 << self.bits

    @property
    def codec(self) -> str:
        """The codec row that a prior's row comes after."""
        return self.after.removeprefix("models/")

    @model_validator(mode="after")
    def _belongs(self) -> NdscRow:
        given = [name for name in _CODEC_FIELDS if name in self.model_fields_set]
        if self.system == "neural_dsc":
            if "domain" not in given:
                raise ValueError("a codec's row needs its `domain`")
            return self
        if given:
            raise ValueError(f"`{given[0]}` is said by the codec's row; a prior's row names that by `after` alone")
        if not self.after.startswith("models/"):
            raise ValueError(f"a prior's row needs `after: models/<codec row>`, found {self.after!r}")
        return self


PARTS = {"systems": Settings, "runs": NdscRow, "evaluation": Evaluation}
