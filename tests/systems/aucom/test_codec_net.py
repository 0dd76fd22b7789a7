"""AuComNet's sizes as printed, its symbols and normalisation, and its training losses."""

from __future__ import annotations

import math

import pytest
import torch

from thinwire.errors import CheckpointError
from thinwire.nn.trainable import count_parameters
from thinwire.params.aucom import AucomRow
from thinwire.params.aucom_codec import AucomFbank, Settings
from thinwire.systems.aucom.codec_net import AuComNet
from thinwire.systems.aucom.counting import encoder_complexity
from thinwire.systems.aucom.normalisation import SIGMA_FLOOR, LatentNormalisation, measure_tables
from thinwire.systems.aucom.system import AucomCodecSystem, crop

TINY = Settings(spectrum=AucomFbank(n_mels=16), chunk_s=0.4, crop_s=0.2, channels=4, prior_filters=(3, 3))


def row(variant: str = "v1", lmbda: float | None = None) -> AucomRow:
    return AucomRow(after="-", steps=1, variant=variant, lmbda=lmbda)  # type: ignore[arg-type]


def tiny_system(variant: str = "v1", lmbda: float | None = None) -> AucomCodecSystem:
    torch.manual_seed(0)
    return AucomCodecSystem(TINY, row(variant, lmbda))


def features(items: int = 6, seed: int = 0) -> torch.Tensor:
    """(items, 16, 40) smooth patterns around -6, as log energies are."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(items, 1, 5, 8, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (16, 40), mode="bicubic")[:, 0]
    return 3.0 * smooth - 6.0


def ready(variant: str = "v1") -> AuComNet:
    """A network with statistics and tables of its material."""
    net = tiny_system(variant).model.eval().requires_grad_(False)
    net.fit_statistics(features())
    scale = measure_tables([net.latent(features(32, 1))])
    net.normalisation.attach(scale.mu, scale.sigma)
    return net


def test_version_1_with_80_mels_has_the_printed_size() -> None:
    """65.0 k parameters and 2.56 G operations a minute, by facts 3.1 (i)."""
    net = AuComNet(Settings(), row())
    assert count_parameters(net.encoder) == 65_282
    counted = encoder_complexity(net).as_printed.operations
    assert counted / 1e9 == pytest.approx(2.56, rel=0.02)


@pytest.mark.parametrize(
    ("variant", "n_mels", "image"),
    [("v1", 80, (2, 20)), ("v2", 80, (1, 20)), ("v3", 80, (1, 10)), ("v1", 128, (2, 32)), ("v3", 128, (1, 16))],
)
def test_the_latent_has_a_quarter_of_the_resolution_and_an_eighth_of_version_3s_mels(
    variant: str, n_mels: int, image: tuple[int, int]
) -> None:
    settings = Settings(spectrum=AucomFbank(n_mels=n_mels), channels=4)
    net = AuComNet(settings, row(variant)).requires_grad_(False)
    f = torch.randn(1, n_mels, 500)
    r = net.encode_latent(f)
    assert r.shape == (1, *image, 125) and net.rows == image[0] * image[1] and net.columns == 125
    assert net.decode_latent(r).shape == f.shape
    assert torch.equal(net.as_image(net.as_rows(r)), r)


@pytest.mark.parametrize("variant", ["v1", "v3"])
def test_symbols_are_the_rounded_normalised_latent(variant: str) -> None:
    net, f = ready(variant), features(3, 2)
    r = net.as_rows(net.encode_latent(f))
    tables = net.normalisation.tables
    for tau in (0.25, 1.0, 3.0):
        symbols = net.symbols(f, tau)
        assert symbols.dtype == torch.int32 and symbols.shape == (3, net.rows, 10)
        assert float(((r - tables.mu) / tables.sigma - tau * symbols).abs().max()) <= 0.5 * tau * (1 + 1e-5)
    assert torch.equal(net.symbols(f), torch.round(net.normalise(net.encode_latent(f))).int())


def test_small_steps_give_what_the_transforms_give() -> None:
    net, f = ready(), features(3, 2)
    exact = net.decode_latent(net.encode_latent(f))
    errors = [float((net.features(net.symbols(f, tau), tau) - exact).abs().mean()) for tau in (1e-4, 0.1, 1.0)]
    assert errors[0] < 1e-5 and 10 * errors[0] < errors[1] and 3 * errors[1] < errors[2]


def test_symbols_need_tables() -> None:
    net = tiny_system().model.eval()
    with pytest.raises(CheckpointError, match="no normalisation tables"):
        net.symbols(features())
    with pytest.raises(CheckpointError, match="do not fit"):
        net.normalisation.attach(torch.zeros(3, 10), torch.ones(3, 10))
    with pytest.raises(CheckpointError, match="sigma of 0"):
        net.normalisation.attach(torch.zeros(net.rows, 10), torch.zeros(net.rows, 10))


def test_tables_are_no_part_of_the_weights() -> None:
    net = ready()
    fresh = tiny_system().model
    fresh.load_state_dict(net.state_dict())
    assert fresh.normalisation.mu is None


def test_tables_are_means_and_deviations_however_batched() -> None:
    generator = torch.Generator().manual_seed(0)
    latents = 5.0 + torch.randn(50, 3, 7, generator=generator) * torch.rand(3, 7, generator=generator).add(0.5)
    whole, parts = measure_tables([latents]), measure_tables(latents.split(8))
    assert torch.allclose(whole.mu, latents.mean(0), atol=1e-5)
    assert torch.allclose(whole.sigma, latents.std(0, correction=0), atol=1e-4)
    assert torch.allclose(whole.mu, parts.mu, atol=1e-5) and torch.allclose(whole.sigma, parts.sigma, atol=1e-5)
    normalised = whole.normalise(latents)
    assert torch.allclose(whole.restore(normalised), latents, atol=1e-5)


def test_a_place_that_never_changed_has_a_floor() -> None:
    latents = torch.randn(100, 2, 5, generator=torch.Generator().manual_seed(0))
    latents[:, 0, 4] = 3.0
    latents[:, 1] = 1.0
    sigma = measure_tables([latents]).sigma
    of_row = float(latents[:, 0].std())
    assert float(sigma[0, 4]) == pytest.approx(SIGMA_FLOOR * of_row, rel=0.2) and bool((sigma[1] > 0).all())


def test_statistics_of_rows_follow_the_batches() -> None:
    made = LatentNormalisation(2)
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        r = torch.tensor([[1.0], [-2.0]]) + torch.tensor([[0.5], [3.0]]) * torch.randn(16, 2, 20, generator=generator)
        normalised = made.of_rows(r).normalise(r)
        assert torch.allclose(normalised.mean((0, 2)), torch.zeros(2), atol=1e-5)
        assert torch.allclose(normalised.var((0, 2)), torch.ones(2), atol=1e-2)
    scale = made.eval().of_rows(r)
    assert torch.allclose(scale.mu[:, 0], torch.tensor([1.0, -2.0]), atol=0.1)
    assert torch.allclose(scale.sigma[:, 0], torch.tensor([0.5, 3.0]), rtol=0.1)


def test_losses_are_named_weighted_and_reach_every_weight() -> None:
    made = tiny_system(lmbda=3.0)
    made.model.fit_statistics(features())
    out = made({"clean": features()}, torch.Generator().manual_seed(0))
    assert set(out.named) == {"rate", "distortion", "kbps"}
    # v1 with 16 mels: 8 rows of 25 symbols a second
    assert float(out.named["kbps"]) == pytest.approx(float(out.named["rate"].detach()) * 8 * 25 / 1000)
    per_symbol = 16 * 100 / (8 * 25)
    expected = out.named["rate"] + 3.0 * per_symbol * out.named["distortion"]
    assert float(made.total(out).detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    made.total(out).backward()
    assert not [name for name, p in made.named_parameters() if p.grad is None]
    assert tiny_system().weights["distortion"] == pytest.approx(TINY.lmbda * per_symbol)


def test_every_draw_comes_from_the_generator() -> None:
    one, two, other = (
        tiny_system()({"clean": features()}, torch.Generator().manual_seed(seed)).named for seed in (0, 0, 1)
    )
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["rate"], other["rate"])


def test_training_adds_uniform_noise_of_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eq. 22: U(-.5, .5), where validation rounds."""
    made, coded = tiny_system(), []
    bits = made.model.prior.bits
    monkeypatch.setattr(made.model.prior, "bits", lambda r_hat: coded.append(r_hat.detach()) or bits(r_hat))
    analysed = made.model.normalisation.of_rows
    normalised = []

    def of_rows(r: torch.Tensor) -> object:
        scale = analysed(r)
        normalised.append(scale.normalise(r).detach())
        return scale

    monkeypatch.setattr(made.model.normalisation, "of_rows", of_rows)
    made({"clean": features()}, torch.Generator().manual_seed(0))
    noise = (coded[0] - normalised[0]).double()
    assert -0.5 <= float(noise.min()) < -0.49 and 0.49 < float(noise.max()) <= 0.5
    assert float(noise.var()) == pytest.approx(1 / 12, rel=0.1) and abs(float(noise.mean())) < 0.02


def test_validation_rounds_and_changes_nothing() -> None:
    made = tiny_system()
    made({"clean": features()}, torch.Generator().manual_seed(0))
    made.eval()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    with torch.no_grad():
        one, two = (made({"clean": features()}, torch.Generator().manual_seed(seed)).named for seed in (0, 1))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


def test_crops_start_anywhere() -> None:
    ramp = torch.arange(40.0).expand(60, 2, 40)
    cut = crop(ramp, 12, torch.Generator().manual_seed(0))
    assert cut.shape == (60, 2, 12) and torch.equal(cut - cut[:, :, :1], torch.arange(12.0).expand(60, 2, 12))
    assert float(cut[:, 0, 0].min()) == 0.0 and float(cut[:, 0, 0].max()) == 28.0


def test_lambda_trades_rate_for_distortion() -> None:
    """A few steps on one batch: it learns, and a greater lambda ends at less distortion."""
    ends = {}
    for lmbda in (0.01, 20.0):
        made = tiny_system(lmbda=lmbda)
        made.model.fit_statistics(features())
        optimiser = torch.optim.Adam(made.parameters(), 0.02)
        distortions = []
        for step in range(60):
            out = made({"clean": features()}, torch.Generator().manual_seed(step))
            optimiser.zero_grad()
            made.total(out).backward()
            optimiser.step()
            distortions.append(float(out.named["distortion"].detach()))
        ends[lmbda] = (sum(distortions[-5:]) / 5, float(out.named["rate"].detach()))
        assert math.isfinite(ends[lmbda][1])
        if lmbda > 1:
            assert ends[lmbda][0] < 0.6 * distortions[0]
    assert ends[20.0][0] < ends[0.01][0] and ends[20.0][1] > ends[0.01][1]
