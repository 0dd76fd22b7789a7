"""The metric discriminator: PESQ as its target, its losses, and that it learns to tell better from worse."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from thinwire.metrics import pesq_wb
from thinwire.params.aucom_enhancer import Settings
from thinwire.systems.aucom_enhancer.discriminator import MetricDiscriminator, metric_loss, pesq_targets, scaled_pesq


@pytest.fixture
def mixed(pairs: dict[str, Tensor]) -> Tensor:
    """Pairs (3, 2, N): clean with itself, noisy with clean, noise with silence."""
    clean, noisy = pairs["clean"][0], pairs["noisy"][0]
    return torch.stack([torch.stack([a, b]) for a, b in ((clean, clean), (noisy, clean), (noisy, 0.0 * clean))])


def make(settings: Settings) -> MetricDiscriminator:
    torch.manual_seed(0)
    return MetricDiscriminator(settings.discriminator, settings.spectrum)


def test_targets_are_one_pesq_and_unknown(mixed: Tensor) -> None:
    same, noisy, silent = pesq_targets(mixed, 1).tolist()
    expected = (float(pesq_wb(mixed[1, 1].numpy(), mixed[1, 0].numpy())) - 1.0) / 3.5
    assert same == 1.0 and noisy == pytest.approx(expected) and 0.0 < noisy < 1.0 and math.isnan(silent)
    assert math.isnan(scaled_pesq(np.zeros(8_000), np.zeros(8_000)))


def test_more_processes_say_the_same(mixed: Tensor) -> None:
    assert torch.equal(pesq_targets(mixed, 1).nan_to_num(-1.0), pesq_targets(mixed, 2).nan_to_num(-1.0))


def test_loss_is_equation_10_and_pairs_without_pesq_do_not_count() -> None:
    ones, nan = torch.ones(2), math.nan
    loss = MetricDiscriminator.discriminator_loss(
        [torch.tensor([0.5, 1.0]), ones], [torch.tensor([0.3, 0.9]), torch.tensor([0.1, nan])]
    )
    assert float(loss) == pytest.approx(0.25 / 2 + 0.04)
    predicted = torch.tensor([0.3, 0.9], requires_grad=True)
    unknown = MetricDiscriminator.discriminator_loss([ones, ones], [predicted, torch.tensor([nan, nan])])
    unknown.backward()
    assert float(unknown.detach()) == 0.0 and predicted.grad is not None and float(predicted.grad.abs().sum()) == 0.0
    assert float(metric_loss(torch.tensor([0.5, 1.0]))) == pytest.approx(0.125)


def test_scores_are_shares_and_dropping_follows_the_generator(tiny: Settings, mixed: Tensor) -> None:
    critic = make(tiny)
    one, other = (critic.score(mixed, torch.Generator().manual_seed(s)).detach() for s in (0, 5))
    assert one.shape == (3,) and bool(((one > 0) & (one < 1)).all())
    critic.eval()
    calm = [critic.score(mixed, torch.Generator().manual_seed(s)) for s in (0, 5)]
    assert torch.equal(calm[0], calm[1])
    assert not torch.equal(one, other) and not torch.equal(one, calm[0])


def test_a_restarted_critic_takes_the_same_step(tiny: Settings, mixed: Tensor) -> None:
    critic = make(tiny)
    state = torch.get_rng_state()
    critic(mixed)
    twin = make(tiny)
    twin.load_state_dict(critic.state_dict())
    first, second = critic(mixed), twin(mixed)
    assert torch.equal(first.logits[0], second.logits[0]) and int(twin.updates) == 2
    torch.set_rng_state(state)


def test_it_learns_to_rank_by_pesq(tiny: Settings, pairs: dict[str, Tensor]) -> None:
    clean, noise = pairs["clean"], pairs["noisy"] - pairs["clean"]
    graded = torch.cat([torch.stack([clean + gain * noise, clean], 1) for gain in (0.0, 0.05, 0.3, 2.0)])
    targets = pesq_targets(graded, 1)
    critic = make(tiny)
    optimiser = torch.optim.Adam(critic.parameters(), 1e-2)
    generator = torch.Generator().manual_seed(0)
    for _ in range(60):
        loss = (critic.score(graded, generator) - targets).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        scores = critic.eval().score(graded, generator)
    assert float(torch.corrcoef(torch.stack([scores, targets]))[0, 1]) > 0.7
