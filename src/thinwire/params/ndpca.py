"""Parameters of `ndpca`, the system of the paper "Task and Perception-aware Distributed Source Coding for Correlated
Speech": shapes, losses, rows of `runs.ndpca`, and what is measured."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from thinwire.params.base import Row, Section
from thinwire.params.spectrum import Spectrum

Representation = Literal["magnitude", "mag_phase", "complex"]


class NdpcaShape(Section):
    """Widths of encoders and decoder; `latent` is D, shared out equally over the encoders."""

    latent: int = Field(96, ge=4, description="D, floats of all encoders together, a second")
    width: int = Field(48, ge=4, description="channels after the frequency projection of a four-encoder system")
    blocks: int = Field(2, ge=1, description="residual blocks in each encoder")
    decoder_width: int = Field(112, ge=4)
    decoder_blocks: int = Field(2, ge=1)
    stride: int = Field(4, ge=1, description="temporal downsampling inside encoder and decoder")


class NdpcaLosses(Section):
    """Weights of the named losses (all are logged, those of weight 0 too)."""

    mse: float = Field(1.0, ge=0.0)
    cosine: float = Field(0.001, ge=0.0, description="squared cosine over all pairs of sources (facts 1.8.3)")
    nuclear: float = Field(0.0, ge=0.0)
    snr: float = Field(0.0, ge=0.0)
    psnr: float = Field(0.0, ge=0.0)
    magnitude: float = Field(0.0, ge=0.0)
    phase: float = Field(0.0, ge=0.0)
    task: float = Field(0.2, ge=0.0, description="score matching, in the aware setting only")
    perceptual: float = Field(0.02, ge=0.0, description="logit difference at lambda_perc 1, in the aware setting only")


class Ndpca(Section):
    """The system of the paper "Task and Perception-aware Distributed Source Coding for Correlated Speech"."""

    spectrum: Spectrum = Spectrum()
    shape: NdpcaShape = NdpcaShape()
    losses: NdpcaLosses = NdpcaLosses()
    min_budget: int = Field(1, ge=1, description="smallest random budget in training")
    budget_law: Literal["uniform", "log_uniform"] = "uniform"
    aware_items: int = Field(4, ge=1, description="items of a batch that the task and perceptual losses see")
    discriminator_filters: int = Field(8, ge=1, description="filters of the MS-STFT discriminator (EnCodec: 32)")
    discriminator_scales: list[int] = Field([512, 1024, 2048], description="its windows; the hop is a quarter")


class Run(Row):
    """One row of `runs.ndpca`."""

    system: Literal["ndpca", "score"]
    data: str = "chime6"
    arch: Literal["E1D1", "E2D1", "E4D1"] = "E4D1"
    bottleneck: Literal["ndpca", "plain", "fixed"] = "ndpca"
    fixed_m: int | None = Field(None, ge=1, description="the one bandwidth of a `fixed` model")
    representation: Representation = "magnitude"
    setting: Literal["agnostic", "aware"] = "agnostic"
    lambda_perc: float = Field(1.0, ge=0.0)

    @model_validator(mode="after")
    def _fixed(self) -> Run:
        if (self.bottleneck == "fixed") != (self.fixed_m is not None):
            raise ValueError("`fixed_m` belongs to bottleneck `fixed`, and to it alone")
        return self


class NdpcaEvaluation(Section):
    """What is measured on the test items of `ndpca`."""

    split: Literal["dev", "eval"] = "eval"
    items: int = Field(160, ge=4, description="test segments at most")
    grid: list[int] = Field([2, 4, 8, 12, 16, 32, 64, 96], min_length=8, description="bandwidths m in floats a second")
    waveform_items: int = Field(12, ge=1, description="test segments with PESQ, STOI, SI-SDR and the score sampler")
    perceptual_items: int = Field(16, ge=1, description="test segments with distortion, PLCMOS and logits")
    perceptual_grid: list[int] = Field([4, 16, 96], description="the bandwidths of PLCMOS and logits")
    sampler_steps: int = Field(15, ge=1)
    griffin_lim_iterations: int = Field(32, ge=1)
    kbps_grid: list[float] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4]
    bits_items: int = Field(48, ge=1)
    look_items: int = Field(4, ge=1)
    listen_grid: list[int] = [4, 16, 96]


PARTS = {"systems": Ndpca, "runs": Run, "evaluation": NdpcaEvaluation}
"""What this module gives to `params.yaml`: section -> class of the entry `ndpca`."""
