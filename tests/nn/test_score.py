from __future__ import annotations

import math

import pytest
import torch

from thinwire.errors import ParamError
from thinwire.nn.score import ScoreConfig, ScoreNetwork, dsm_loss
from thinwire.nn.sde import OuveSde, over_batch, sample

SMALL = ScoreConfig(base=8, multipliers=(1, 2), fold=4)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network(config: ScoreConfig = SMALL, sde: OuveSde | None = None) -> ScoreNetwork:
    torch.manual_seed(0)
    return ScoreNetwork(config, sde or OuveSde())


def stirred(net: ScoreNetwork) -> ScoreNetwork:
    """The network with a last layer that is no longer zero."""
    torch.nn.init.normal_(net.unet.tail.weight, std=0.1, generator=seeded(9))
    return net


def test_size_of_the_default():
    count = sum(p.numel() for p in network(ScoreConfig()).parameters())
    assert 0.5e6 < count < 1.5e6


@pytest.mark.parametrize("shape", [(2, 1, 1025, 32), (1, 1, 1025, 31), (2, 2, 65, 7), (1, 1, 9, 3)])
def test_shapes_come_back(shape):
    net = stirred(network(ScoreConfig(channels=shape[1], base=8, multipliers=(1, 2), fold=4)))
    x = torch.rand(shape)
    score = net(x, x, torch.full((shape[0],), 0.5))
    assert score.shape == x.shape and bool(torch.isfinite(score).all())
    assert bool((score != 0).any(dim=-1).all()), "a bin without a score"


def test_folding_puts_neighbouring_bins_into_channels_and_back():
    net = network(ScoreConfig(channels=2, base=8, multipliers=(1, 2), fold=4))
    x = torch.arange(2 * 2 * 9 * 3.0).reshape(2, 2, 9, 3)
    folded = net.fold(x)
    assert folded.shape == (2, 8, 4, 4)
    assert torch.equal(folded[0, 5, :2, 0], x[0, 1, [1, 5], 0])
    assert torch.equal(net.unfold(folded, x.shape), x)


@pytest.mark.parametrize("part_variance", [1.0, 0.5])
def test_untrained_network_is_the_score_of_a_gaussian_about_y(part_variance):
    sde = OuveSde(part_variance=part_variance)
    net = network(sde=sde)
    x, y = torch.randn(3, 1, 16, 8, generator=seeded(1)), torch.rand(3, 1, 16, 8, generator=seeded(2))
    t = torch.tensor([0.03, 0.4, 1.0])
    part = SMALL.residual_scale**2 * part_variance
    variance = over_batch(sde.residual(t) ** 2 * part + part_variance * sde.std(t) ** 2, x)
    torch.testing.assert_close(net(x, y, t), -part_variance * (x - y) / variance)


def test_loss_is_a_mean_over_bins_and_zero_for_the_true_score():
    sde = OuveSde()
    x0, y = torch.rand(4, 1, 8, 6), torch.rand(4, 1, 8, 6)

    def true_score(x, y, t):
        return -(x - sde.mean(x0, y, t)) / over_batch(sde.std(t) ** 2, x)

    torch.testing.assert_close(dsm_loss(true_score, sde, x0, y, seeded(0)), torch.zeros(4), atol=1e-6, rtol=0)
    big = torch.zeros(4, 1, 200, 100)
    nothing = dsm_loss(lambda x, y, t: torch.zeros_like(x), sde, big, big, seeded(0))
    assert nothing.shape == (4,)
    assert nothing.tolist() == pytest.approx([0.5] * 4, abs=0.02)
    repeated = [dsm_loss(stirred(network()), sde, x0, y, seeded(5)) for _ in range(2)]
    assert torch.equal(*repeated)


def test_gradients_reach_the_condition_and_the_weights():
    net = stirred(network())
    y = torch.rand(2, 1, 32, 8, requires_grad=True)
    dsm_loss(net, net.sde, torch.rand(2, 1, 32, 8), y, seeded(0)).mean().backward()
    assert y.grad is not None and float(y.grad.abs().min(dim=-1).values.max()) > 0.0
    assert all(p.grad is not None for p in net.parameters())


def test_silence_gives_finite_gradients():
    net = stirred(network())
    y = torch.zeros(2, 1, 65, 8, requires_grad=True)
    dsm_loss(net, net.sde, torch.zeros(2, 1, 65, 8), y, seeded(0)).mean().backward()
    assert all(bool(torch.isfinite(g).all()) for g in [y.grad, *(p.grad for p in net.parameters())])


def test_training_lowers_the_loss_and_the_sampler_then_improves_on_y():
    # clean: bins of one level an item; condition: the level in the lower half, nothing in the upper half
    def batch(generator, count=8):
        x0 = torch.rand(count, 1, 1, 1, generator=generator).expand(-1, 1, 32, 8)
        y = x0.clone()
        y[:, :, 16:] = 0.0
        return x0, y

    net, generator = network(ScoreConfig(base=8, multipliers=(1, 2), fold=4, residual_scale=0.5)), seeded(3)
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    x0, y = batch(seeded(7), 32)
    with torch.no_grad():
        before = float(dsm_loss(net, net.sde, x0, y, seeded(1)).mean())
    for _ in range(400):
        optimiser.zero_grad()
        dsm_loss(net, net.sde, *batch(generator), generator).mean().backward()
        optimiser.step()
    with torch.no_grad():
        after = float(dsm_loss(net, net.sde, x0, y, seeded(1)).mean())
    assert after < 0.6 * before
    enhanced = sample(net, y, net.sde, n_steps=15, generator=seeded(2))
    error, untouched = (math.sqrt(float((e - x0).square().mean())) for e in (enhanced, y))
    assert error < 0.5 * untouched


def test_senseless_shapes_are_refused():
    with pytest.raises(ParamError, match="base"):
        ScoreConfig(base=6)
    with pytest.raises(ParamError, match="residual_scale"):
        ScoreConfig(residual_scale=0.0)
    with pytest.raises(ParamError, match="states"):
        network()(torch.zeros(1, 2, 8, 8), torch.zeros(1, 2, 8, 8), torch.ones(1))
