"""What CHiME-6 segmentation measures: who speaks when, the lag of the worn microphone, and the SNR at each source."""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import lfilter

from thinwire.corpora.chime6 import Entry
from thinwire.corpora.files import is_silent

GRID_HZ = 100
GAP_S = 0.3
NOISE_S = 0.5
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

    Largest absolute normalised cross-correlation (by FFT) of pre-emphasised signals; without pre-emphasis, hum and
    rumble, which the two do not share, decide. The absolute value, because a microphone may be wired the other way
    round. Silence is not shifted.
    """
    if is_silent(source) or is_silent(worn):
        return (len(worn) - len(source)) // 2
    wide, short = (lfilter([1.0, -0.97], [1.0], x) for x in (worn, source))
    size = next_fast_len(len(wide), real=True)
    product = irfft(rfft(wide, size) * np.conj(rfft(short, size)), size)[: len(wide) - len(short) + 1]
    total = np.concatenate([[0.0], np.cumsum(np.square(wide, dtype=np.float64))])
    energy = total[len(short) :] - total[: -len(short)]
    return int(np.argmax(np.abs(product) / np.sqrt(np.maximum(energy, 1e-6 * energy.max() + 1e-20))))


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
