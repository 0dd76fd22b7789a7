"""Waveforms as compressed magnitude and phase, and back (section 4.2.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from thinwire.params.aucom_enhancer import EnhancerSpectrum
from thinwire.signal.features import power_compress, power_expand
from thinwire.signal.stft import istft, stft

_QUIETEST = 1e-6
"""RMS below which a waveform is no longer raised to RMS 1."""


@dataclass(frozen=True)
class Polar:
    """A spectrum as its compressed magnitude |X|^r (B, F, T) and its phase (B, F, T) in radians."""

    magnitude: Tensor
    phase: Tensor

    def as_complex(self) -> Tensor:
        """|X|^r e^(j phase), (B, F, T) complex."""
        return torch.complex(self.magnitude * self.phase.cos(), self.magnitude * self.phase.sin())


def analyse(audio: Tensor, spectrum: EnhancerSpectrum) -> Polar:
    """Compressed magnitude and phase of audio (B, N), F = n_fft / 2 + 1 bins, T = 1 + N // hop_length frames."""
    X = compressed_stft(audio, spectrum)
    return Polar(X.abs(), X.angle())


def compressed_stft(audio: Tensor, spectrum: EnhancerSpectrum) -> Tensor:
    """Complex spectrum (B, F, T) of audio (B, N) with magnitudes to the power r, phases kept."""
    return power_compress(stft(audio, spectrum.n_fft, spectrum.hop_length), spectrum.power)


def synthesise(polar: Polar, spectrum: EnhancerSpectrum, samples: int) -> Tensor:
    """Waveform (B, samples) of a compressed spectrum."""
    X = power_expand(polar.as_complex(), spectrum.power)
    return istft(X, spectrum.n_fft, spectrum.hop_length, samples)


def level_of(audio: Tensor) -> Tensor:
    """RMS of each waveform (B, N), (B, 1): the network sees audio at RMS 1, as MP-SENet does."""
    return audio.square().mean(-1, keepdim=True).sqrt().clamp(min=_QUIETEST)
