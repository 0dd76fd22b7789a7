"""The EMA quantiser: nearest codewords, straight-through gradients, moving averages, revival, and two processes."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree
from torch import Tensor, distributed

from thinwire.errors import ParamError
from thinwire.nn.ema_quantiser import EmaQuantiser

K, D = 8, 3


def make(decay: float = 0.9, revive_below: float = 0.5, codewords: int = K) -> EmaQuantiser:
    torch.manual_seed(0)
    return EmaQuantiser(codewords, D, decay, 1e-5, revive_below)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def latents(batch: int, seed: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(batch, D, 2, 3, generator=generator(seed))


def vectors(z: Tensor) -> Tensor:
    return z.movedim(1, -1).reshape(-1, D)


def test_indices_name_the_nearest_codeword() -> None:
    quantiser, z = make().eval(), latents(5, 1, 0.05)
    out = quantiser(z)
    found = KDTree(quantiser.codebook.numpy()).query(vectors(z).numpy())[1]
    assert np.array_equal(out.indices.numpy().reshape(-1), found) and out.indices.shape == (5, 2, 3)
    assert quantiser.encode(z).equal(out.indices) and out.z_q.allclose(quantiser.lookup(out.indices), atol=1e-6)
    assert out.commitment.item() == pytest.approx(float((z - out.z_q).square().mean()), rel=1e-5)
    shares = np.bincount(found, minlength=K) / len(found)
    assert out.perplexity.item() == pytest.approx(np.exp(-np.sum(shares[shares > 0] * np.log(shares[shares > 0]))))


def test_gradients_go_straight_through_and_commitment_pulls_towards_the_codeword() -> None:
    quantiser = make().train()
    z = latents(2, 1).requires_grad_()
    out = quantiser(z, generator())
    weight = torch.randn(z.shape, generator=generator(3))
    through = torch.autograd.grad((out.z_q * weight).sum(), z, retain_graph=True)[0]
    assert through.equal(weight)
    pull = torch.autograd.grad(out.commitment, z)[0]
    assert pull.allclose(2 * (z - out.z_q).detach() / z.numel(), atol=1e-7)
    assert not any(p.requires_grad for p in quantiser.parameters())


def test_the_codebook_moves_in_training_alone_and_as_the_moving_averages_say() -> None:
    """Two steps against sums written out by codeword."""
    quantiser = make(revive_below=0.0).train()
    count, total = np.zeros(K), np.zeros((K, D))
    for seed in (1, 2):
        z, before = latents(40, seed), quantiser.codebook.clone()
        indices = quantiser(z, generator()).indices.reshape(-1).numpy()
        assert not quantiser.codebook.equal(before)
        for k in range(K):
            chosen = vectors(z).numpy()[indices == k]
            count[k] = 0.9 * count[k] + 0.1 * len(chosen)
            total[k] = 0.9 * total[k] + 0.1 * chosen.sum(0)
    smoothed = (count + 1e-5) / (count.sum() + K * 1e-5) * count.sum()
    assert np.allclose(quantiser.codebook.numpy(), total / smoothed[:, None], atol=1e-5)
    frozen = {name: value.clone() for name, value in quantiser.state_dict().items()}
    quantiser.eval()(latents(3, 9))
    assert all(value.equal(frozen[name]) for name, value in quantiser.state_dict().items())


def test_averages_converge_to_the_clusters_of_the_latents() -> None:
    centres = 4.0 * torch.eye(D)
    quantiser = make(codewords=D).train()
    for step in range(60):
        draw = generator(step)
        kind = torch.randint(D, (64,), generator=draw)
        z = centres[kind] + 0.1 * torch.randn(64, D, generator=draw)
        quantiser(z, draw)
    nearest = torch.cdist(quantiser.codebook, centres).min(0)
    assert nearest.values.max() < 0.1 and len(set(nearest.indices.tolist())) == D


def test_dead_codewords_become_latents_with_statistics_of_their_own() -> None:
    quantiser = make().train()
    z = latents(20, 1)
    quantiser(z, generator())  # before the first step every codeword is unused
    quantiser.codebook[2] = 1e3  # nothing chooses it now
    quantiser.count[2], quantiser.total[2] = 0.4, 400.0
    kept = quantiser.count.clone()
    z = latents(20, 2)
    quantiser(z, generator(5))
    assert (vectors(z) - quantiser.codebook[2]).abs().sum(1).min() == 0.0
    assert quantiser.count[2] == 1.0 and quantiser.total[2].equal(quantiser.codebook[2])
    living = quantiser.count != 1.0
    assert living.any() and not quantiser.count[living].equal(kept[living])


def test_draws_come_from_the_generator_alone() -> None:
    books = []
    for seed, elsewhere in ((1, 0), (1, 7), (2, 0)):
        quantiser = make().train()
        torch.manual_seed(elsewhere)
        quantiser(latents(20, 1), generator(seed))
        books.append(quantiser.codebook.clone())
    assert books[0].equal(books[1]) and not books[0].equal(books[2])


def test_wrong_settings_and_shapes() -> None:
    with pytest.raises(ParamError, match=r"decay is 1.0"):
        EmaQuantiser(4, 2, decay=1.0)
    with pytest.raises(ParamError, match=r"revive_below is -1"):
        EmaQuantiser(4, 2, revive_below=-1)
    with pytest.raises(ParamError, match="at least 2"):
        EmaQuantiser(1, 2)
    with pytest.raises(ValueError, match="4 channels"):
        make().eval()(torch.zeros(2, 4, 3))
    with pytest.raises(ValueError, match="generator"):
        make().train()(latents(2, 0))


SIZES = (5, 4)  # ranks need not have equally many items


def steps_of(quantiser: EmaQuantiser, rank: int | None) -> None:
    """Three steps on the whole batch, or on a rank's share of it; ranks have generators of their own."""
    for step in range(3):
        z = latents(sum(SIZES), step)
        if rank is not None:
            z = z.split(SIZES)[rank]
        quantiser(z, generator(100 * step + (rank or 0)))


def run_rank(rank: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    quantiser = make(revive_below=0.9).train()
    steps_of(quantiser, rank)
    torch.save(quantiser.state_dict(), Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()


def test_two_processes_make_the_codebook_of_one_with_the_joint_batch(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    here = Path(__file__)
    script = f"import sys; sys.path.insert(0, {str(here.parent)!r}); from {here.stem} import run_rank; "
    processes = [
        subprocess.Popen([sys.executable, "-c", f"{script}run_rank({rank}, {port}, {str(tmp_path)!r})"])
        for rank in range(2)
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    alone = make(revive_below=0.9).train()
    steps_of(alone, None)
    for name, value in alone.state_dict().items():
        assert first[name].equal(second[name]) and first[name].allclose(value, atol=1e-5)
