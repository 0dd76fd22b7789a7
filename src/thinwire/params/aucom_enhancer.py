"""Parameters of `aucom_enhancer`, the enhancer AUComSENNet of the paper "Extreme Compression for Edge-to-Server Audio"
(AUCOM)."""

from __future__ import annotations

from pydantic import Field, model_validator

from thinwire.params.base import Section


class EnhancerSpectrum(Section):
    """STFT and power compression of magnitudes; the paper's sizes (section 5.2) are 400 and 100."""

    n_fft: int = Field(320, ge=64, multiple_of=4, description="a multiple of 4, so that n_fft / 2 + 1 bins are odd")
    hop_length: int = Field(160, ge=16)
    power: float = Field(0.3, gt=0.0, le=1.0, description="r of section 4.2.1.1")

    @model_validator(mode="after")
    def _overlap(self) -> EnhancerSpectrum:
        if 2 * self.hop_length > self.n_fft:
            raise ValueError(f"hop_length must be at most half of n_fft, found {self.hop_length} of {self.n_fft}")
        return self


class EnhancerShape(Section):
    """Widths; the defaults are the small model, `presets/paper.yaml` holds the paper's."""

    channels: int = Field(8, ge=2, description="N_x (paper: 64)")
    dense_layers: int = Field(3, ge=1, description="layers of a WTDenseBlock, dilations 1, 2, 4, ... (MP-SENet: 4)")
    wavelet_levels: int = Field(1, ge=1, description="levels of a wavelet convolution")
    heads: int = Field(2, ge=1, description="of each Performer (paper: 4)")
    random_features: int = Field(8, ge=1, description="of a Performer's kernel (16 ln 16 = 44 for heads of 16)")
    redraw_every: int = Field(1000, ge=1, description="training steps after which the random features are drawn anew")
    expansion: int = Field(2, ge=1, description="width of a Performer's feed-forward layer, in channels (default: 4)")
    pairs: int = Field(1, ge=1, description="pairs of a time and a frequency Performer")

    @model_validator(mode="after")
    def _heads(self) -> EnhancerShape:
        if self.channels % self.heads:
            raise ValueError(f"channels must be a multiple of heads, found {self.channels} and {self.heads}")
        return self


class EnhancerLosses(Section):
    """Weights of the named losses: those of the paper (Eq. 17), its one for the phase on each of Eq. 18's terms."""

    magnitude: float = Field(0.9, ge=0.0)
    instantaneous_phase: float = Field(0.3, ge=0.0)
    group_delay: float = Field(0.3, ge=0.0)
    angular_frequency: float = Field(0.3, ge=0.0)
    complex: float = Field(0.1, ge=0.0)
    time: float = Field(0.2, ge=0.0)
    metric: float = Field(0.05, ge=0.0, description="0: no metric discriminator")


class MetricJudge(Section):
    """The metric discriminator (section 4.2.1.5)."""

    filters: tuple[int, int, int, int] = Field((8, 16, 16, 32), description="of its blocks (paper: 16, 32, 64, 128)")
    dropout: float = Field(0.3, ge=0.0, lt=1.0)
    pesq_items: int = Field(1, ge=1, description="items of a batch that PESQ is computed for, 30 ms a second of audio")
    pesq_processes: int = Field(1, ge=1, description="processes that compute it")


class Settings(Section):
    """Section `systems.aucom_enhancer`."""

    spectrum: EnhancerSpectrum = EnhancerSpectrum()
    shape: EnhancerShape = EnhancerShape()
    losses: EnhancerLosses = EnhancerLosses()
    discriminator: MetricJudge = MetricJudge()
    crop_s: float = Field(1.0, ge=0.5, description="seconds of a clip that a training step sees (MP-SENet: 2)")
    gate_threshold: float = Field(0.02, gt=0.0, lt=1.0, description="RMS of the background that calls for enhancement")
    training: dict[str, float | int | str] = Field({}, description="changes to `training` for this system's runs")


PARTS = {"systems": Settings}
