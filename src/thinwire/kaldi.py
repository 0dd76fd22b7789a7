"""Kaldi's log-mel filter bank in NumPy and SciPy: an edge device computes it without torch.

Values are those of `torchaudio.compliance.kaldi.fbank(..., window_type="hanning", dither=0, snip_edges=False,
htk_compat=True)` for samples in [-1, 1]: windows of 25 ms every 10 ms, centred so that N samples give N / 160 frames,
mean removed, pre-emphasis 0.97, 512-point power spectra, triangles on the mel scale from 20 Hz to 8 kHz, natural
logarithm. AUCOM section 4.2.2 names a Hamming or Hanning window and 100 frames a second; the rest is Kaldi's default.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from thinwire.audio import SAMPLE_RATE

WINDOW, HOP, N_FFT = 400, 160, 512
FRAME_RATE = SAMPLE_RATE // HOP
PREEMPHASIS = 0.97
LOW_HZ, HIGH_HZ = 20.0, 8000.0
LOG_FLOOR = float(np.finfo(np.float32).eps)
_BLOCK = 250  # frames at a time: they stay in the cache


def frames_of(samples: int) -> int:
    """Frames of a signal: whole hops, rounded half up."""
    return (samples + HOP // 2) // HOP


def _mel(hz: np.ndarray | float) -> np.ndarray:
    return 1127.0 * np.log1p(np.asarray(hz, np.float64) / 700.0)


@lru_cache(maxsize=4)
def mel_triangles(n_mels: int) -> np.ndarray:
    """Filters (n_fft / 2 + 1, n_mels) float32, read-only: triangles of height 1 with straight sides on the mel scale.

    With 128 mels the lowest filters are narrower than a bin and a few of them hold none: such a feature is constantly
    log(LOG_FLOOR), in Kaldi as here.
    """
    low, high = _mel(LOW_HZ), _mel(HIGH_HZ)
    delta = (high - low) / (n_mels + 1)
    left = low + delta * np.arange(n_mels)
    position = (_mel(SAMPLE_RATE / N_FFT * np.arange(N_FFT // 2 + 1))[:, None] - left) / delta
    triangles = np.clip(np.minimum(position, 2.0 - position), 0.0, None)
    triangles[-1] = 0.0  # Kaldi leaves the Nyquist bin out
    filters = triangles.astype(np.float32)
    filters.setflags(write=False)
    return filters


@lru_cache(maxsize=1)
def _window() -> np.ndarray:
    """Hann window of 400 points, both ends zero."""
    return np.hanning(WINDOW).astype(np.float32)


def fbank(audio: np.ndarray, n_mels: int = 80) -> np.ndarray:
    """Log-mel energies (B, n_mels, L) float32 of waveforms (B, N) in [-1, 1] at 16 kHz, L = frames_of(N).

    Raises ValueError for another shape or fewer samples than a window.
    """
    audio = np.ascontiguousarray(audio, np.float32)
    if audio.ndim != 2 or audio.shape[1] < WINDOW:
        raise ValueError(f"waveforms must be (B, N >= {WINDOW}), got {audio.shape}")
    count, lead = frames_of(audio.shape[1]), (WINDOW - HOP) // 2
    tail = max(0, (count - 1) * HOP + WINDOW - lead - audio.shape[1])
    padded = np.pad(audio, ((0, 0), (lead, tail)), mode="symmetric")
    shaped = padded.copy()
    shaped[:, 1:] -= np.float32(PREEMPHASIS) * padded[:, :-1]
    # Of a frame's mean, pre-emphasis leaves this; it leaves more in a frame's first sample, where the window is zero.
    rest = _windows(padded, WINDOW)[:, :count].mean(2, keepdims=True) * np.float32(1.0 - PREEMPHASIS)
    frames, filters = _windows(shaped, WINDOW)[:, :count], mel_triangles(n_mels)
    out = np.empty((len(audio), n_mels, count), np.float32)
    for item in range(len(audio)):
        for start in range(0, count, _BLOCK):
            block = slice(start, start + _BLOCK)
            out[item, :, block] = _log_mel(frames[item, block], rest[item, block], filters).T
    return out


def _windows(x: np.ndarray, length: int) -> np.ndarray:
    """Views (B, count, length) of x (B, N), a hop apart."""
    return np.lib.stride_tricks.sliding_window_view(x, length, axis=1)[:, ::HOP]


def _log_mel(frames: np.ndarray, rest: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Log-mel energies (n, n_mels) of frames (n, WINDOW), less `rest` (n, 1)."""
    from scipy import fft  # half the time of NumPy's, 20 MB that only features need

    padded = np.zeros((len(frames), N_FFT), np.float32)
    np.subtract(frames, rest, out=padded[:, :WINDOW])
    padded[:, :WINDOW] *= _window()
    spectrum = fft.rfft(padded, overwrite_x=True)
    energy = np.square(spectrum.real)
    energy += np.square(spectrum.imag)
    return np.log(np.maximum(energy @ filters, LOG_FLOOR))
