"""The noise gate: a root mean square against a threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinwire.errors import ParamError
from thinwire.systems.aucom.gate import NoiseGate

SECOND = 16_000


@given(st.floats(1e-4, 1.0), st.integers(SECOND // 2, SECOND))
def test_level_of_a_square_wave_is_its_amplitude(amplitude: float, samples: int) -> None:
    wave = amplitude * np.where(np.arange(samples) % 20 < 10, 1.0, -1.0)
    assert NoiseGate().level(wave) == pytest.approx(amplitude, rel=1e-9)


def test_opens_above_the_papers_threshold_only() -> None:
    sine = np.sqrt(2.0) * np.sin(2 * np.pi * 100 * np.arange(SECOND) / SECOND)
    assert NoiseGate().is_noisy(0.0201 * sine) and not NoiseGate().is_noisy(0.0199 * sine)
    assert NoiseGate(threshold=0.01).is_noisy(0.0199 * sine)
    assert not NoiseGate().is_noisy(np.zeros(SECOND, np.float32))


def test_hears_one_second_at_most() -> None:
    background = np.concatenate([np.full(SECOND, 0.01), np.ones(SECOND)])
    assert NoiseGate().level(background) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("background", "says"),
    [
        (np.zeros(SECOND // 2 - 1), "at least 8000 samples"),
        (np.zeros((2, SECOND)), "one channel"),
        (np.full(SECOND, np.nan), "NaN"),
    ],
)
def test_refuses_what_it_cannot_judge(background: np.ndarray, says: str) -> None:
    with pytest.raises(ParamError, match=says):
        NoiseGate().is_noisy(background)
