"""Levels, transforms and back, and the named losses against their closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from thinwire.params.spectrum import Spectrum
from thinwire.systems.ndpca.losses import LATENT, SPECTRAL, latent_losses, spectral_losses
from thinwire.systems.ndpca.representation import (
    frames_of,
    magnitude_of,
    prepare,
    spectra,
    synthesise,
    to_complex,
    to_network,
    waveform,
)

REPRESENTATIONS = ["magnitude", "mag_phase", "complex"]


def speechlike(items: int, samples: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noisy (items, 4, samples) and clean (items, samples)."""
    generator = np.random.default_rng(seed)
    time = np.arange(samples) / 16_000
    clean = 0.1 * np.stack([np.sin(2 * np.pi * f * time) for f in generator.uniform(100, 3000, items)])
    noisy = clean[:, None] + 0.02 * generator.standard_normal((items, 4, samples))
    return noisy.astype(np.float32), clean.astype(np.float32)


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_level_does_not_matter(spectrum: Spectrum, representation: str) -> None:
    noisy, clean = speechlike(3)
    gains = np.array([0.01, 0.3, 2.0, 4.0], np.float32)
    a = prepare(noisy, clean, spectrum, representation)  # type: ignore[arg-type]
    b = prepare(noisy * gains[None, :, None], clean * 0.05, spectrum, representation)  # type: ignore[arg-type]
    part = 0 if representation == "mag_phase" else slice(None)  # the phase of next to nothing turns with the last bit
    torch.testing.assert_close(a.noisy[:, :, part], b.noisy[:, :, part], rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(b.gain, a.gain * gains, rtol=1e-5)
    np.testing.assert_allclose(b.clean_gain, 0.05 * a.clean_gain, rtol=1e-5)


def test_spectra_have_unit_power(spectrum: Spectrum) -> None:
    noise = torch.randn(4, 64_000, generator=torch.Generator().manual_seed(0))
    assert spectra(noise, spectrum).abs().square().mean().item() == pytest.approx(1.0, rel=0.02)
    assert spectra(noise, spectrum).shape == (4, 129, frames_of(64_000, spectrum))


@pytest.mark.parametrize("representation", ["mag_phase", "complex"])
def test_round_trip_with_phase(spectrum: Spectrum, representation: str) -> None:
    noisy, clean = speechlike(3)
    data = prepare(noisy, clean, spectrum, representation)  # type: ignore[arg-type]
    audio = synthesise(data.clean.float(), spectrum, representation, 4000, 1).numpy() * data.clean_gain[:, None]  # type: ignore[arg-type]
    assert 10 * np.log10(np.square(clean).sum() / np.square(clean - audio).sum()) > 40


def test_magnitude_alone_goes_through_griffin_lim(spectrum: Spectrum) -> None:
    noisy, clean = speechlike(2)
    data = prepare(noisy, clean, spectrum, "magnitude")
    assert to_complex(data.clean.float(), spectrum, "magnitude") is None
    audio = synthesise(data.clean.float(), spectrum, "magnitude", 4000, 16)
    again = magnitude_of(to_network(spectra(audio, spectrum), spectrum, "magnitude"), "magnitude")
    assert (again - data.clean[:, 0].float()).square().mean() < 0.05 * data.clean.float().square().mean()
    torch.testing.assert_close(audio, synthesise(data.clean.float(), spectrum, "magnitude", 4000, 16))


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_silence_is_finite(spectrum: Spectrum, representation: str) -> None:
    data = prepare(np.zeros((2, 4, 4000), np.float32), np.zeros((2, 4000), np.float32), spectrum, representation)  # type: ignore[arg-type]
    assert all(torch.isfinite(x).all() for x in (data.noisy, data.clean, data.phase))
    audio = synthesise(data.clean.float(), spectrum, representation, 4000, 2)  # type: ignore[arg-type]
    assert torch.isfinite(audio).all() and audio.abs().max() < 1e-2
    output = data.clean.float().requires_grad_()
    losses = spectral_losses(data.clean.float(), output, representation)  # type: ignore[arg-type]
    assert all(torch.isfinite(value) for value in losses.values())
    (gradient,) = torch.autograd.grad(torch.stack(list(losses.values())).sum(), output)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_magnitudes_agree_between_representations(spectrum: Spectrum, representation: str) -> None:
    noisy, clean = speechlike(2)
    data = prepare(noisy, clean, spectrum, representation)  # type: ignore[arg-type]
    reference = prepare(noisy, clean, spectrum, "magnitude")
    torch.testing.assert_close(
        magnitude_of(data.clean.float(), representation),  # type: ignore[arg-type]
        reference.clean[:, 0].float(),
        atol=5e-3,
        rtol=5e-3,
    )
    assert data.phase.shape == (2, 129, 32) and len(data) == 2


def test_waveform_undoes_spectra(spectrum: Spectrum) -> None:
    x = torch.randn(2, 4100, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(waveform(spectra(x, spectrum), spectrum, 4100), x, atol=1e-4, rtol=1e-4)


def test_spectral_losses_by_hand() -> None:
    target = torch.tensor([[[[3.0, 0.0], [0.0, 4.0]]], [[[1.0, 1.0], [1.0, 1.0]]]])  # (2, 1, 2, 2)
    output = target + torch.tensor([1.0, 0.5])[:, None, None, None]
    losses = spectral_losses(target, output, "magnitude")
    assert set(losses) == {"mse", "snr", "psnr", "magnitude"}  # no phase, so no such loss
    assert losses["mse"].item() == pytest.approx((1.0 + 0.25) / 2)
    assert losses["snr"].item() == pytest.approx(-(10 * math.log10(25 / 4) + 10 * math.log10(1 / 0.25)) / 2)
    assert losses["psnr"].item() == pytest.approx(-(20 * math.log10(4) + 20 * math.log10(2)) / 2)
    assert losses["magnitude"].item() == pytest.approx(0.75)


def test_better_is_less() -> None:
    generator = torch.Generator().manual_seed(0)
    target, error = torch.rand(2, 3, 2, 9, 8, generator=generator)
    for representation in ("mag_phase", "complex"):
        near, far = (
            spectral_losses(target[:, :2], target[:, :2] + s * error[:, :2], representation)  # type: ignore[arg-type]
            for s in (0.1, 0.4)
        )
        assert set(near) == set(SPECTRAL)
        assert all(near[name] < far[name] for name in SPECTRAL)


@pytest.mark.parametrize("representation", ["mag_phase", "complex"])
def test_phase_error_is_anti_wrapped_and_weighted(representation: str) -> None:
    angles = torch.tensor([[0.95 * math.pi, 1.0]])
    magnitude = torch.tensor([[3.0, 1.0]])

    def network(angle: torch.Tensor) -> torch.Tensor:
        if representation == "mag_phase":
            return torch.stack([magnitude, angle / math.pi])[None]
        return torch.stack([magnitude * torch.cos(angle), magnitude * torch.sin(angle)])[None]

    turned = network(angles + torch.tensor([[0.1 * math.pi, -0.5]]))
    loss = spectral_losses(network(angles), turned, representation, ["phase"])  # type: ignore[arg-type]
    assert list(loss) == ["phase"]
    assert loss["phase"].item() == pytest.approx((3 * 0.1 * math.pi + 0.5) / 4, rel=1e-4)


@pytest.mark.parametrize("name", [*SPECTRAL, *LATENT])
def test_each_loss_by_name_alone(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    target, output = torch.rand(2, 3, 2, 9, 8, generator=generator)
    latents = list(torch.randn(3, 6, 4, generator=generator))
    every = spectral_losses(target, output, "complex") | latent_losses(latents, latents)
    alone = spectral_losses(target, output, "complex", [name]) | latent_losses(latents, latents, [name])
    assert list(alone) == [name] and alone[name] == every[name]


def test_nuclear_norm_against_numpy() -> None:
    latents = list(torch.randn(3, 7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    z = np.concatenate([x.numpy() for x in latents], axis=1)
    z = z - z.mean(0)
    expected = np.linalg.norm(z / np.linalg.norm(z), "nuc") / 7
    assert latent_losses(latents, latents)["nuclear"].item() == pytest.approx(expected, rel=1e-4)
    repeated = [torch.eye(4).requires_grad_(), torch.eye(4).requires_grad_()]
    for gradient in torch.autograd.grad(latent_losses(repeated, repeated)["nuclear"], repeated):
        assert torch.isfinite(gradient).all()


def test_cosine_over_pairs() -> None:
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[-1.0, 0.0]])
    c = torch.tensor([[math.cos(1.0), math.sin(1.0)]])
    losses = latent_losses([a, b, c], [a, b, c])
    cosines = [-1.0, math.cos(1.0), -math.cos(1.0)]
    assert losses["cosine_signed"].item() == pytest.approx(sum(cosines), abs=1e-6)
    assert losses["cosine"].item() == pytest.approx(sum(x**2 for x in cosines), rel=1e-6)


def test_one_encoder_has_no_pairs() -> None:
    z = [torch.randn(5, 4)]
    losses = latent_losses(z, z)
    assert losses["cosine"] == 0.0 and losses["cosine_signed"] == 0.0 and losses["nuclear"] > 0.0


def test_cosine_is_of_what_reaches_the_decoder() -> None:
    latents, projected = list(torch.randn(2, 2, 5, 4)), list(torch.randn(2, 2, 5, 4))
    assert latent_losses(latents[0], projected[0])["cosine"] == latent_losses(latents[1], projected[0])["cosine"]
