"""The enhancer as it is trained, on a tiny model: its losses, its critic's lesson, that it learns, that it resumes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from thinwire.nn.trainable import Losses
from thinwire.params.aucom_enhancer import EnhancerLosses, Settings
from thinwire.params.base import Training
from thinwire.systems.aucom_enhancer.discriminator import MetricDiscriminator
from thinwire.systems.aucom_enhancer.system import EnhancerSystem, crop_pairs
from thinwire.training.build import Splits
from thinwire.training.loop import Loop, TensorData

TRAINED = {"magnitude", "instantaneous_phase", "group_delay", "angular_frequency", "complex", "time"}


@pytest.fixture(autouse=True)
def _torch_state() -> Iterator[None]:
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)


def make(settings: Settings) -> EnhancerSystem:
    torch.manual_seed(0)
    return EnhancerSystem(settings)


def run(made: EnhancerSystem, pairs: dict[str, Tensor], critic: torch.nn.Module | None = None, seed: int = 0) -> Losses:
    return made(pairs, torch.Generator().manual_seed(seed), critic)


def test_all_losses_are_finite_weighted_and_reach_every_weight(tiny: Settings, pairs: dict[str, Tensor]) -> None:
    made = make(tiny)
    critic = made.make_critic()
    assert isinstance(critic, MetricDiscriminator)
    out = run(made, pairs, critic.requires_grad_(False))
    assert set(out.named) == TRAINED | {"metric"}
    assert all(math.isfinite(float(value.detach())) for value in out.named.values())
    assert set(made.weights) == set(out.named) and min(made.weights.values()) > 0.0
    weighted = sum(made.weights[name] * float(value.detach()) for name, value in out.named.items())
    assert float(made.total(out).detach()) == pytest.approx(weighted, rel=1e-5)
    made.total(out).backward()
    without = [name for name, p in made.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert not without
    alone = torch.autograd.grad(run(made, pairs, critic).named["metric"], list(made.model.mask_decoder.parameters()))
    assert any(bool(g.abs().sum() > 0) for g in alone)


def test_silent_targets_give_finite_gradients(tiny: Settings, pairs: dict[str, Tensor]) -> None:
    made = make(tiny)
    made.total(run(made, {"clean": 0.0 * pairs["clean"], "noisy": 0.0 * pairs["noisy"]})).backward()
    assert all(torch.isfinite(p.grad).all() for p in made.parameters() if p.grad is not None)


def test_the_critic_gets_pairs_of_output_and_clean(tiny: Settings, pairs: dict[str, Tensor]) -> None:
    made = make(tiny)
    out = run(made, pairs, made.make_critic())
    assert out.real is not None and out.fake is not None and not out.fake.requires_grad
    assert out.real.shape == out.fake.shape == (tiny.discriminator.pesq_items, 2, made.samples)
    assert torch.equal(out.real[:, 0], out.real[:, 1]) and torch.equal(out.fake[:, 1], out.real[:, 1])
    assert run(made, pairs).real is None
    alone = tiny.model_copy(update={"losses": EnhancerLosses(metric=0.0)})
    assert make(alone).make_critic() is None


def test_crops_of_a_pair_belong_together() -> None:
    ramp = torch.arange(100.0).expand(50, 100)
    cut = crop_pairs(torch.stack([ramp, ramp + 1000.0], 1), 40, torch.Generator().manual_seed(0))
    assert cut.shape == (50, 2, 40) and torch.equal(cut[:, 0] + 1000.0, cut[:, 1])
    assert float(cut[:, 0, 0].min()) < 10 and float(cut[:, 0, 0].max()) > 50
    assert torch.equal(crop_pairs(cut, 200, torch.Generator()), cut)


def test_draws_come_from_the_generator_and_validation_changes_nothing(tiny: Settings, pairs: dict[str, Tensor]) -> None:
    first, again, other = (run(make(tiny), pairs, seed=seed).named for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["time"], other["time"])
    made = make(tiny).eval()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    with torch.no_grad():
        run(made, pairs)
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


def test_it_learns_one_batch(tiny: Settings, pairs: dict[str, Tensor]) -> None:
    made = make(tiny)
    optimiser = torch.optim.Adam(made.parameters(), 1e-2)
    batch = {name: value[:2, : made.samples] for name, value in pairs.items()}
    magnitudes = []
    for _ in range(40):
        out = run(made, batch)
        optimiser.zero_grad()
        made.total(out).backward()
        optimiser.step()
        magnitudes.append(float(out.named["magnitude"].detach()))
    assert sum(magnitudes[-3:]) < 0.5 * sum(magnitudes[:3])


def test_a_stopped_training_resumes_to_the_same_weights(
    tiny: Settings, pairs: dict[str, Tensor], tmp_path: Path
) -> None:
    """Random crops, dropping, redrawn features and PESQ included."""
    data = TensorData(pairs)
    splits = Splits(data, data, {"samples": 12_000}, {}, tiny.crop_s)
    settings = Training(batch=2, validate_every=100, checkpoint_every=100)

    def loop(folder: str) -> Loop:
        return Loop(make(tiny), splits, settings, 5, 0, tmp_path / folder, "test")

    whole = loop("whole")
    whole.run()
    stopped = loop("stopped")
    stopped.run(lambda: stopped.done == 2)
    assert stopped.done == 2
    torch.randn(3)  # what lies between does not matter
    resumed = loop("stopped")
    resumed.run()
    assert resumed.done == 5 and int(resumed.raw.model.updates) == 5  # type: ignore[union-attr, arg-type]
    for name, value in whole.raw.state_dict().items():
        assert torch.equal(value, resumed.raw.state_dict()[name]), name
    assert whole.critic is not None and resumed.critic is not None
    for name, value in whole.critic.state_dict().items():
        assert torch.equal(value, resumed.critic.state_dict()[name]), name
