"""Encoders that never meet, matched sizes, and standardisation inside the convolutions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from thinwire.errors import ParamError
from thinwire.nn.trainable import count_parameters
from thinwire.params.ndpca import NdpcaShape, Run
from thinwire.params.spectrum import Spectrum
from thinwire.systems.ndpca.model import NdpcaModel, build_model, encode_all, matched_width
from thinwire.systems.ndpca.modules import FrequencyExpansion, FrequencyProjection
from thinwire.systems.ndpca.representation import CHANNELS

Maker = Callable[..., NdpcaModel]


def batch(model: NdpcaModel, items: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.rand(items, model.mics, *model.grid, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("mics", [4, 8])
@pytest.mark.parametrize("representation", ["magnitude", "complex"])
def test_parameter_counts_match_at_the_default_scale(mics: int, representation: str) -> None:
    counts = {}
    with torch.device("meta"):
        for arch in ("E1D1", "E2D1", "E4D1"):
            model = NdpcaModel(NdpcaShape(), Spectrum(), arch, representation, 96, mics, 16_000)  # type: ignore[arg-type]
            counts[arch] = (count_parameters(model.encoders), count_parameters(model.decoder))
    for encoders, decoder in counts.values():
        assert abs(encoders / counts["E4D1"][0] - 1) < 0.01
        assert decoder == counts["E4D1"][1]


def test_a_width_of_the_four_encoders_is_their_own() -> None:
    assert matched_width(NdpcaShape(width=20), "E4D1", 4, 129, 32, 16) == 20


@pytest.mark.parametrize(("arch", "groups"), [("E1D1", 1), ("E2D1", 2), ("E4D1", 4)])
def test_a_microphone_reaches_its_own_encoder_alone(make_model: Maker, arch: str, groups: int) -> None:
    model = make_model(arch)
    x = batch(model)
    before = model.encode(x)
    assert [tuple(z.shape) for z in before] == [(3, 16 // groups)] * groups
    for mic in range(4):
        moved = x.clone()
        moved[:, mic] += 1.0
        changed = [not torch.equal(a, b) for a, b in zip(before, model.encode(moved), strict=True)]
        assert changed == [g == mic * groups // 4 for g in range(groups)]


@pytest.mark.parametrize("representation", ["magnitude", "mag_phase", "complex"])
@pytest.mark.parametrize("samples", [4000, 4100, 16_000])
def test_shapes(make_model: Maker, representation: str, samples: int) -> None:
    model = make_model(representation=representation, samples=samples)
    x = batch(model, 2)
    out = model(x, budget=5)
    assert out.output.shape == (2, CHANNELS[representation], 129, samples // 128 + 1)
    assert torch.cat(out.projected, 1).shape == (2, 16)
    plain = model(x)
    assert all(torch.equal(a, b) for a, b in zip(plain.latents, plain.projected, strict=True))


def test_standardising_convolutions() -> None:
    generator = torch.Generator().manual_seed(1)
    x = 3 + 2 * torch.rand(2, 5, 7, generator=generator)
    mean, std = torch.rand(5, generator=generator), 0.5 + torch.rand(5, generator=generator)
    inward, outward = FrequencyProjection(5, 4), FrequencyExpansion(4, 5)
    for layer in (inward, outward):
        layer.mean.copy_(mean)
        layer.std.copy_(std)
    explicit = torch.nn.functional.conv1d((x - mean[:, None]) / std[:, None], inward.weight, inward.bias)
    torch.testing.assert_close(inward(x), explicit, rtol=1e-5, atol=1e-5)
    h = torch.rand(2, 4, 7, generator=generator)
    explicit = torch.nn.functional.conv1d(h, outward.weight, outward.bias) * std[:, None] + mean[:, None]
    torch.testing.assert_close(outward(h), explicit, rtol=1e-5, atol=1e-5)


def test_statistics_come_from_training_data_and_travel_with_the_weights(make_model: Maker) -> None:
    model = make_model("E2D1", representation="complex")
    noisy = torch.randn(9, 4, *model.grid) * 2 + 1
    clean = torch.randn(9, *model.grid) * 3 - 1
    model.fit_statistics(noisy, clean)
    projection, output = model.encoders[0].projection, model.decoder.output
    bins = noisy.permute(2, 3, 0, 1, 4).flatten(2).flatten(0, 1)  # (C F, everything else)
    torch.testing.assert_close(projection.mean, bins.mean(1).repeat(2), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(projection.std, bins.std(1).repeat(2), rtol=1e-3, atol=1e-3)
    assert output.mean.mean().item() == pytest.approx(-1, abs=0.1)
    other = make_model("E2D1", representation="complex", seed=1)
    other.load_state_dict(model.state_dict())
    x = batch(model)
    assert torch.equal(model(x).output, other(x).output)


def test_constant_bins_do_not_divide_by_zero(make_model: Maker) -> None:
    model = make_model()
    model.fit_statistics(torch.zeros(3, 4, *model.grid), torch.zeros(3, *model.grid))
    assert torch.isfinite(model(batch(model)).output).all()


def test_clear_errors(make_model: Maker) -> None:
    with pytest.raises(
        ParamError, match=r"E4D1 shares 3 microphones out over 4 encoders; choose corpora\.chime6\.sources"
    ):
        make_model(mics=3)
    with pytest.raises(ParamError, match="E4D1: a latent of 6 floats cannot be shared out equally over 4 encoders"):
        make_model(latent=6)
    assert make_model("E1D1", mics=3).groups == 1


def test_a_fixed_model_has_a_latent_of_its_bandwidth(spectrum: Spectrum) -> None:
    run = Run(system="ndpca", after="x", steps=1, bottleneck="fixed", fixed_m=8)
    model = build_model(NdpcaShape(latent=16, width=8), spectrum, run, 4, 4000)
    assert model.latent == 8 and sum(z.shape[1] for z in model.encode(batch(model))) == 8


def test_all_items_are_encoded_in_blocks(make_model: Maker) -> None:
    model = make_model().eval()
    noisy = torch.rand(259, 4, *model.grid).half()
    blocks = encode_all(model, noisy)
    assert [z.shape for z in blocks] == [(259, 4)] * 4 and blocks[0].dtype == "float64"
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(blocks[2][256:]).float(), model.encode(noisy[256:].float())[2])
