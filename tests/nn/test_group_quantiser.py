from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from torch import Tensor, nn

from thinwire.errors import ParamError
from thinwire.nn.group_quantiser import (
    DistanceGumbelQuantiser,
    GroupQuantiser,
    GumbelQuantiser,
    codebook_usage,
    entropy_bits,
    hard_entropy,
    soft_entropy,
)

KINDS = [DistanceGumbelQuantiser, GumbelQuantiser]


def quantiser(
    kind: type[GroupQuantiser] = DistanceGumbelQuantiser, latent: int = 6, frames: int = 4, groups: int = 3,
    codewords: int = 8, alpha: float = 0.7,
) -> GroupQuantiser:  # fmt: skip
    torch.manual_seed(0)
    return kind(latent, frames, groups, codewords, SimpleNamespace(alpha=alpha))


def latents(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_and_that_decode_undoes_encode(kind: type[GroupQuantiser]) -> None:
    model, x = quantiser(kind), latents(2, 6, 20)
    out = model(x)
    assert out.z_hat.shape == x.shape and out.indices.shape == (2, 3, 5) and out.indices.dtype == torch.int64
    assert out.logits.shape == out.probabilities.shape == (2, 3, 5, 8) and out.shares.shape == (3, 8)
    assert torch.equal(out.indices, model.encode(x))
    assert torch.equal(out.z_hat, model.decode(out.indices))
    assert torch.equal(model.encode(model.decode(out.indices)), out.indices) or kind is GumbelQuantiser


def test_groups_are_runs_of_channels_over_all_frames_of_a_step() -> None:
    model, x = quantiser(), latents(2, 6, 8)
    logits = model(x).logits
    for b, g, s in [(0, 0, 0), (1, 2, 1), (0, 1, 1)]:
        vector = x[b, 2 * g : 2 * g + 2, 4 * s : 4 * s + 4].flatten()
        distances = (vector - model.codebook[g]).square().sum(-1)
        expected = (-0.7 * distances).softmax(-1)
        assert torch.allclose(logits[b, g, s].softmax(-1), expected, atol=1e-6)
        assert int(model.encode(x)[b, g, s]) == int(distances.argmin())


def test_gumbel_logits_are_a_projection_of_each_group() -> None:
    model = quantiser(GumbelQuantiser)
    assert isinstance(model, GumbelQuantiser)
    nn.init.normal_(model.bias, generator=torch.Generator().manual_seed(1))
    x = latents(1, 6, 4)
    expected = x[0, 2:4].flatten() @ model.projection[1] + model.bias[1, 0]
    assert torch.allclose(model(x).logits[0, 1, 0], expected, atol=1e-5)


def straight_through(
    model: GroupQuantiser, logits: Tensor, codebook: Tensor, indices: Tensor, tau: float, noise: Tensor | float = 0.0
) -> Tensor:
    """Autograd's own straight-through product of one-hot assignment and codebook, (G, N, D)."""
    soft = ((logits + noise) / tau).softmax(-1)
    hard = nn.functional.one_hot(indices, model.codewords).to(soft)
    return torch.bmm(hard + soft - soft.detach(), codebook)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_the_soft_assignments_and_the_hard_ones_for_codewords(kind: type[GroupQuantiser]) -> None:
    tau = 0.8
    model = quantiser(kind).double()
    x = latents(2, 6, 12).double().requires_grad_()
    target, price = latents(2, 6, 12, seed=1).double(), latents(3, 8, seed=2).double()
    out = model(x, tau)
    ((out.z_hat - target).square().sum() + (out.shares * price).sum()).backward()
    ours = [x.grad, *(p.grad for p in model.parameters())]

    y = x.detach().clone().requires_grad_()
    model.zero_grad()
    vectors = model.vectors(y)
    logits = model.logits(vectors)
    chosen = straight_through(model, logits, model.codebook, logits.argmax(-1), tau)
    shares = logits.softmax(-1).mean(1)
    ((model._join(chosen, 2) - target).square().sum() + (shares * price).sum()).backward()
    theirs = [y.grad, *(p.grad for p in model.parameters())]
    for a, b in zip(ours, theirs, strict=True):
        assert a is not None and b is not None and torch.allclose(a, b, atol=1e-10) and bool(b.abs().sum() > 0)


def test_gradient_of_two_codewords_in_closed_form() -> None:
    # one number per codeword, at 0 and 1: P(1) is a logistic function of x with slope 2 alpha / tau
    alpha, tau, value = 1.5, 0.5, 0.4
    model = quantiser(latent=1, frames=1, groups=1, codewords=2, alpha=alpha)
    model.codebook.data = torch.tensor([[[0.0], [1.0]]])
    x = torch.tensor([[[value]]], requires_grad=True)
    out = model(x, tau)
    assert float(out.z_hat.detach()) == 0.0
    out.z_hat.sum().backward()
    logistic = 1.0 / (1.0 + math.exp(-2 * alpha / tau * (value - 0.5)))
    assert x.grad is not None
    assert float(x.grad) == pytest.approx(2 * alpha / tau * logistic * (1 - logistic), rel=1e-5)


def test_noise_draws_codewords_by_their_probabilities() -> None:
    model = quantiser(latent=1, frames=1, groups=1, codewords=3, alpha=1.0)
    x = torch.full((1, 1, 20_000), 0.2)
    out = model(x, 1.0, torch.Generator().manual_seed(0))
    shares = torch.bincount(out.indices.flatten(), minlength=3) / 20_000
    assert torch.allclose(shares, out.probabilities[0, 0, 0], atol=0.015)
    again = model(x, 1.0, torch.Generator().manual_seed(0))
    other = model(x, 1.0, torch.Generator().manual_seed(1))
    assert torch.equal(out.indices, again.indices) and not torch.equal(out.indices, other.indices)


def test_noise_is_gumbel_and_comes_from_the_given_generator_only() -> None:
    model = quantiser(codewords=16)
    x = latents(2, 6, 8)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    model(x, 1.0, torch.Generator().manual_seed(3))
    assert torch.equal(before, torch.get_rng_state())


def test_without_gradient_there_is_none_and_the_same_comes_out() -> None:
    model, x = quantiser(), latents(2, 6, 8)
    with torch.no_grad():
        quiet = model(x, 0.5)
    loud = model(x, 0.5)
    assert not quiet.z_hat.requires_grad and loud.z_hat.requires_grad
    assert torch.equal(quiet.z_hat, loud.z_hat) and torch.equal(quiet.indices, loud.indices)


@given(st.lists(st.lists(st.floats(0.01, 1.0), min_size=5, max_size=5), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_entropy_is_scipys(rows: list[list[float]]) -> None:
    shares = np.array(rows) / np.sum(rows, axis=1, keepdims=True)
    shares = np.concatenate([shares, np.zeros((len(rows), 1))], 1)
    assert entropy_bits(torch.from_numpy(shares)).numpy() == pytest.approx(entropy(shares, base=2, axis=1), abs=1e-9)


def test_soft_and_hard_entropies_against_scipy() -> None:
    model, x = quantiser(), latents(4, 6, 80)
    out = model(x, 1.0, torch.Generator().manual_seed(0))
    soft = out.probabilities.detach().numpy().astype(float).mean((0, 2))
    assert soft_entropy(out).detach().numpy() == pytest.approx(entropy(soft, base=2, axis=1), abs=1e-5)
    for g, bits in enumerate(hard_entropy(out.indices, 8)):
        counts = np.bincount(out.indices[:, g].flatten().numpy(), minlength=8)
        assert float(bits) == pytest.approx(entropy(counts, base=2), abs=1e-5)


def test_usage_counts_codewords_of_each_group() -> None:
    indices = torch.tensor([[[0, 0, 1, 1], [3, 3, 3, 3]], [[0, 1, 1, 0], [3, 3, 3, 3]]])
    usage = codebook_usage(indices, 4)
    assert usage.counts.tolist() == [[4, 4, 0, 0], [0, 0, 0, 8]]
    assert usage.perplexity.tolist() == pytest.approx([2.0, 1.0])
    assert usage.dead.tolist() == [2, 3]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ParamError, match="groups"):
        quantiser(latent=6, groups=4)
    with pytest.raises(ValueError, match="whole steps"):
        quantiser()(latents(1, 6, 7))
    with pytest.raises(ValueError, match="channels"):
        quantiser()(latents(1, 5, 8))
