"""The named losses of section 4.2.1.6 (Eq. 11 to 16) as means (facts 3.4.8), weighted elsewhere."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from thinwire.params.aucom_enhancer import EnhancerSpectrum
from thinwire.systems.aucom_enhancer.spectrum import Polar, compressed_stft


def anti_wrapped(x: Tensor) -> Tensor:
    """|x - 2 pi round(x / 2 pi)|: the distance to the nearest whole turn, 0 to pi (Eq. 13, bracket as facts 3.4.1)."""
    return (x - 2 * torch.pi * torch.round(x / (2 * torch.pi))).abs()


def phase_losses(phase: Tensor, phase_hat: Tensor) -> dict[str, Tensor]:
    """Anti-wrapped errors of phases (B, F, T) in radians: of themselves, of the group delay and of the instantaneous
    angular frequency (Eq. 14 to 16).

    The paper prints magnitudes, and the two differences along each other's axis; read as phases, group delay along
    frequency and angular frequency along time (facts 3.4.2, 3.4.3).
    """
    error = phase_hat - phase
    return {
        "instantaneous_phase": anti_wrapped(error).mean(),
        "group_delay": anti_wrapped(error.diff(dim=-2)).mean(),
        "angular_frequency": anti_wrapped(error.diff(dim=-1)).mean(),
    }


def waveform_losses(clean: Tensor, output: Tensor, spectrum: EnhancerSpectrum) -> dict[str, Tensor]:
    """`time` and `complex` of waveforms (B, N) (Eq. 11).

    Spectra are those of the waveforms, so that the output's is a consistent one, and compressed as the magnitudes are
    (facts 3.4.7); the complex error is the sum over real and imaginary part.
    """
    target, reached = (torch.view_as_real(compressed_stft(x, spectrum)) for x in (clean, output))
    return {
        "time": functional.l1_loss(output, clean),
        "complex": 2.0 * functional.mse_loss(reached, target),
    }


def enhancement_losses(
    clean: Tensor, target: Polar, output: Tensor, enhanced: Polar, spectrum: EnhancerSpectrum
) -> dict[str, Tensor]:
    """All losses without an adversary: clean waveforms (B, N) with their spectrum `target`, outputs with theirs as the
    network gave it.
    """
    return {
        "magnitude": functional.mse_loss(enhanced.magnitude, target.magnitude),
        **phase_losses(target.phase, enhanced.phase),
        **waveform_losses(clean, output, spectrum),
    }
