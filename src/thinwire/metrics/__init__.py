"""Measures of quality, and intervals for their means."""

from thinwire.metrics.perceptual import Score, pesq_wb, plcmos, stoi
from thinwire.metrics.spectral import phase_error, psnr, spectral_snr
from thinwire.metrics.statistics import Interval, bootstrap_mean, paired_bootstrap, spearman
from thinwire.metrics.waveform import si_sdr

__all__ = [
    "Interval",
    "Score",
    "bootstrap_mean",
    "paired_bootstrap",
    "pesq_wb",
    "phase_error",
    "plcmos",
    "psnr",
    "si_sdr",
    "spearman",
    "spectral_snr",
    "stoi",
]
