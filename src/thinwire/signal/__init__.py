"""Signals: short-time spectra, power compression, mel features, waveforms from magnitudes."""

from thinwire.signal.features import mel_filterbank, power_compress, power_expand
from thinwire.signal.stft import griffin_lim, istft, stft

__all__ = ["griffin_lim", "istft", "mel_filterbank", "power_compress", "power_expand", "stft"]
