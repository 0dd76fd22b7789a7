"""TF-Codec as it is trained, on a tiny model: what each row's losses are, and that they teach it something."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from thinwire.nn.complex_discriminator import ComplexDiscriminator
from thinwire.nn.group_quantiser import hard_entropy
from thinwire.nn.trainable import Losses
from thinwire.params.base import Training
from thinwire.params.tfcodec import PacketLoss, Settings, TfQuantiser, TfRow, TfShape
from thinwire.systems.tfcodec.system import TfCodecSystem, crop, draw_lost
from thinwire.training.adapters import tfcodec as adapter
from thinwire.training.build import Splits
from thinwire.training.loop import Loop, TensorData
from thinwire.training.stage import take_over
from thinwire.training.state import load_weights, save_weights

SHAPE = TfShape(channels=(2, 2, 4, 4, 4), tcm_hidden=8, tcm_dilations=[1, 2], latent=8, predictor_hidden=4)
SETTINGS = Settings(shape=SHAPE, crop_s=0.4, quantiser=TfQuantiser(tau_decay=0.9))
ALWAYS = {"rate", "diversity", "entropy_bits", "hard_entropy_bits", "dead_codewords", "bin", "mel", "power", "tau"}


def system(settings: Settings = SETTINGS, **row: object) -> TfCodecSystem:
    torch.manual_seed(0)
    made = {"after": "data", "steps": 1, "kbps": 0.3, "groups": 2, "codewords": 16} | row
    return TfCodecSystem(settings, TfRow(**made))  # type: ignore[arg-type]


def voices(items: int = 4, samples: int = 8000, seed: int = 0) -> dict[str, Tensor]:
    """Gliding harmonics with pauses."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(samples) / 16_000
    pitch = 120 + 100 * torch.rand(items, 1, generator=generator)
    phase = 2 * torch.pi * pitch * (time + 0.3 * time.square())
    tone = sum(torch.sin(k * phase) / k for k in range(1, 12))
    return {"clean": 0.1 * tone * (torch.sin(2 * torch.pi * 3 * time + pitch) > -0.3)}


def losses(made: TfCodecSystem, seed: int = 0, critic: torch.nn.Module | None = None) -> Losses:
    return made(voices(), torch.Generator().manual_seed(seed), critic)


@pytest.mark.parametrize(
    ("row", "weight"),
    [
        ({}, SETTINGS.losses.rate),
        ({"rate_weight": 0.004}, 0.004),
        ({"rate_weight": 0.0}, 0.0),
        ({"rate_weight": 0.004, "quantiser": "gumbel"}, 0.0),
    ],
)
def test_a_row_may_weigh_its_rate_itself(row: dict[str, object], weight: float) -> None:
    assert system(**row).weights["rate"] == weight


@pytest.fixture(autouse=True)
def _torch_state() -> Iterator[None]:
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)


@pytest.mark.parametrize(
    ("row", "more", "trained"),
    [
        ({}, set(), {"bin", "mel", "rate"}),
        ({"predictor": "conv"}, {"prediction"}, {"bin", "mel", "rate", "prediction"}),
        ({"predictor": "adaptive"}, {"prediction"}, {"bin", "mel", "rate", "prediction"}),
        ({"quantiser": "gumbel"}, set(), {"bin", "mel", "diversity"}),
        ({"loss_aware": True}, set(), {"bin", "mel", "rate"}),
        (
            {"predictor": "conv", "loss_aware": True},
            {"prediction", "error_aware"},
            {"bin", "mel", "rate", "prediction", "error_aware"},
        ),
    ],
)
def test_a_rows_losses_are_logged_and_reach_every_weight(row: dict[str, object], more: set[str], trained: set[str]):
    made = system(**row)
    out = losses(made)
    assert set(out.named) == ALWAYS | more and out.real is None
    assert all(math.isfinite(float(v.detach())) for v in out.named.values())
    assert {name for name in out.named if made.weights.get(name, 0.0) > 0.0} == trained
    weighted = sum(made.weights[name] * float(out.named[name].detach()) for name in trained)
    assert float(made.total(out).detach()) == pytest.approx(weighted, rel=1e-5)
    made.total(out).backward()
    without = [name for name, p in made.named_parameters() if p.grad is None]
    assert not without


@pytest.mark.parametrize("matching", [True, False])
def test_adversarial_rows_have_a_critic_that_leaves_it_a_lesson(matching: bool) -> None:
    assert system().make_critic() is None
    settings = SETTINGS.model_copy(update={"discriminator_filters": (2, 2, 4, 4)})
    made = system(settings, adversarial=True, feature_matching=matching)
    critic = made.make_critic()
    assert isinstance(critic, ComplexDiscriminator)
    critic.requires_grad_(False)
    out = losses(made, critic=critic)
    assert ({"adversarial", "feature"} if matching else {"adversarial"}) <= set(out.named)
    assert ("feature" in out.named) == matching
    assert out.real is not None and out.fake is not None and not out.fake.requires_grad
    assert out.real.shape == out.fake.shape == (4, 1, made.samples)
    alone = torch.autograd.grad(out.named["adversarial"], list(made.model.decoder.parameters()), retain_graph=True)
    assert any(bool(g.abs().sum() > 0) for g in alone)


def test_crops_fill_whole_steps_and_start_anywhere() -> None:
    made = system()
    assert made.model.encode(torch.zeros(1, made.samples)).shape[2] == 10  # 0.4 s
    assert (made.samples + 480) % 640 == 0
    clips = torch.arange(100.0).expand(50, 100)
    cut = crop(clips, 40, torch.Generator().manual_seed(0))
    assert cut.shape == (50, 40) and torch.equal(cut - cut[:, :1], torch.arange(40.0).expand(50, 40))
    assert float(cut[:, 0].min()) < 10 and float(cut[:, 0].max()) > 50
    assert torch.equal(crop(clips, 200, torch.Generator()), clips)


def test_every_draw_comes_from_the_generator() -> None:
    row = {"predictor": "conv", "loss_aware": True}
    state = torch.get_rng_state()
    first, again, other = (losses(system(**row), seed).named for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert float(first["bin"].detach()) != float(other["bin"].detach())
    torch.set_rng_state(state)


def test_temperature_falls_with_the_steps_taken_and_survives_a_restart() -> None:
    made = system()
    seen = []
    for _ in range(16):
        seen.append(float(losses(made).named["tau"]))
    assert seen[:3] == pytest.approx([2.0, 1.8, 1.62]) and seen[-1] == 0.5
    made.eval()
    losses(made)
    assert int(made.model.updates) == 16
    twin = system()
    twin.load_state_dict(made.state_dict())
    assert twin.tau == 0.5 and torch.equal(twin.shares.soft, made.shares.soft)
    kept = made.deployed().state_dict()
    assert not any("shares" in name for name in kept)


def test_validation_has_no_noise_and_changes_nothing() -> None:
    made = system(predictor="conv")
    losses(made)
    made.eval()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    batch = {"clean": voices()["clean"][:, : made.samples]}  # no room for another crop
    with torch.no_grad():
        one, two = (made(batch, torch.Generator().manual_seed(seed)).named for seed in (0, 1))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


def opened(folder: Path, row: dict[str, object]) -> tuple[TfCodecSystem, Splits]:
    """A system that took up weights whose codebooks leave most codewords unused, as a training begins."""
    clips = voices(items=60, seed=3)
    splits = Splits(TensorData(clips), TensorData(voices(items=12, seed=4)), {"samples": 8000}, {}, SETTINGS.crop_s)
    used = system(**row)
    model = used.model.eval()
    with torch.no_grad():
        for _ in range(3):  # the loop's latents depend on the codebooks
            vectors = model.quantiser.vectors(model.loop(model.encode_latent(clips["clean"])).x_N)
            model.quantiser.codebook.fill_(100.0)
            model.quantiser.codebook[:, :3] = vectors[:, 7::100][:, :3]
    save_weights(folder / "used.safetensors", used.model)
    made = system(**row)
    adapter.fit(made, splits)
    load_weights(folder / "used.safetensors", made.deployed())
    return made, splits


@pytest.mark.parametrize("row", [{}, {"predictor": "conv"}])
def test_shares_begin_with_those_of_the_weights(row: dict[str, object], tmp_path: Path) -> None:
    made, splits = opened(tmp_path, row)
    settings = Training(batch=6, validate_every=2, checkpoint_every=1, warmup=1)
    loop = Loop(made, splits, settings, 4, 5, tmp_path / "whole", "test")
    loop.run()
    first = next(line for line in loop.outcome.rows if line["split"] == "dev")
    with torch.no_grad():
        twin = opened(tmp_path, row)[0].model.eval()
        codes = twin.encode(splits.train.tensors["clean"][:, : made.samples])
    true = float(hard_entropy(codes, 16).sum())
    assert 1.0 < true < 4.0  # nominal: 8 bits
    assert first["hard_entropy_bits"] == pytest.approx(true, abs=0.6)
    assert first["entropy_bits"] < 5.0 and first["dead_codewords"] > 0.5
    # a run that is taken up goes on with the shares that it had
    again = Loop(opened(tmp_path, row)[0], splits, settings, 4, 5, tmp_path / "part", "test")
    stops = iter([False, True])
    again.run(lambda: next(stops))
    again = Loop(opened(tmp_path, row)[0], splits, settings, 4, 5, tmp_path / "part", "test")
    again.run()
    assert again.curves().equals(loop.curves())
    assert all(torch.equal(made.state_dict()[name], value) for name, value in again.raw.state_dict().items())


def test_shares_begin_uniform_without_clips() -> None:
    made = system().eval()
    assert float(losses(made).named["hard_entropy_bits"]) == pytest.approx(8.0)


def test_lost_packets_follow_the_settings() -> None:
    settings = PacketLoss(rates=[0.2, 0.4], wlan_share=0.5)
    lost = draw_lost(settings, 400, 50, torch.Generator().manual_seed(0))
    assert lost.shape == (400, 50, 2) and lost.dtype == torch.bool
    assert float(lost.float().mean()) == pytest.approx(0.3, abs=0.02)
    assert torch.equal(lost, draw_lost(settings, 400, 50, torch.Generator().manual_seed(0)))
    assert not torch.equal(lost[0], lost[1])


def test_losses_cost_more_when_packets_are_lost() -> None:
    batch = voices()
    lossy = SETTINGS.model_copy(update={"packet_loss": PacketLoss(rates=[0.5])})
    rows = {name: system(lossy, loss_aware=name == "lossy").eval() for name in ("lossy", "whole")}
    rows["lossy"].load_state_dict(rows["whole"].state_dict())
    with torch.no_grad():
        bins = {name: float(made(batch, torch.Generator().manual_seed(0)).named["bin"]) for name, made in rows.items()}
    assert bins["lossy"] > bins["whole"]


@pytest.mark.parametrize("row", [{}, {"predictor": "conv"}])
def test_it_learns_one_batch(row: dict[str, object]) -> None:
    made = system(**row)
    optimiser = torch.optim.Adam(made.parameters(), 1e-2)
    batch = {"clean": voices(2)["clean"][:, : made.samples]}
    totals = []
    for step in range(30):
        out = made(batch, torch.Generator().manual_seed(step))
        loss = made.total(out)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        totals.append(float((out.named["bin"] + 0.25 * out.named["mel"]).detach()))
    assert sum(totals[-3:]) < 0.6 * sum(totals[:3])


@pytest.mark.parametrize(("own", "expected"), [("learnable", 0.45), ("fixed", 0.3)])
def test_only_a_learned_power_travels_with_weights(own: str, expected: float, tmp_path: Path) -> None:
    former, here, again = system(), system(power=own), system(power=own)
    with torch.no_grad():
        former.model.power.fill_(0.45)
    save_weights(tmp_path / "former.safetensors", former.model)
    take_over(here, tmp_path / "former.safetensors", "scratch")
    assert here.model.exponent.item() == pytest.approx(expected)
    save_weights(tmp_path / "here.safetensors", here.model, half=True)
    load_weights(tmp_path / "here.safetensors", again.model)
    assert again.model.exponent.item() == pytest.approx(expected, rel=1e-3)


def test_without_quantiser_for_the_first_steps() -> None:
    made = system(SETTINGS.model_copy(update={"quantiser": TfQuantiser(free_steps=1)}))
    assert not _hears_codes(made)
    losses(made)  # one step more behind the weights
    assert _hears_codes(made)


def _hears_codes(made: TfCodecSystem) -> bool:
    """Whether the loss on waveforms changes with the codebook."""
    state, updates = made.model.quantiser.codebook.detach().clone(), made.model.updates.clone()
    values = []
    for scale in (1.0, 3.0):
        with torch.no_grad():
            made.model.quantiser.codebook.copy_(scale * state)
        made.model.updates.copy_(updates)
        values.append(float(losses(made).named["bin"].detach()))
    with torch.no_grad():
        made.model.quantiser.codebook.copy_(state)
    made.model.updates.copy_(updates)
    return values[0] != values[1]
