"""Waveforms that stages leave for the notebooks' players."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np


def save_audio(path: Path, sounds: Mapping[str, np.ndarray]) -> None:
    """Write waveforms (samples,) in [-1, 1] at 16 kHz by name, as int16; what lies outside is clipped."""
    pcm = {name: np.rint(np.clip(x, -1.0, 1.0) * 32767).astype(np.int16) for name, x in sounds.items()}
    np.savez_compressed(path, **pcm)  # type: ignore[arg-type]
