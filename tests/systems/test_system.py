"""The distributed coder as a whole: its loss, and that a minute of training on easy data makes a coder of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from thinwire.metrics.spectral import psnr
from thinwire.params.base import Training
from thinwire.params.ndpca import Ndpca, NdpcaLosses, NdpcaShape, Run
from thinwire.params.score import Score, ScoreShape
from thinwire.params.spectrum import Spectrum
from thinwire.systems.ndpca.model import encode_all
from thinwire.systems.ndpca.pca import fit_ndpca
from thinwire.systems.ndpca.system import NdpcaSystem, draw_budget
from thinwire.tasks.enhancement import Enhancer
from thinwire.training.build import Splits
from thinwire.training.loop import Loop, TensorData

SPECTRUM = Spectrum(n_fft=64, hop_length=32, power=0.5)
SHAPE = NdpcaShape(latent=16, width=12, blocks=1, decoder_width=24, decoder_blocks=1, stride=4)
NDPCA = Ndpca(spectrum=SPECTRUM, shape=SHAPE, aware_items=2, discriminator_filters=2, discriminator_scales=[64])
SAMPLES, BINS, FRAMES = 500, 33, 16


def run_of(**changes: object) -> Run:
    return Run(system="ndpca", after="data", steps=150, **changes)  # type: ignore[arg-type]


def patterns(items: int, seed: int, rank: int = 8) -> TensorData:
    """Four noisy copies of spectrogram patterns of few degrees of freedom, (items, 4, 1, F, T) and (items, 1, F, T)."""
    shared, own = np.random.default_rng(99), np.random.default_rng(seed)
    basis = np.abs(shared.standard_normal((rank, BINS, 1)) * shared.standard_normal((rank, 1, FRAMES)))
    weights = own.gamma(1.0, 1.0, (items, rank)) * 0.75 ** np.arange(rank)
    clean = torch.from_numpy(np.einsum("nr,rft->nft", weights, basis)).float()
    noise = torch.from_numpy(own.standard_normal((items, 4, BINS, FRAMES))).float()
    noisy = (clean[:, None] + 0.2 * noise * torch.tensor([1.0, 2.0, 3.0, 4.0])[None, :, None, None]).clamp_min(0)
    phase = torch.from_numpy(own.uniform(-3, 3, (items, BINS, FRAMES))).float()
    return TensorData({"noisy": noisy[:, :, None], "clean": clean[:, None], "phase": phase})


def train(folder: Path, data: TensorData, steps: int, batch: int = 32, **changes: object) -> NdpcaSystem:
    torch.manual_seed(0)
    system = NdpcaSystem(NDPCA, run_of(**changes), 4, SAMPLES)
    system.model.fit_statistics(data.tensors["noisy"], data.tensors["clean"])
    settings = Training(batch=batch, lr=4e-3, warmup=5, validate_every=steps, checkpoint_every=steps)
    loop = Loop(system, Splits(data, data, {}, {}, SAMPLES / 16_000), settings, steps, 0, folder, "train tiny")
    loop.run()
    system.model.load_state_dict(loop.best)
    return system


@pytest.fixture(autouse=True)
def _torch_state() -> Iterator[None]:
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)


def test_a_trained_coder_beats_the_mean_and_grows_with_the_budget(tmp_path: Path) -> None:
    training, test = patterns(256, 1), patterns(96, 2)
    system = train(tmp_path, training, 150)
    model = system.model.eval()
    bottleneck = fit_ndpca(encode_all(model, training.tensors["noisy"]))
    latents = encode_all(model, test.tensors["noisy"])
    clean = test.tensors["clean"][:, 0].numpy()
    peak = clean.max((1, 2))
    mean = np.broadcast_to(training.tensors["clean"][:, 0].mean((0, 2)).numpy()[None, :, None], clean.shape)
    floor = psnr(clean, mean, peak).mean()
    values = []
    for m in (1, 2, 4, 8, 16):
        with torch.no_grad():
            decoded = model.decode(torch.from_numpy(bottleneck.reconstruct(latents, m)).float())
        values.append(psnr(clean, decoded[:, 0].clamp_min(0).numpy(), peak).mean())
    assert values[-1] > floor + 1.0, (floor, values)
    assert all(a < b + 0.05 for a, b in zip(values, values[1:], strict=False)) and values[-1] > values[0] + 1.0, values


def test_one_batch_can_be_learned_by_heart(tmp_path: Path) -> None:
    data = patterns(6, 3)
    system = train(tmp_path, data, 150, batch=6, bottleneck="plain")
    with torch.no_grad():
        output = system.model(data.tensors["noisy"]).output
    error = (output - data.tensors["clean"]).square().mean()
    assert error < 0.1 * data.tensors["clean"].var()


@pytest.mark.parametrize(("law", "low", "high"), [("uniform", 8.0, 9.0), ("log_uniform", 4.5, 6.5)])
def test_budgets_cover_the_whole_range(law: str, low: float, high: float) -> None:
    generator = torch.Generator().manual_seed(0)
    params = NDPCA.model_copy(update={"budget_law": law})
    drawn = [draw_budget(params, 16, generator) for _ in range(4000)]
    assert set(drawn) == set(range(1, 17)) and low < np.mean(drawn) < high
    assert {draw_budget(params.model_copy(update={"min_budget": 16}), 16, generator) for _ in range(50)} == {16}


def aware_system(**changes: object) -> NdpcaSystem:
    torch.manual_seed(0)
    task = Enhancer(Score(shape=ScoreShape(base=4, multipliers=[1, 2], fold=8))).requires_grad_(False)
    return NdpcaSystem(NDPCA, run_of(setting="aware", **changes), 4, SAMPLES, task)


def test_the_weighted_sum_stands_in_one_place() -> None:
    losses = NdpcaLosses(mse=2.0, cosine=0.5, snr=0.25, task=3.0, perceptual=0.1)
    params = NDPCA.model_copy(update={"losses": losses})
    batch = {name: value[:4] for name, value in patterns(4, 5).tensors.items()}
    torch.manual_seed(0)
    task = Enhancer(Score(shape=ScoreShape(base=4, multipliers=[1, 2], fold=8))).requires_grad_(False)
    system = NdpcaSystem(params, run_of(setting="aware", lambda_perc=4.0), 4, SAMPLES, task)
    critic = system.make_critic()
    out = system(batch, torch.Generator().manual_seed(0), critic)
    named = out.named
    expected = 2 * named["mse"] + 0.5 * named["cosine"] + 0.25 * named["snr"] + 3 * named["task"]
    assert system.total(out).item() == pytest.approx((expected + 0.4 * named["perceptual"]).item(), rel=1e-5)
    assert out.real is not None and out.real.shape == (2, 1, SAMPLES) == out.fake.shape  # type: ignore[union-attr]
    assert not out.real.requires_grad and not out.fake.requires_grad  # type: ignore[union-attr]
    assert {"nuclear", "cosine_signed", "psnr", "magnitude"} <= set(named)  # logged without a weight
    system.total(out).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in system.parameters())


@pytest.mark.parametrize("representation", ["magnitude", "mag_phase", "complex"])
def test_every_representation_has_a_finite_aware_gradient(representation: str) -> None:
    system = aware_system(representation=representation)
    model = system.model
    generator = torch.Generator().manual_seed(0)
    batch = {
        "noisy": torch.rand(4, 4, *model.grid, generator=generator),
        "clean": torch.rand(4, *model.grid, generator=generator),
        "phase": torch.rand(4, BINS, FRAMES, generator=generator),
    }
    out = system(batch, generator, system.make_critic())
    system.total(out).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in system.parameters())
    assert ("phase" in out.named) == (representation != "magnitude")


def test_an_agnostic_run_knows_no_task() -> None:
    task = Enhancer(Score(shape=ScoreShape(base=4, multipliers=[1, 2], fold=8)))
    system = NdpcaSystem(NDPCA, run_of(), 4, SAMPLES, task)
    assert system.make_critic() is None
    out = system(patterns(4, 5).tensors, torch.Generator().manual_seed(0))
    assert "task" not in out.named and out.real is None and math.isfinite(system.total(out).item())
    assert system.weights["task"] == 0.0 == system.weights["perceptual"]


def test_the_lent_task_moves_with_the_system_and_is_none_of_its_weights() -> None:
    system = aware_system()
    assert not any("sde" in name or "unet" in name for name in system.state_dict())
    (task,) = system._task
    system.double()
    assert {p.dtype for p in task.parameters()} == {torch.float64}  # type: ignore[attr-defined]
