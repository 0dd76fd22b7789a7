"""Parameters of `tfcodec`, the predictive low-latency codec of the paper "Latent-Domain Predictive Neural Speech
Coding" (TF-Codec)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from thinwire.params.base import Row, Section
from thinwire.params.tfcodec_evaluation import Evaluation

STEP_FRAMES = 4
"""Frames that are quantised together: 40 ms of new samples."""


class TfSpectrum(Section):
    """Causal STFT (section IV-A) and the compression of its magnitudes (section III-B)."""

    n_fft: int = Field(640, ge=64)
    hop_length: int = Field(160, ge=16)
    power: float = Field(0.3, ge=0.2, le=1.0, description="fixed exponent, and that of losses and discriminator")
    power_init: float = Field(0.4, ge=0.2, le=1.0, description="where a learnable exponent starts")

    @model_validator(mode="after")
    def _overlap(self) -> TfSpectrum:
        if self.n_fft != 4 * self.hop_length:
            raise ValueError(f"n_fft must be four hops, found {self.n_fft} and {self.hop_length}")
        return self


class TfShape(Section):
    """Widths; the defaults are the small model, `presets/paper.yaml` holds the paper's."""

    channels: tuple[int, int, int, int, int] = (8, 16, 16, 24, 24)
    strides: tuple[int, int, int, int, int] = (1, 2, 4, 4, 2)
    tcm_hidden: int = Field(192, ge=4, description="channels inside a temporal convolution module (paper: 512)")
    tcm_dilations: list[int] = [1, 2, 4, 8]
    latent: int = Field(96, ge=4, description="C_d, channels of a latent frame (paper: 288)")
    predictor_hidden: int = Field(48, ge=1, description="channels between the predictor's two convolutions (paper: 53)")
    predictor_steps: int = Field(7, ge=2, description="past 40 ms steps that a prediction sees: 280 ms")


class TfQuantiser(Section):
    """Group vector quantiser (section III-E)."""

    alpha: float = Field(5.0, gt=0.0, description="distance to logit")
    tau_start: float = Field(2.0, gt=0.0)
    tau_end: float = Field(0.5, gt=0.0)
    tau_decay: float = Field(0.99999, gt=0.0, lt=1.0, description="factor a step (reference: 0.9999995, longer runs)")
    free_steps: int = Field(0, ge=0, description="steps up to which training leaves out the quantiser")


class TfLosses(Section):
    """Weights of the named losses (section III-G); all are logged."""

    bin: float = Field(1.0, ge=0.0, description="MSE of the power-compressed STFT after consistency")
    mel: float = Field(0.25, ge=0.0)
    rate: float = Field(0.0004, ge=0.0, description="the reference code's; the printed 0.04 starves the codebooks")
    prediction: float = Field(0.02, ge=0.0)
    error_aware: float = Field(0.02, ge=0.0, description="Eq. 15, in loss-aware runs only")
    adversarial: float = Field(0.001, ge=0.0)
    feature: float = Field(0.1, ge=0.0)
    diversity: float = Field(0.1, ge=0.0, description="of quantiser `gumbel` only, in place of the rate loss")


class PacketLoss(Section):
    """Packet losses in loss-aware training: rates drawn for each clip, from a three-state Markov chain."""

    rates: list[float] = [0.1, 0.2, 0.3, 0.4, 0.5]
    mean_burst: float = Field(2.0, ge=1.0, description="mean packets of a burst")
    wlan_share: float = Field(0.44, ge=0.0, le=1.0, description="share of clips with long bursts (390 of 890 hours)")


class Settings(Section):
    """Section `systems.tfcodec`."""

    spectrum: TfSpectrum = TfSpectrum()
    shape: TfShape = TfShape()
    quantiser: TfQuantiser = TfQuantiser()
    losses: TfLosses = TfLosses()
    packet_loss: PacketLoss = PacketLoss()
    crop_s: float = Field(1.6, gt=0.3, description="seconds of a clip that a training step sees")
    discriminator_filters: tuple[int, int, int, int] = (8, 8, 16, 16)
    training: dict[str, float | int | str] = Field({}, description="changes to `training` for this system's runs")


class TfRow(Row):
    """One row of `runs.tfcodec`."""

    system: Literal["tfcodec"] = "tfcodec"
    data: str = "dns"
    kbps: float = Field(gt=0.0, description="target of the rate loss")
    rate_weight: float | None = Field(None, ge=0.0, description="of the rate loss, in place of `losses.rate`")
    groups: int = Field(ge=1, description="G")
    codewords: int = Field(ge=2, description="K")
    predictor: Literal["none", "conv", "adaptive"] = "none"
    power: Literal["learnable", "fixed"] = "learnable"
    quantiser: Literal["distance_gumbel", "gumbel"] = "distance_gumbel"
    adversarial: bool = False
    feature_matching: bool = True
    loss_aware: bool = False

    @property
    def target_bits(self) -> float:
        """R_target: bits of a 40 ms step."""
        return self.kbps * 40.0


PARTS = {"systems": Settings, "runs": TfRow, "evaluation": Evaluation}
