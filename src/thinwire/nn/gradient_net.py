"""The small network whose gradients are compressed: 412 values, as a function of one flat vector (facts 4.2).

Four convolutions of three 3x3 filters, stride 2, and a linear layer of 12 to 10: 30 + 3 * 84 + 130 = 412. Reading
where the facts are silent: padding 1, standardised images, PyTorch's customary uniform initialisation, and a leaky ReLU
behind every convolution, because with three channels a plain ReLU dies in one or two of five draws, and then all
coders but the noisiest stand still.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

CLASSES = 10
MEAN, STD = 0.1307, 0.3081
"""Of MNIST's training pixels, by which images are standardised as is customary."""
SLOPE = 0.1
_SHAPES = ((3, 1, 3, 3), (3,), (3, 3, 3, 3), (3,), (3, 3, 3, 3), (3,), (3, 3, 3, 3), (3,), (CLASSES, 12), (CLASSES,))
_SIZES = [math.prod(shape) for shape in _SHAPES]
PARAMETERS = sum(_SIZES)


def initial_weights(generator: torch.Generator) -> Tensor:
    """(412,) weights and biases, uniform in +-1 / sqrt(values that a unit sees)."""
    parts = []
    for weight, bias in zip(_SHAPES[::2], _SHAPES[1::2], strict=True):
        bound = 1.0 / math.sqrt(math.prod(weight[1:]))
        parts += [(2.0 * torch.rand(math.prod(shape), generator=generator) - 1.0) * bound for shape in (weight, bias)]
    return torch.cat(parts)


def logits(weights: Tensor, images: Tensor) -> Tensor:
    """Scores (B, 10) of images (B, 1, 28, 28) in 0..1 under weights (412,)."""
    parts = [part.reshape(shape) for part, shape in zip(weights.split(_SIZES), _SHAPES, strict=True)]
    h = (images - MEAN) / STD
    for weight, bias in zip(parts[:-2:2], parts[1:-2:2], strict=True):
        h = F.leaky_relu(F.conv2d(h, weight, bias, stride=2, padding=1), SLOPE)
    return F.linear(h.flatten(1), parts[-2], parts[-1])


def gradient(weights: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    """(412,) gradient of the mean cross-entropy of a batch: images (B, 1, 28, 28), labels (B,) int64."""
    leaf = weights.detach().requires_grad_()
    (found,) = torch.autograd.grad(_loss(leaf, images, labels), leaf)
    return found


def gradients(weights: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    """(K, W, 412) gradients of K networks on W batches each, all at once: weights (K, 412), images (W, B, 1, 28, 28),
    labels (W, B) int64.
    """
    return torch.func.vmap(_of_batches, (0, None, None))(weights, images, labels)


def _loss(weights: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits(weights, images), labels)


_of_batches = torch.func.vmap(torch.func.grad(_loss), (None, 0, 0))


@torch.no_grad()
def loss_and_accuracy(weights: Tensor, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Mean cross-entropy and share of right answers, 0..1."""
    scores = logits(weights, images)
    return float(F.cross_entropy(scores, labels)), float((scores.argmax(1) == labels).float().mean())
