"""FAVOR+ against exact attention."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from thinwire.systems.aucom_enhancer.performer import (
    Favor,
    PerformerBlock,
    key_features,
    linear_attention,
    orthogonal_features,
    query_features,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sequences(scale: float) -> list[Tensor]:
    """Queries and keys at `scale`, values at 1, each (2, 3, 20, 8)."""
    draw = generator()
    return [level * torch.randn(2, 3, 20, 8, generator=draw) for level in (scale, scale, 1.0)]


def test_linear_attention_is_the_normalised_product_of_features() -> None:
    draw = generator()
    query, key = torch.rand(2, 4, 9, 5, generator=draw), torch.rand(2, 4, 7, 5, generator=draw)
    value = torch.randn(2, 4, 7, 3, generator=draw)
    weights = query @ key.transpose(-1, -2)
    expected = weights / weights.sum(-1, keepdim=True) @ value
    assert torch.allclose(linear_attention(query, key, value), expected, atol=1e-5)


def error(features: int, draws: int = 8) -> float:
    """Mean absolute error of attention by random features, mean over draws of them."""
    q, k, v = sequences(0.5)
    exact = functional.scaled_dot_product_attention(q, k, v)
    total = 0.0
    for seed in range(draws):
        projection = orthogonal_features(features, 8, generator(seed))
        out = linear_attention(query_features(q, projection), key_features(k, projection), v)
        total += float((out - exact).abs().mean()) / draws
    return total


def test_random_features_approach_exact_attention() -> None:
    few, many, most = error(16), error(256), error(8192)
    assert most < 0.005
    assert few > 2.0 * many > 4.0 * most


def test_features_are_finite_for_large_inputs_and_never_zero() -> None:
    q, k, v = sequences(100.0)
    projection = orthogonal_features(16, 8, generator())
    query, key = query_features(q, projection), key_features(k, projection)
    assert bool((query > 0).all()) and bool((key > 0).all())
    assert torch.isfinite(linear_attention(query, key, v)).all()


def test_projections_are_orthogonal_in_blocks_with_gaussian_lengths() -> None:
    projection = orthogonal_features(4000, 8, generator())
    assert projection.shape == (4000, 8)
    block = functional.normalize(projection[8:16], dim=1)
    assert torch.allclose(block @ block.T, torch.eye(8), atol=1e-5)
    assert float(projection.square().sum(1).mean()) == pytest.approx(8.0, rel=0.05)
    assert float(projection.mean(0).abs().max()) < 0.1
    assert orthogonal_features(11, 8, generator()).shape == (11, 8)


def test_multi_head_attention_with_many_features_is_pytorchs() -> None:
    torch.manual_seed(0)
    own, theirs = Favor(8, 2, 8192), torch.nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(own.to_qkv.weight)
        theirs.in_proj_bias.copy_(own.to_qkv.bias)
        theirs.out_proj.weight.copy_(own.out.weight)
        theirs.out_proj.bias.copy_(own.out.bias)
        x = torch.randn(3, 15, 8)
        exact = theirs(x, x, x, need_weights=False)[0]
        assert float((own(x) - exact).abs().max()) < 0.02 * float(exact.abs().max())


def test_redrawing_depends_on_its_generator_alone() -> None:
    layer = Favor(8, 2, 6)
    before, state = layer.projection.clone(), torch.get_rng_state()
    layer.redraw(generator(1))
    first = layer.projection.clone()
    layer.redraw(generator(1))
    assert torch.equal(first, layer.projection) and not torch.equal(first, before)
    assert torch.equal(state, torch.get_rng_state())
    assert "projection" in layer.state_dict()


def test_a_block_does_not_care_for_order() -> None:
    torch.manual_seed(0)
    block, x = PerformerBlock(8, 2, 8, 2), torch.randn(2, 10, 8)
    order = torch.randperm(10)
    assert torch.allclose(block(x)[:, order], block(x[:, order]), atol=1e-5)
