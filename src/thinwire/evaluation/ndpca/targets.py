"""What an estimate is held against: clean speech, and the noisy microphones that it was coded from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from thinwire.evaluation.ndpca.common import Bench
from thinwire.metrics.perceptual import pesq_wb, stoi
from thinwire.metrics.spectral import psnr
from thinwire.metrics.waveform import si_sdr
from thinwire.params.ndpca import Representation
from thinwire.params.spectrum import Spectrum
from thinwire.systems.ndpca.representation import magnitude_of, spectra, synthesise, to_complex

LEVEL = 0.05
"""RMS at which unit-power waveforms are handed to PESQ and STOI: speech at an ordinary level, far from full scale."""


@dataclass(frozen=True)
class Views:
    """Spectra (..., F, T) in the three ways that they are compared in: compressed magnitude, magnitude and phase in
    radians side by side (..., F, 2 T) (the paper's, facts 1.8.6), and compressed complex.
    """

    magnitude: np.ndarray
    paper: np.ndarray
    complex: np.ndarray


def views(complex_spectra: Tensor, spectrum: Spectrum, magnitude: Tensor | None = None) -> Views:
    """Views of complex spectra (..., F, T); `magnitude` is the compressed one where a decoder or a sampler gives it."""
    level, phase = complex_spectra.abs(), complex_spectra.angle()
    compressed = level.clamp_min(1e-12) ** spectrum.power
    return Views(
        (compressed if magnitude is None else magnitude).numpy(),
        torch.cat([level, phase], dim=-1).numpy(),
        torch.polar(compressed, phase).numpy(),
    )


@dataclass(frozen=True)
class Estimate:
    """n items as they come out of a coder, or out of the sampler behind it (`ending` of its columns): waveforms
    (n, samples) at unit power and views (n, F, T).
    """

    ending: str
    audio: np.ndarray
    views: Views


def estimate_of(bench: Bench, output: Tensor, representation: Representation, ending: str) -> Estimate:
    """Of a network's output (n, C, F, T); where that carries no phase, waveform and phase are Griffin-Lim's."""
    spectrum = bench.model.spectrum
    audio = waveform_of(bench, output, representation)
    phased = to_complex(output, spectrum, representation)
    own = spectra(audio, spectrum) if phased is None else phased
    return Estimate(ending, audio.numpy(), views(own, spectrum, magnitude_of(output, representation)))


def waveform_of(bench: Bench, output: Tensor, representation: Representation) -> Tensor:
    """Waveforms (n, samples) of a network's output (n, C, F, T), with the evaluation's settings."""
    iterations = bench.settings.griffin_lim_iterations
    return synthesise(output, bench.model.spectrum, representation, bench.model.samples, iterations)


@dataclass(frozen=True)
class Target:
    """One target of n items: `audio` (n, samples) at unit power, views (n, K, F, T) of its K channels, and of each the
    MAX of PSNR (n, K): the channel's own largest magnitude, compressed (`peak`) and plain (`peak_plain`).

    `suffix` ends its columns. Spectral measures are means over channels; waveforms are held against the first channel,
    since PESQ is dear.
    """

    suffix: str
    audio: np.ndarray
    views: Views
    peak: np.ndarray
    peak_plain: np.ndarray

    def measures(self, estimate: Estimate) -> dict[str, np.ndarray]:
        """What needs no listener, (n,) in dB, by column: PSNR on magnitude, in the paper's sense and on the complex
        spectrum, spectral SNR, SI-SDR.
        """
        own, other = self.views, estimate.views
        error = psnr(own.magnitude, other.magnitude[:, None], 1.0)  # 1 / MSE in dB: PSNR and SNR differ by a level
        power = np.square(own.magnitude, dtype=np.float64).mean((-2, -1))
        spectral = {
            f"psnr{estimate.ending or '_magnitude'}": error + 20.0 * np.log10(self.peak),
            f"snr_spectral{estimate.ending}": error + 10.0 * np.log10(power),
            f"psnr_paper{estimate.ending}": psnr(own.paper, other.paper[:, None], self.peak_plain),
            f"psnr_complex{estimate.ending}": psnr(own.complex, other.complex[:, None], self.peak),
        }
        named = {name: value.mean(1) for name, value in spectral.items()}
        named[f"si_sdr{estimate.ending}"] = si_sdr(self.audio, estimate.audio)
        return {f"{name}{self.suffix}": value for name, value in named.items()}

    def columns_heard(self, estimate: Estimate) -> list[str]:
        """The columns of what `heard` returns."""
        return [f"{name}{estimate.ending}{self.suffix}" for name in ("pesq", "stoi")]

    def pairs(self, estimate: Estimate) -> list[tuple[np.ndarray, np.ndarray]]:
        """Arguments of `heard`, one pair an item."""
        return list(zip(LEVEL * self.audio, LEVEL * estimate.audio, strict=True))


def heard(target: np.ndarray, test: np.ndarray) -> tuple[float, float]:
    """PESQ and STOI of one waveform (samples,) against another."""
    return float(pesq_wb(target, test)), float(stoi(target, test))


def targets_of(bench: Bench, some: np.ndarray) -> list[Target]:
    """The clean target and the noisy one of chosen items, with all that does not depend on an estimate."""
    clean = (bench.segments.clean[some] / bench.data.clean_gain[some, None])[:, None]
    noisy = bench.segments.noisy[some] / bench.data.gain[some, :, None]
    return [_target(clean, "", bench.model.spectrum), _target(noisy, "_noisy", bench.model.spectrum)]


def _target(audio: np.ndarray, suffix: str, spectrum: Spectrum) -> Target:
    """Of waveforms (n, K, samples)."""
    own = spectra(torch.from_numpy(audio), spectrum)
    seen = views(own, spectrum)
    return Target(suffix, audio[:, 0], seen, seen.magnitude.max((-2, -1)), own.abs().amax((-2, -1)).numpy())
