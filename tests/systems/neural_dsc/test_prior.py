"""The prior: causal, the same step by step as at once, learns a chain, and makes the same tables in another process."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_ndsc import make_prior
from torch.nn import functional

from thinwire.params.neural_dsc_prior import Settings
from thinwire.systems.neural_dsc.prior import LatentPrior, StepwisePrior, dropped
from thinwire.systems.neural_dsc.prior_system import NeuralDscPriorSystem

L, K = 11, 6


def drawn(items: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(K, (items, L), generator=torch.Generator().manual_seed(seed))


def test_a_position_depends_on_those_before_it_alone() -> None:
    prior, indices = make_prior(L, K), drawn(1)
    before = prior(indices)
    for place in range(L):
        changed = indices.clone()
        changed[0, place] = (changed[0, place] + 1) % K
        differs = (prior(changed) - before).abs().amax(-1)[0] > 1e-6
        assert not differs[: place + 1].any() and (place == L - 1 or differs[place + 1 :].all())


def test_steps_with_the_cache_are_the_pass_over_all_positions() -> None:
    prior, indices = make_prior(L, K).double(), drawn(4)
    cache, start = prior.begin(), torch.full((4,), K)
    steps = [prior.step(start if i == 0 else indices[:, i - 1], cache) for i in range(L)]
    assert torch.stack(steps, 1).allclose(prior(indices), atol=1e-10)
    with pytest.raises(ValueError, match="11 positions"):
        prior.step(start, cache)


def test_bits_and_attention() -> None:
    prior, indices = make_prior(L, K), drawn(3)
    log_p = prior(indices).log_softmax(-1).gather(-1, indices[..., None])[..., 0]
    assert prior.bits(indices).allclose(-log_p / math.log(2.0), atol=1e-5)
    weights = prior.attention(indices)
    assert weights.shape == (2, 3, 2, L, L) and weights.sum(-1).allclose(torch.ones(()))
    assert weights.triu(1).abs().max() == 0.0
    block, x = prior.blocks[0], torch.randn(3, L, 8, generator=torch.Generator().manual_seed(0))
    q, k, v = block.split(x)
    expected = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    assert (block.attention(x) @ v).allclose(expected, atol=1e-5)


def test_tables_follow_the_probabilities() -> None:
    prior, indices = make_prior(L, K), drawn(5)
    tables = StepwisePrior(prior).tables(indices.numpy())
    p = prior(indices).softmax(-1).numpy()
    for item, row in enumerate(tables):
        for place, table in enumerate(row):
            assert np.allclose(table.counts / table.counts.sum(), p[item, place], atol=1e-4)


def test_one_item_s_tables_do_not_depend_on_the_others_beside_it() -> None:
    stepwise, indices = StepwisePrior(make_prior(L, K)), drawn(5).numpy()
    together, cache = stepwise.tables(indices), stepwise.begin()
    for place in range(L):
        table = stepwise.next_table(None if place == 0 else int(indices[2, place - 1]), cache)
        assert np.array_equal(table.counts, together[2][place].counts)


def tables_of_a_fixed_prior() -> np.ndarray:
    """(2, 40, 64): integer tables of a prior of some size, for another process to make again."""
    torch.manual_seed(5)
    prior = LatentPrior(Settings(dim=64, blocks=2, heads=4, dff=128), 40, 64)
    indices = torch.randint(64, (1, 40), generator=torch.Generator().manual_seed(1)).numpy()
    return np.stack([table.counts for table in StepwisePrior(prior).tables(indices)[0]])


@pytest.mark.parametrize("threads", [1, 2])
def test_another_process_makes_the_same_tables(tmp_path: Path, threads: int) -> None:
    here = Path(__file__)
    script = (
        f"import sys; sys.path.insert(0, {str(here.parent)!r}); import torch; torch.set_num_threads({threads})\n"
        f"import numpy as np; from {here.stem} import tables_of_a_fixed_prior as made\n"
        f"np.save({str(tmp_path / 'tables.npy')!r}, made())"
    )
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=100)
    assert np.array_equal(np.load(tmp_path / "tables.npy"), tables_of_a_fixed_prior())


def test_it_learns_a_chain_down_to_its_entropy_rate() -> None:
    """A ring on which each index goes on by one with probability 0.9, else anywhere."""
    rng, torch_rng = np.random.default_rng(0), torch.Generator().manual_seed(0)

    def ring(items: int) -> dict[str, torch.Tensor]:
        indices = rng.integers(K, size=(items, L))
        for place in range(1, L):
            onwards = rng.random(items) < 0.9
            indices[onwards, place] = (indices[onwards, place - 1] + 1) % K
        return {"clean": torch.from_numpy(indices).float()}

    torch.manual_seed(0)
    system = NeuralDscPriorSystem(Settings(dim=16, blocks=1, heads=2, dff=32, dropout=0.0), L, K)
    optimiser = torch.optim.Adam(system.parameters(), 0.02)
    for _ in range(120):
        losses = system(ring(64), torch_rng)
        optimiser.zero_grad()
        system.total(losses).backward()
        optimiser.step()
    likely, other = 0.9 + 0.1 / K, 0.1 / K
    rate = -likely * math.log2(likely) - (K - 1) * other * math.log2(other)
    ideal = (math.log2(K) + (L - 1) * rate) / L
    found = float(system.eval()(ring(1000), torch_rng).named["bits"])
    assert ideal - 0.03 < found < ideal + 0.1


def test_dropout_draws_from_the_generator_alone() -> None:
    x = torch.ones(4000)
    once, again, other = (dropped(x, 0.25, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert once.equal(again) and not once.equal(other)
    assert once.unique().allclose(torch.tensor([0.0, 4 / 3])) and 0.7 < (once > 0).float().mean() < 0.8
    assert dropped(x, 0.25, None) is x
