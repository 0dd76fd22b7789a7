"""Parameters of the systems: shapes, losses, and how they are trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from thinwire.params.base import Section

Representation = Literal["magnitude", "mag_phase", "complex"]


class Spectrum(Section):
    """STFT of the paper (section 4, Feature Extraction) and the power compression of magnitudes."""

    n_fft: int = Field(2048, ge=64)
    hop_length: int = Field(512, ge=16)
    power: float = Field(
        0.5, gt=0.0, le=1.0, description="exponent of the compressed magnitude; 1: the plain magnitude"
    )


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


class ScoreShape(Section):
    """The score network: SGMSE's process (facts 1.6) on the codec's own compressed magnitudes."""

    base: int = Field(32, ge=4)
    multipliers: list[int] = [1, 2, 2]
    blocks: int = Field(1, ge=1)
    fold: int = Field(16, ge=1, description="neighbouring bins folded into channels at the input")
    fourier_scale: float = Field(1.0, gt=0.0, description="of the time embedding; SGMSE's 16 needs long training")
    residual_scale: float = Field(
        0.1, gt=0.0, description="typical deviation of clean minus decoded, for the first guess"
    )
    theta: float = Field(1.5, gt=0.0)
    sigma_min: float = Field(0.05, gt=0.0)
    sigma_max: float = Field(0.5, gt=0.0)
    t_eps: float = Field(0.03, gt=0.0, lt=1.0)


class Score(Section):
    """Score-based enhancement, the downstream task."""

    spectrum: Spectrum = Spectrum()
    shape: ScoreShape = ScoreShape()
    degrade: float = Field(0.7, ge=0.0, le=1.0, description="share of training items blurred like a decoder's output")


class Systems(Section):
    """One section a system."""

    ndpca: Ndpca = Ndpca()
    score: Score = Score()


class Training(Section):
    """The one training loop's settings."""

    batch: int = Field(112, ge=2)
    lr: float = Field(3e-4, gt=0.0)
    long_lr: float = Field(1e-3, gt=0.0, description="of `train-long`, which starts from nothing")
    warmup: int = Field(50, ge=0)
    discriminator_lr: float = Field(3e-4, gt=0.0)
    weight_decay: float = Field(1e-4, ge=0.0)
    clip: float = Field(1.0, gt=0.0, description="largest gradient norm")
    ema: float = Field(0.0, ge=0.0, lt=1.0, description="decay of the averaged weights; 0: none")
    validate_every: int = Field(100, ge=1)
    checkpoint_every: int = Field(100, ge=1)
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    devices: int = Field(1, ge=1, description="processes, or GPUs, on each node")
    nodes: int = Field(1, ge=1)
    accelerator: Literal["cpu", "auto"] = "cpu"


class Run(Section):
    """One row of `runs`: a system, its variant, how long it trains and what it starts from."""

    system: Literal["ndpca", "score"]
    data: str = "chime6"
    after: str = Field(description="the path that must exist first: another run's models/<run>, or the data itself")
    init: str = Field("scratch", description="weights/<init>.safetensors to start from; `scratch` holds none")
    steps: int = Field(ge=1)
    seed: int = 0
    arch: Literal["E1D1", "E2D1", "E4D1"] = "E4D1"
    bottleneck: Literal["ndpca", "plain", "fixed"] = "ndpca"
    fixed_m: int | None = Field(None, ge=1, description="the one bandwidth of a `fixed` model")
    representation: Representation = "magnitude"
    setting: Literal["agnostic", "aware"] = "agnostic"
    lambda_perc: float = Field(1.0, ge=0.0)
    training: dict[str, float | int | str] = Field({}, description="changes to `training` for this run")
