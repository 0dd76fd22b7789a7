"""Anti-wrapping phase losses along the right axes, and the waveform losses' closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from thinwire.params.aucom_enhancer import EnhancerSpectrum
from thinwire.systems.aucom_enhancer.losses import anti_wrapped, enhancement_losses, phase_losses, waveform_losses
from thinwire.systems.aucom_enhancer.spectrum import analyse

SPECTRUM = EnhancerSpectrum(n_fft=128, hop_length=64)


@given(st.floats(-math.pi, math.pi), st.integers(-5, 5))
def test_whole_turns_do_not_count(angle: float, turns: int) -> None:
    wrapped = anti_wrapped(torch.tensor(angle + 2 * math.pi * turns, dtype=torch.float64))
    assert float(wrapped) == pytest.approx(abs(angle), abs=1e-9)


def phase_of(shift: Tensor) -> dict[str, float]:
    phase = (torch.rand(2, 9, 11, generator=torch.Generator().manual_seed(0)) - 0.5) * 2 * math.pi
    return {name: float(value) for name, value in phase_losses(phase, phase + shift).items()}


def test_each_phase_loss_sees_its_own_axis() -> None:
    bins, frames = torch.arange(9.0)[None, :, None], torch.arange(11.0)[None, None, :]
    exact = {"abs": 1e-5}
    turned = phase_of(torch.tensor(0.4))
    assert turned["instantaneous_phase"] == pytest.approx(0.4, **exact)
    assert max(turned["group_delay"], turned["angular_frequency"]) < 1e-5
    delayed = phase_of(0.3 * bins)  # a delay turns phases in proportion to frequency
    assert delayed["group_delay"] == pytest.approx(0.3, **exact)
    assert delayed["angular_frequency"] == pytest.approx(0.0, **exact)
    detuned = phase_of(0.2 * frames)
    assert detuned["angular_frequency"] == pytest.approx(0.2, **exact)
    assert detuned["group_delay"] == pytest.approx(0.0, **exact)
    assert max(phase_of(2 * math.pi * frames).values()) < 1e-4


def test_waveform_losses_of_a_louder_copy(pairs: dict[str, Tensor]) -> None:
    clean = 10.0 * pairs["noisy"]
    same = waveform_losses(clean, clean, SPECTRUM)
    assert float(same["time"]) == float(same["complex"]) == 0.0
    louder = waveform_losses(clean, 2.0 * clean, SPECTRUM)
    energy = analyse(clean, SPECTRUM).magnitude.square().mean()
    assert float(louder["time"]) == pytest.approx(float(clean.abs().mean()))
    assert float(louder["complex"]) == pytest.approx(float((2.0**0.3 - 1.0) ** 2 * energy), rel=1e-3)


def test_perfect_output_costs_nothing(pairs: dict[str, Tensor]) -> None:
    clean = pairs["clean"]
    target = analyse(clean, SPECTRUM)
    losses = enhancement_losses(clean, target, clean, target, SPECTRUM)
    assert set(losses) == {
        "magnitude", "instantaneous_phase", "group_delay", "angular_frequency", "complex", "time",
    }  # fmt: skip
    assert max(map(float, losses.values())) == 0.0
