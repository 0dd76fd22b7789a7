"""The enhancer: shapes, bounds, levels, silence; spectra there and back."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from thinwire.errors import ParamError
from thinwire.params.aucom_enhancer import EnhancerShape, EnhancerSpectrum, Settings
from thinwire.systems.aucom_enhancer.model import AuComSenNet, Encoder
from thinwire.systems.aucom_enhancer.performer import Favor
from thinwire.systems.aucom_enhancer.spectrum import Polar, analyse, synthesise

PAPER = Settings(
    spectrum=EnhancerSpectrum(n_fft=400, hop_length=100),
    shape=EnhancerShape(channels=64, dense_layers=4, heads=4, random_features=44, expansion=4),
)


def build(settings: Settings) -> AuComSenNet:
    torch.manual_seed(0)
    return AuComSenNet(settings).eval().requires_grad_(False)


@pytest.mark.parametrize("spectrum", [EnhancerSpectrum(), PAPER.spectrum, EnhancerSpectrum(power=1.0)])
def test_a_spectrum_gives_its_waveform_back(spectrum: EnhancerSpectrum, pairs: dict[str, Tensor]) -> None:
    audio = pairs["noisy"][:, :9_001]
    polar = analyse(audio, spectrum)
    assert polar.magnitude.shape == (4, spectrum.n_fft // 2 + 1, 1 + 9_001 // spectrum.hop_length)
    # behind the last frame's centre, a waveform of another length than whole hops fades out
    whole = 9_001 // spectrum.hop_length * spectrum.hop_length
    assert torch.allclose(synthesise(polar, spectrum, 9_001)[:, :whole], audio[:, :whole], atol=1e-4)
    twice = analyse(2.0 * audio, spectrum).magnitude
    loud = polar.magnitude > 0.1
    assert torch.allclose(twice[loud], 2.0**spectrum.power * polar.magnitude[loud], rtol=1e-3)


def test_the_papers_encoder_halves_the_bins() -> None:
    latent = Encoder(PAPER.shape)(torch.randn(1, 2, 6, 201))
    assert latent.shape == (1, 64, 6, 100)


@pytest.mark.parametrize("samples", [128, 5_000, 12_000])
def test_mask_and_phase_are_bounded_and_the_waveform_keeps_its_length(
    samples: int, tiny: Settings, pairs: dict[str, Tensor]
) -> None:
    model, audio = build(tiny), pairs["noisy"][:, :samples]
    noisy = analyse(audio, tiny.spectrum)
    enhanced = model(noisy)
    assert isinstance(enhanced, Polar)
    assert enhanced.magnitude.shape == enhanced.phase.shape == noisy.magnitude.shape
    assert bool((enhanced.magnitude >= 0).all()) and bool((enhanced.magnitude <= 2.0 * noisy.magnitude + 1e-6).all())
    assert float(enhanced.phase.abs().max()) <= math.pi + 1e-5
    assert model.enhance(audio).shape == audio.shape


def test_level_goes_through_and_silence_stays_silence(tiny: Settings, pairs: dict[str, Tensor]) -> None:
    model, audio = build(tiny), pairs["noisy"][:, :6_000]
    quiet, loud = model.enhance(audio / 128), model.enhance(audio)  # a power of two, exact in floating point
    assert torch.allclose(128 * quiet, loud, atol=1e-6)
    assert torch.equal(model.enhance(torch.zeros(2, 4_000)), torch.zeros(2, 4_000))


def test_items_of_a_batch_do_not_touch_one_another(tiny: Settings, pairs: dict[str, Tensor]) -> None:
    model, audio = build(tiny), pairs["noisy"][:, :6_000]
    assert torch.allclose(model.enhance(audio)[1:2], model.enhance(audio[1:2]), atol=1e-4)


@pytest.mark.parametrize("shape", [(4_000,), (1, 127), (1, 1, 4_000)])
def test_other_shapes_are_refused(shape: tuple[int, ...], tiny: Settings) -> None:
    with pytest.raises(ParamError, match="N >= 128"):
        build(tiny).enhance(torch.zeros(shape))


def test_features_are_redrawn_every_few_steps_and_travel_with_the_weights(tiny: Settings) -> None:
    model, generator = build(tiny), torch.Generator().manual_seed(0)
    favors = [module for module in model.modules() if isinstance(module, Favor)]
    before = [favor.projection.clone() for favor in favors]
    changed = []
    for _ in range(4):
        model.stepped(generator)
        changed.append([not torch.equal(f.projection, b) for f, b in zip(favors, before, strict=True)])
    assert changed == [[False] * 2, [False] * 2, [True] * 2, [True] * 2]  # every 3 steps
    twin = AuComSenNet(tiny)
    twin.load_state_dict(model.state_dict())
    assert int(twin.updates) == 4
    audio = torch.randn(1, 2_000, generator=generator)
    assert torch.equal(twin.eval().enhance(audio), model.enhance(audio))


@pytest.mark.parametrize(
    ("section", "values", "says"),
    [
        (EnhancerSpectrum, {"n_fft": 402}, "multiple of 4"),
        (EnhancerSpectrum, {"n_fft": 320, "hop_length": 161}, "at most half"),
        (EnhancerShape, {"channels": 6, "heads": 4}, "multiple of heads"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(section: type, values: dict[str, int], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        section(**values)
