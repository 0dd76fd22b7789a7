"""The named losses of section 4.1 (Eq. 10 to 13) and section 5.2, weighted elsewhere and in one place."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from thinwire.params.ndpca import Representation
from thinwire.systems.ndpca.representation import magnitude_of

SPECTRAL = ("mse", "snr", "psnr", "magnitude", "phase")
LATENT = ("cosine", "cosine_signed", "nuclear")
EPS = 1e-9


def spectral_losses(
    target: Tensor, output: Tensor, representation: Representation, names: Collection[str] = SPECTRAL
) -> dict[str, Tensor]:
    """Those of Eq. 10, 12, 13, magnitude and phase losses of (B, C, F, T) tensors that `names` asks for.

    SNR and PSNR are negated, so that less is better (facts 1.8.2); MAX of Eq. 13 is the largest ground-truth magnitude
    of each item. `phase` is the anti-wrapped error in radians, weighted by the ground-truth magnitude; a representation
    without phase has none.
    """
    error = (target - output).square().flatten(1).mean(1)
    losses = {"mse": error.mean()}
    if "snr" in names:
        power = target.square().flatten(1).mean(1)
        losses["snr"] = -10.0 * torch.log10((power + EPS) / (error + EPS)).mean()
    if "psnr" in names:
        peak = magnitude_of(target, representation).flatten(1).amax(1)
        losses["psnr"] = -20.0 * torch.log10((peak + EPS) / (error + EPS).sqrt()).mean()
    if "magnitude" in names:
        losses["magnitude"] = (magnitude_of(target, representation) - magnitude_of(output, representation)).abs().mean()
    if "phase" in names and representation != "magnitude":
        difference = _angle(target, representation) - _angle(output, representation)
        wrapped = (difference - 2 * torch.pi * torch.round(difference / (2 * torch.pi))).abs()
        weight = magnitude_of(target, representation)
        losses["phase"] = (wrapped * weight).sum() / weight.sum().clamp_min(EPS)
    return {name: value for name, value in losses.items() if name in names}


def _angle(network: Tensor, representation: Representation) -> Tensor:
    if representation == "mag_phase":
        return network.select(-3, 1) * torch.pi
    real, imaginary = network.select(-3, 0), network.select(-3, 1)
    return torch.atan2(imaginary, torch.where(real.abs() + imaginary.abs() < 1e-6, torch.ones_like(real), real))


def latent_losses(
    latents: Sequence[Tensor], projected: Sequence[Tensor], names: Collection[str] = LATENT
) -> dict[str, Tensor]:
    """Cosine (Eq. 11) on back-projected latents, squared and signed, and the nuclear norm of the centred, normalised
    latent (facts 1.3.6, 1.3.8).

    Eq. 11 as printed is least for opposite latents, which are as redundant as equal ones: the squared cosine is
    trained, the signed one logged as `cosine_signed` (facts 1.8.3). One encoder has no pairs: both are 0 by
    construction.
    """
    zero = latents[0].new_zeros(())
    losses = {}
    if "cosine" in names or "cosine_signed" in names:
        cosines = [torch.cosine_similarity(a, b, dim=1, eps=1e-6) for a, b in itertools.combinations(projected, 2)]
        losses["cosine"] = sum((c.square().mean() for c in cosines), zero)
        losses["cosine_signed"] = sum((c.mean() for c in cosines), zero)
    if "nuclear" in names:
        joint = torch.cat(list(latents), dim=1)
        centred = joint - joint.mean(0, keepdim=True)
        losses["nuclear"] = _nuclear(centred / centred.norm().clamp_min(EPS)) / len(joint)
    return {name: value for name, value in losses.items() if name in names}


def _nuclear(matrix: Tensor) -> Tensor:
    """Nuclear norm through the eigenvalues of the Gram matrix: its gradient exists where singular values repeat."""
    gram = matrix.T @ matrix
    values = torch.linalg.eigvalsh(
        gram.double() + 1e-12 * torch.eye(len(gram), device=gram.device, dtype=torch.float64)
    )
    return values.clamp_min(1e-12).sqrt().sum().to(matrix.dtype)
