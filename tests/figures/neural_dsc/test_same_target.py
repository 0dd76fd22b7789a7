from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from thinwire.evaluation.neural_dsc.speech import PESQ_LOWEST
from thinwire.figures.neural_dsc import same_target


@pytest.fixture
def speech(real_data: Path) -> np.ndarray:
    """Two stretches of a recording, (2, 32000)."""
    first = sorted((real_data / "speech").rglob("*.flac"))[0]
    x, rate = soundfile.read(first, dtype="float32")
    assert rate == 16_000
    return np.stack([x[:32_000], x[16_000:48_000]])


def test_a_copy_is_perfect_at_any_level_and_a_lost_one_the_worst(open_ndsc, speech: np.ndarray) -> None:
    page = open_ndsc("speech")
    copy = same_target._row(page, "a", "close", "", 1.0, 0.1 * speech, speech[:, :-500])
    assert copy["stoi"] == pytest.approx(1.0, abs=1e-6) and copy["pesq"] > 4.6 and copy["n"] == 2
    lost = same_target._row(page, "a", "close", "", 1.0, np.stack([speech[0], 0 * speech[1]]), speech)
    assert lost["n"] == 2 and lost["pesq_low"] == pytest.approx(PESQ_LOWEST) and lost["pesq"] < copy["pesq"]
