"""Measures of quality, and intervals for their means."""

from thinwire.metrics.perceptual import Score, pesq_wb, plcmos, stoi, visqol_speech
from thinwire.metrics.spectral import log_spectral_distance, phase_error, psnr, spectral_snr
from thinwire.metrics.statistics import Interval, bootstrap_mean, paired_bootstrap, spearman
from thinwire.metrics.waveform import si_sdr

__all__ = [
    "Interval",
    "Score",
    "bootstrap_mean",
    "log_spectral_distance",
    "paired_bootstrap",
    "pesq_wb",
    "phase_error",
    "plcmos",
    "psnr",
    "si_sdr",
    "spearman",
    "spectral_snr",
    "stoi",
    "visqol_speech",
]
