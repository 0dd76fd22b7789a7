"""What CHiME-6 segmentation measures: who speaks when, the lag of the worn microphone, and the SNR at each source."""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.chime6 import Entry
from thinwire.corpora.files import is_silent

GRID_HZ = 100
GAP_S = 0.3
NOISE_S = 0.5
WHITENING = 0.7
LOWEST_HZ = 150.0
SNR_RANGE_DB = (-20.0, 60.0)


class Activity:
    """Who speaks when in a session of `seconds`, on a 10 ms grid of one device's clock."""

    def __init__(self, entries: list[Entry], device: str, seconds: float) -> None:
        spans = np.array([entry.times(device) for entry in entries]).reshape(-1, 2)
        cells = np.round(np.minimum(spans, seconds) * GRID_HZ).astype(int)
        length = int(cells.max(initial=0)) + 1
        self._talking: dict[str, np.ndarray] = {}
        self._count = np.zeros(length, np.uint8)
        for entry, (start, end) in zip(entries, cells, strict=True):
            row = self._talking.setdefault(entry.speaker, np.zeros(length, bool))
            row[start : max(end, start + 1)] = True
        for row in self._talking.values():
            self._count += row
        edges = np.flatnonzero(np.diff(np.concatenate([[1], self._count > 0, [1]]).astype(np.int8)))
        gaps = edges.reshape(-1, 2)
        self.gaps = gaps[gaps[:, 1] - gaps[:, 0] >= GAP_S * GRID_HZ] / GRID_HZ

    def overlap(self, speaker: str, start_s: float, end_s: float) -> float:
        """Share of a stretch, 0 to 1, in which anybody but the speaker talks."""
        part = slice(round(start_s * GRID_HZ), max(round(end_s * GRID_HZ), round(start_s * GRID_HZ) + 1))
        return float(np.mean(self._count[part] > self._talking[speaker][part]))

    def pause(self, time_s: float) -> tuple[float, float] | None:
        """The stretch of at most NOISE_S in the middle of the nearest pause in which nobody talks; None when there is
        no pause.
        """
        if not len(self.gaps):
            return None
        distance = np.maximum(self.gaps[:, 0] - time_s, time_s - self.gaps[:, 1])
        start, end = self.gaps[int(np.argmin(distance))]
        half = min(end - start, NOISE_S) / 2
        return (start + end) / 2 - half, (start + end) / 2 + half


def find_shift(worn: np.ndarray, source: np.ndarray) -> int:
    """Where in `worn` (n + 2 max_lag samples) the excerpt begins that is most like `source` (n samples), in samples.

    Largest absolute cross-correlation (by FFT) of partly whitened spectra (PHAT with an exponent: Knapp, Carter 1976;
    rumble below LOWEST_HZ left out). In rooms the plain correlation often falls a pitch period or a reflection beside
    the true lag. The absolute value, because a microphone may be wired the other way round. Silence is not shifted.
    """
    if is_silent(source) or is_silent(worn):
        return (len(worn) - len(source)) // 2
    size = next_fast_len(len(worn), real=True)
    cross = rfft(worn, size) * np.conj(rfft(source, size))
    cross *= np.maximum(np.abs(cross), 1e-12) ** -WHITENING
    cross[: int(LOWEST_HZ * size / SAMPLE_RATE)] = 0.0
    return int(np.argmax(np.abs(irfft(cross, size)[: len(worn) - len(source) + 1])))


def snr_db(power: np.ndarray, noise_power: np.ndarray | None) -> list[float]:
    """SNR a source in dB from the power while the speaker talks and the power in the nearest pause of everybody.

    The speech power is the difference of the two; limited to SNR_RANGE_DB; NaN where the session has no pause to
    measure noise in.
    """
    if noise_power is None:
        return [float("nan")] * len(power)
    low, high = (10.0 ** (value / 10.0) for value in SNR_RANGE_DB)
    noise = np.maximum(noise_power, 1e-12)
    return [float(value) for value in 10.0 * np.log10(np.clip((power - noise) / noise, low, high))]
