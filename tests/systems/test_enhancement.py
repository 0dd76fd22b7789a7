"""The downstream task: its loss, its fixed-time distortion, and what it gives to the decoder."""

from __future__ import annotations

import pytest
import torch

from thinwire.params.score import Score, ScoreShape
from thinwire.tasks.enhancement import Enhancer, EnhancerTraining

SCORE = Score(shape=ScoreShape(base=4, multipliers=[1, 2], fold=8))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def enhancer() -> Enhancer:
    torch.manual_seed(0)
    return Enhancer(SCORE).eval().requires_grad_(False)


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """Clean and decoded magnitudes (3, 33, 12)."""
    clean = 2 * torch.rand(3, 33, 12, generator=generator(1))
    return clean, clean + 0.3 * torch.rand(3, 33, 12, generator=generator(2))


def test_untrained_loss_is_finite_and_follows_its_seed(
    enhancer: Enhancer, pair: tuple[torch.Tensor, torch.Tensor]
) -> None:
    losses = [enhancer.task_loss(*pair, generator(seed)) for seed in (0, 0, 1)]
    assert all(torch.isfinite(x) and x.dim() == 0 for x in losses)
    assert losses[0] == losses[1] != losses[2]


def test_gradient_reaches_the_decoded_magnitude_and_not_the_network(
    enhancer: Enhancer, pair: tuple[torch.Tensor, torch.Tensor]
) -> None:
    decoded = pair[1].clone().requires_grad_()
    enhancer.task_loss(pair[0], decoded, generator()).backward()
    assert decoded.grad is not None and torch.isfinite(decoded.grad).all()
    assert (decoded.grad.flatten(1).abs().amax(1) > 0).all()
    assert all(p.grad is None for p in enhancer.parameters())


def test_distortion_is_of_each_item_and_deterministic(
    enhancer: Enhancer, pair: tuple[torch.Tensor, torch.Tensor]
) -> None:
    clean, decoded = pair
    values = enhancer.distortion(clean, decoded, generator())
    assert values.shape == (3,) and torch.isfinite(values).all() and (values > 0).all()
    assert torch.equal(values, enhancer.distortion(clean, decoded, generator()))
    worse = decoded.clone()
    worse[1] += 3.0
    changed = enhancer.distortion(clean, worse, generator())
    assert torch.equal(changed[[0, 2]], values[[0, 2]]) and changed[1] > values[1]


def test_enhanced_magnitudes(enhancer: Enhancer, pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    out = enhancer.enhance(pair[1], 3, generator())
    assert out.shape == pair[1].shape and torch.isfinite(out).all() and (out >= 0).all()
    assert torch.equal(out, enhancer.enhance(pair[1], 3, generator()))


def test_blur_averages_within_range() -> None:
    noisy, clean = torch.rand(2, 33, 12, generator=generator(3))
    for seed in range(8):
        out = EnhancerTraining.blur(noisy, clean, generator(seed))
        assert out.shape == (33, 12)
        assert out.min() >= min(noisy.min(), clean.min()) and out.max() <= max(noisy.max(), clean.max())
    flat = torch.ones(33, 12)
    torch.testing.assert_close(EnhancerTraining.blur(flat, flat, generator()), flat)  # edges are no darker


def test_training_step_is_a_function_of_its_generator() -> None:
    torch.manual_seed(0)
    system = EnhancerTraining(SCORE)
    batch = {
        "clean": torch.rand(4, 1, 33, 12, generator=generator(1)),
        "noisy": torch.rand(4, 4, 1, 33, 12, generator=generator(2)),
    }
    losses = [system(batch, generator(seed)).named["task"] for seed in (5, 5, 6)]
    assert losses[0] == losses[1] != losses[2]
    system.total(system(batch, generator())).backward()
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in system.parameters())
    assert system.make_critic() is None and isinstance(system.deployed(), Enhancer)
