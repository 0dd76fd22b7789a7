"""The conditional VQ-VAE: who sees the side information, equal encoders, standardisation, domains, bad shapes."""

from __future__ import annotations

import pytest
import torch
from tiny_ndsc import SETTINGS, SHAPES, make_items, make_model, make_row
from torch import nn

from thinwire.errors import ParamError
from thinwire.nn.trainable import Losses
from thinwire.params.neural_dsc import Settings
from thinwire.systems.neural_dsc.model import NeuralDsc
from thinwire.systems.neural_dsc.system import NeuralDscSystem

DOMAINS = ["mel", "stft", "stereo", "halves", "gradients", "bits"]
FORMS = ["joint", "distributed", "separate"]


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("form", FORMS)
def test_only_the_ends_that_may_see_y_depend_on_it(domain: str, form: str) -> None:
    model, items = make_model(domain, form=form), make_items(domain, 12)
    other = 1.0 - items.y if domain == "bits" else items.y + 3.0 * items.y.std() * items.y.roll(1, 0).sign()
    indices = model.encode(items.x, items.y, items.step)
    assert indices.shape == (12, *model.index_grid) and 0 <= indices.min() <= indices.max() < model.codewords
    assert len(indices.unique()) > 1
    assert indices.equal(model.encode(items.x, other, items.step)) == (form != "joint")
    x_hat, absent = (model.decode(indices, y, items.step) for y in (items.y, None))
    assert x_hat.shape == items.x.shape
    if domain != "bits":  # hard bits may agree by chance
        assert x_hat.equal(model.decode(indices, other, items.step)) == (form == "separate")
        assert x_hat.equal(absent) == (form == "separate")
    if form == "distributed":
        assert indices.equal(model.encode(items.x, None, items.step))


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_training_pass_decodes_what_encode_finds(domain: str) -> None:
    model, items = make_model(domain), make_items(domain)
    passed = model(items.x, items.y, items.step)
    assert passed.quantised.indices.equal(model.encode(items.x, items.y, items.step))
    x_hat = model.decode(passed.quantised.indices, items.y, items.step)
    if domain == "bits":
        assert passed.target.equal(items.x) and x_hat.equal((passed.output > 0).float())
    elif domain in ("stereo", "halves"):
        assert passed.target.equal(items.x) and x_hat.allclose(passed.output, atol=1e-6)
        assert x_hat.abs().max() <= 0.5
    else:
        assert x_hat.allclose(passed.output * model.std + model.mean, atol=1e-5)


def widths(net: nn.Module) -> list[tuple[int, ...]]:
    """Shapes of an encoder's weights but for those on y."""
    return [tuple(value.shape) for name, value in net.named_parameters() if not name.startswith("side")]


@pytest.mark.parametrize("domain", ["stereo", "gradients"])
def test_encoders_are_equally_wide_in_all_forms(domain: str) -> None:
    models = [make_model(domain, form=form) for form in FORMS]
    assert widths(models[0].encoder) == widths(models[1].encoder) == widths(models[2].encoder)
    names = [{name.split(".")[1] for name, _ in model.decoder.named_parameters(prefix="d")} for model in models]
    carried = {"condition", "gain"} if domain in ("gradients", "bits") else {"condition"}
    assert names[0] == names[1] == names[2] | carried


def test_paper_sizes() -> None:
    """Width 16: 32 channels double to 256 at 8x, and 64-d codes (facts 4.2)."""
    settings = Settings.model_validate({"conv": {"width": 16, "residual_layers": 3, "code_dim": 64}})
    model = NeuralDsc(settings, make_row("stereo", downsample=8), (3, 128, 256))
    shapes = [tuple(m.weight.shape) for m in model.encoder.modules() if isinstance(m, nn.Conv2d) and m.stride == (2, 2)]
    assert shapes == [(64, 32, 4, 4), (128, 64, 4, 4), (256, 128, 4, 4)]
    assert model.index_grid == (16, 32) and model.quantiser.codebook.shape == (8, 64)


@pytest.mark.parametrize("domain", ["mel", "stft", "gradients"])
def test_statistics_standardise_training_items(domain: str) -> None:
    model, items = NeuralDsc(SETTINGS, make_row(domain), SHAPES[domain]), make_items(domain, 50)
    scale = 1.0 + torch.arange(SHAPES[domain][1]).reshape(1, 1, -1, 1) if domain != "gradients" else 7.0
    x, y = items.x * scale + 2.0, items.y * scale - 5.0
    model.fit_statistics(x, y)
    for standard in (model.standardise(x), (y - model.side_mean) / model.side_std):
        over = (0, 3) if domain != "gradients" else (0, 1)
        assert standard.mean(over).abs().max() < 1e-4 and (standard.std(over) - 1.0).abs().max() < 1e-2


def test_a_silent_bin_is_not_blown_up() -> None:
    model, x = make_model("mel"), make_items("mel").x
    x[:, :, 3] = -7.0
    model.fit_statistics(x, x)
    assert model.standardise(x).isfinite().all() and model.standardise(x)[:, :, 3].abs().max() == 0.0


def test_signals_keep_their_scale_at_the_start() -> None:
    torch.manual_seed(3)
    for domain, shape in (("mel", (1, 32, 64)), ("gradients", (100,))):
        model = NeuralDsc(Settings(), make_row(domain, downsample=8), shape)
        x, step = torch.randn(16, *shape), torch.rand(16) if domain == "gradients" else None
        z = model.encoder(x, None, step)
        assert 0.1 < z.std() < 10.0 and 0.1 < model.decoder(z / z.std(), x, step).std() < 10.0


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("form", FORMS)
def test_training_lowers_the_distortion(domain: str, form: str) -> None:
    torch.manual_seed(0)
    system, items = NeuralDscSystem(SETTINGS, make_row(domain, form=form), SHAPES[domain]), make_items(domain, 16)
    system.model.fit_statistics(items.x, items.y)
    batch = {"clean": items.x, "y": items.y} | ({} if items.step is None else {"step": items.step})
    optimiser, values = torch.optim.Adam(system.parameters(), 0.01), []
    for step in range(25):
        losses = system(batch, torch.Generator().manual_seed(step))
        total = system.total(losses)
        optimiser.zero_grad()
        total.backward()
        assert step or all(p.grad is not None for p in system.parameters())  # what DDP asks for
        optimiser.step()
        values.append(float(system.eval().total(losses).detach()))
        system.train()
    assert min(values[-3:]) < 0.95 * values[0]


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_commitment_counts_in_training_alone(domain: str) -> None:
    system, items = NeuralDscSystem(SETTINGS, make_row(domain), SHAPES[domain]), make_items(domain, 4)
    batch = {"clean": items.x, "y": items.y} | ({} if items.step is None else {"step": items.step})
    losses = system(batch, torch.Generator().manual_seed(0)).named
    shares = {system.distortion: 0.5, "magnitude": 0.5} if domain == "stft" else {system.distortion: 1.0}
    assert set(losses) == {*shares, "commitment", "perplexity"}
    decoded = sum(share * losses[name] for name, share in shares.items())
    beta = 0.15 if domain in ("gradients", "bits") else 0.25
    assert system.total(Losses(losses)).allclose(decoded + beta * losses["commitment"])
    assert system.eval().total(Losses(losses)).allclose(decoded)


@pytest.mark.parametrize("domain", ["gradients", "bits"])
def test_decoders_of_vectors_begin_as_copies(domain: str) -> None:
    """Untrained, x_hat is y where the decoder has it, else the mean of training items; of bits the copy is exact."""
    items = make_items(domain, 16)
    for form in FORMS:
        model = NeuralDsc(SETTINGS, make_row(domain, form=form), SHAPES[domain]).eval()
        model.fit_statistics(items.x, items.y)
        side = items.y if form == "joint" else None
        x_hat = model.decode(model.encode(items.x, side, items.step), items.y, items.step)
        copy = items.y if domain == "bits" else (items.y - model.side_mean) / model.side_std * model.std + model.mean
        assert form == "separate" or x_hat.allclose(copy, atol=1e-5)
        assert form != "separate" or not x_hat.allclose(copy, atol=1e-5)


def test_distortions_in_closed_form() -> None:
    for domain, name in (("stereo", "mse"), ("gradients", "sse"), ("bits", "bce")):
        system, items = NeuralDscSystem(SETTINGS, make_row(domain), SHAPES[domain]).eval(), make_items(domain)
        system.model.fit_statistics(items.x, items.y)
        batch = {"clean": items.x, "y": items.y} | ({} if items.step is None else {"step": items.step})
        found = float(system(batch, torch.Generator()).named[name].detach())
        passed = system.model(items.x, items.y, items.step)
        if name == "bce":
            p = passed.output.sigmoid()
            expected = -torch.where(items.x > 0, p.log(), (1 - p).log()).mean()
        else:
            x_hat = system.model.decode(passed.quantised.indices, items.y, items.step)
            squared = (x_hat - items.x).square() / system.model.std.square()
            expected = squared.mean() if name == "mse" else squared.sum(1).mean()
        assert found == pytest.approx(float(expected.detach()), rel=1e-4)


def test_bad_shapes_and_missing_parts() -> None:
    items = make_items("stereo")
    with pytest.raises(ParamError, match=r"x has shape \(6, 3, 16, 20\).*\(items, 3, 16, 24\)"):
        make_model("stereo").encode(items.x[..., :20])
    with pytest.raises(ParamError, match="y has shape"):
        make_model("stereo").decode(make_model("stereo").encode(items.x), items.y[..., :20])
    with pytest.raises(ParamError, match="joint form"):
        make_model("stereo", form="joint").encode(items.x)
    with pytest.raises(ParamError, match="do not divide by `downsample` 4"):
        NeuralDsc(SETTINGS, make_row("stereo"), (3, 18, 16))
    with pytest.raises(ParamError, match="no items of shape"):
        NeuralDsc(SETTINGS, make_row("bits"), (3, 18, 16))
    with pytest.raises(ValueError, match="time step"):
        make_model("gradients").encode(make_items("gradients").x)
