"""The network of 412 values against the same network built of PyTorch's modules."""

from __future__ import annotations

import torch
from torch import nn

from thinwire.nn.gradient_net import (
    MEAN,
    PARAMETERS,
    SLOPE,
    STD,
    gradient,
    gradients,
    initial_weights,
    logits,
    loss_and_accuracy,
)


def modules(weights: torch.Tensor) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (1, 3, 3, 3):
        layers += [nn.Conv2d(channels, 3, 3, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(12, 10))
    nn.utils.vector_to_parameters(weights, net.parameters())
    return net


def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(9, 1, 28, 28, generator=generator)
    return initial_weights(generator), images, torch.arange(9)


def test_412_values() -> None:
    """Facts 4.2."""
    assert PARAMETERS == 412 == sum(p.numel() for p in modules(torch.zeros(412)).parameters())


def test_same_scores_and_gradient_as_modules() -> None:
    weights, images, labels = batch()
    net = modules(weights)
    scores = net((images - MEAN) / STD)
    torch.testing.assert_close(logits(weights, images), scores)
    loss = nn.functional.cross_entropy(scores, labels)
    loss.backward()
    expected = torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None])
    torch.testing.assert_close(gradient(weights, images, labels), expected)
    right = float((scores.argmax(1) == labels).float().mean())
    assert loss_and_accuracy(weights, images, labels) == (float(loss.detach()), right)


def test_many_networks_and_batches_at_once() -> None:
    generator = torch.Generator().manual_seed(2)
    weights = torch.stack([initial_weights(generator) for _ in range(3)])
    images, labels = torch.rand(2, 9, 1, 28, 28, generator=generator), torch.randint(10, (2, 9), generator=generator)
    alone = [[gradient(own, *batch) for batch in zip(images, labels, strict=True)] for own in weights]
    torch.testing.assert_close(gradients(weights, images, labels), torch.stack([torch.stack(row) for row in alone]))


def test_initial_weights_are_in_their_bounds() -> None:
    weights = initial_weights(torch.Generator().manual_seed(1))
    bounds = torch.cat([p.detach().flatten() * 0 + 1.0 / n for p, n in zip(
        modules(weights).parameters(), (3, 3, *[27**0.5] * 6, 12**0.5, 12**0.5), strict=True)])  # fmt: skip
    assert (weights.abs() <= bounds).all() and (weights.abs() > 0.5 * bounds).float().mean() > 0.4
