from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.signal import get_window, stft
from scipy.stats import entropy
from torch import Tensor

from thinwire.systems.tfcodec.losses import (
    BIN_WINDOW,
    MEL_WINDOWS,
    RATE_VECTORS,
    RunningShares,
    diversity_loss,
    log_mel,
    mel_loss,
    prediction_loss,
    rate_loss,
    spectral_loss,
)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def spectrum(x: np.ndarray, window: int, hop: int) -> np.ndarray:
    """scipy's STFT (T, F) of x (N,), unscaled, without padding."""
    hann = get_window("hann", window)
    _, _, X = stft(x, window=hann, nperseg=window, noverlap=window - hop, boundary=None, padded=False)
    return X.T * hann.sum()


def test_spectral_loss_against_scipy() -> None:
    a, b = (noise(1, 3200, seed=seed) * 0.1 for seed in (1, 2))
    X, Y = (spectrum(x[0].numpy(), BIN_WINDOW, BIN_WINDOW // 2) for x in (a, b))
    compressed = [np.abs(Z) ** 0.3 * np.exp(1j * np.angle(Z)) for Z in (X, Y)]
    magnitude = np.mean((np.abs(X) ** 0.3 - np.abs(Y) ** 0.3) ** 2)
    expected = 0.5 * magnitude + 0.5 * np.mean(np.abs(compressed[0] - compressed[1]) ** 2)
    assert float(spectral_loss(a, b, 0.3)) == pytest.approx(expected, rel=1e-3)


def test_a_flipped_sign_costs_phase_only() -> None:
    x = noise(2, 3200) * 0.1
    energy = np.mean([np.abs(spectrum(row, BIN_WINDOW, BIN_WINDOW // 2)) ** 0.6 for row in x.numpy()])
    assert float(spectral_loss(x, x, 0.3)) == 0.0
    assert float(spectral_loss(x, -x, 0.3)) == pytest.approx(0.5 * 4.0 * energy, rel=1e-3)
    assert float(mel_loss(x, -x)) == pytest.approx(0.0, abs=1e-6)


def test_ten_times_the_amplitude_is_one_in_log_mel() -> None:
    x = noise(2, 8000)
    assert float(mel_loss(x * 0.02, x * 0.2, [1024, 2048])) == pytest.approx(1.0, rel=0.02)
    assert torch.allclose(log_mel(x * 0.02, 1024) + 1.0, log_mel(x * 0.2, 1024), atol=0.05)


def test_log_mel_peaks_where_the_tone_is_with_its_amplitude() -> None:
    samples = torch.arange(16_000) / 16_000
    for window in (512, 2048):
        peaks = [
            int(log_mel(0.5 * torch.sin(2 * torch.pi * f * samples)[None], window)[0].mean(0).argmax())
            for f in (300.0, 1000.0, 3000.0, 6000.0)
        ]
        assert peaks == sorted(set(peaks))
    # a Hann window spreads a full-scale sine over two bins' worth, and a filter takes a mean over several
    loudest = log_mel(torch.sin(2 * torch.pi * 1000.0 * samples)[None], 2048).max()
    assert -0.8 < float(loudest) <= 0.0


def test_every_window_of_the_mel_loss_counts_alike() -> None:
    a, b = noise(2, 4096, seed=1), noise(2, 4096, seed=2)
    alone = [float(mel_loss(a, b, [window])) for window in MEL_WINDOWS]
    assert min(alone) > 0 and float(mel_loss(a, b)) == pytest.approx(sum(alone) / len(alone), rel=1e-5)


@pytest.mark.parametrize("loss", [lambda a, b: spectral_loss(a, b, 0.3), mel_loss])
def test_gradients_are_those_of_finite_differences(loss) -> None:  # type: ignore[no-untyped-def]
    a = noise(1, 2300, seed=1).double() * 0.1
    b = (noise(1, 2300, seed=2).double() * 0.1).requires_grad_()
    direction = noise(1, 2300, seed=3).double()
    loss(a, b).backward()
    with torch.no_grad():
        slope = (loss(a, b + 1e-6 * direction) - loss(a, b - 1e-6 * direction)) / 2e-6
    assert b.grad is not None
    assert float((b.grad * direction).sum()) == pytest.approx(float(slope), rel=1e-4)


def test_silence_gives_finite_gradients() -> None:
    x, y = torch.zeros(1, 4096), torch.zeros(1, 4096, requires_grad=True)
    (spectral_loss(x, y, 0.3) + mel_loss(x, y)).backward()
    (spectral_loss(noise(1, 4096), y, 0.3) + mel_loss(noise(1, 4096), y)).backward()
    assert y.grad is not None and bool(torch.isfinite(y.grad).all())


def test_prediction_trains_the_prediction_only() -> None:
    x_P, x_R = noise(2, 3, 8, seed=1).requires_grad_(), noise(2, 3, 8, seed=2).requires_grad_()
    loss = prediction_loss(x_P, x_R)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(float((x_P - x_R).detach().square().sum() / (2 * 3 * 8)), rel=1e-5)
    assert x_P.grad is not None and x_R.grad is None


def test_diversity_is_zero_for_uniform_use_and_one_for_a_single_codeword() -> None:
    assert float(diversity_loss(torch.full((2, 8), 1 / 8))) == pytest.approx(0.0, abs=1e-6)
    assert float(diversity_loss(torch.eye(8)[:2])) == pytest.approx(1.0)
    assert float(diversity_loss(torch.tensor([[0.5, 0.5, 0.0, 0.0]]))) == pytest.approx(0.5)


def test_rate_is_the_distance_to_the_target_in_bits() -> None:
    bits = torch.tensor([3.0, 4.5])
    assert float(rate_loss(bits, 10.0)) == 2.5 and float(rate_loss(bits, 4.0)) == 3.5


def test_running_shares_are_an_average_over_recent_vectors() -> None:
    running = RunningShares(1, 4)
    indices = torch.tensor([[[0, 1, 1, 3]]])
    batch = torch.tensor([[0.1, 0.2, 0.3, 0.4]])
    running.update(batch, indices)
    assert torch.allclose(running.soft, batch) and running.hard.tolist() == [[0.25, 0.5, 0.0, 0.25]]
    running.update(torch.tensor([[0.3, 0.2, 0.1, 0.4]]), indices)
    assert torch.allclose(running.soft, torch.tensor([[0.2, 0.2, 0.2, 0.4]]))
    assert float(running.dead) == 0.25
    # a batch as large as the memory takes all of it over
    running.update(batch, torch.zeros(1, 1, RATE_VECTORS, dtype=torch.int64))
    assert torch.allclose(running.soft, batch, atol=1e-3)


def test_entropy_of_many_small_batches_is_that_of_one_large_one() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(256, generator=generator) ** 3
    truth = entropy(weights.numpy(), base=2)
    running, alone = RunningShares(1, 256), []
    for _ in range(400):
        indices = torch.multinomial(weights, 64, replacement=True, generator=generator)[None, None]
        shares = torch.bincount(indices.flatten(), minlength=256)[None] / 64
        running.update(shares, indices)
        alone.append(float(entropy(shares[0].numpy(), base=2)))
    bits = float(running.entropy(shares))
    assert bits == pytest.approx(truth, abs=0.15)
    assert np.mean(alone) < truth - 1.0
    # coding held-out material costs the entropy, too, and what it costs has no such bias
    held_out = torch.multinomial(weights, 20_000, replacement=True, generator=generator)[None, None]
    assert float(running.hard_cost(held_out)) == pytest.approx(truth, abs=0.15)
    assert float(running.cost((weights / weights.sum())[None])) == pytest.approx(truth, abs=0.15)


def test_gradient_of_the_running_entropy_is_the_entropys() -> None:
    shares = torch.tensor([[0.1, 0.2, 0.3, 0.4]], requires_grad=True)
    running = RunningShares(1, 4)
    running.update(shares, torch.zeros(1, 1, 4, dtype=torch.int64))
    running.entropy(shares).sum().backward()
    ours = shares.grad
    twin = shares.detach().clone().requires_grad_()
    (-(twin * twin.log2()).sum()).backward()
    assert ours is not None and twin.grad is not None
    # equal up to a constant, which changes of shares that sum to zero do not see
    difference = ours - twin.grad
    assert torch.allclose(difference, difference.mean().expand_as(difference), atol=1e-5)
    assert float(difference.mean()) == pytest.approx(1 / math.log(2), rel=1e-4)


@pytest.mark.parametrize("target", [2.0, 4.0])
def test_the_rate_loss_moves_the_entropy_to_its_target(target: float) -> None:
    logits = (noise(1, 32) * 0.5).requires_grad_()
    running, indices = RunningShares(1, 32), torch.zeros(1, 1, 400, dtype=torch.int64)
    optimiser = torch.optim.Adam([logits], 0.02)
    for _ in range(800):
        shares = logits.softmax(-1)
        running.update(shares.detach(), indices)
        optimiser.zero_grad()
        rate_loss(running.entropy(shares), target).backward()
        optimiser.step()
    assert float(entropy(logits.softmax(-1)[0].detach().numpy(), base=2)) == pytest.approx(target, abs=0.5)
