"""The gate before the enhancer: is the place so noisy that enhancement is worth its operations (section 5.3.4)?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thinwire.audio import SAMPLE_RATE
from thinwire.errors import ParamError

SHORTEST_S = 0.5
LONGEST_S = 1.0


@dataclass(frozen=True)
class NoiseGate:
    """Compares the RMS of a moment of background, heard before the recording begins, with `threshold` (amplitude, full
    scale 1; the paper's 0.02).
    """

    threshold: float = 0.02

    def level(self, background: np.ndarray) -> float:
        """RMS of background (N,) at 16 kHz, of its first LONGEST_S seconds at most.

        Raises ParamError for less than SHORTEST_S seconds, more than one channel, or samples that are no numbers.
        """
        x = np.asarray(background, np.float64)
        least = int(SHORTEST_S * SAMPLE_RATE)
        if x.ndim != 1 or len(x) < least:
            raise ParamError(
                f"noise gate: background of shape {x.shape}; give one channel of at least {least} samples "
                f"({SHORTEST_S} s at {SAMPLE_RATE} Hz)"
            )
        heard = x[: int(LONGEST_S * SAMPLE_RATE)]
        if not np.isfinite(heard).all():
            raise ParamError("noise gate: background holds NaN or infinite samples; record it again")
        return float(np.sqrt(np.mean(np.square(heard))))

    def is_noisy(self, background: np.ndarray) -> bool:
        """Whether the level exceeds the threshold, so that what follows is to be enhanced; raises as `level` does."""
        return self.level(background) > self.threshold
