"""Reading, writing and resampling audio, and levels; everything inside is float32 in [-1, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from thinwire.errors import CorpusError

SAMPLE_RATE = 16_000
SILENCE_DB = -90.0


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says: samples per channel, sample rate in Hz, channels."""

    frames: int
    sample_rate: int
    channels: int


def probe(path: Path | str) -> AudioInfo:
    """Read a header without reading samples; raises CorpusError naming the file when there is no audio in it."""
    try:
        info = sf.info(str(path))
    except (sf.LibsndfileError, OSError, RuntimeError) as error:
        raise CorpusError(f"{path}: not a readable audio file ({error}); replace or remove it") from error
    return AudioInfo(info.frames, info.samplerate, info.channels)


def read(
    path: Path | str,
    start: int = 0,
    frames: int = -1,
    sample_rate: int | None = SAMPLE_RATE,
    channels: int | None = None,
) -> np.ndarray:
    """Read (channels, samples) float32 from sample `start`; reads only what is asked for, however long the file is.

    Raises CorpusError for a file that is missing, truncated, empty, of another rate or channel count, or holds NaN.
    """
    path = Path(path)
    if not path.is_file():
        raise CorpusError(f"{path}: no such file")
    info = probe(path)
    if sample_rate is not None and info.sample_rate != sample_rate:
        raise CorpusError(f"{path}: sample rate is {info.sample_rate} Hz, expected {sample_rate} Hz; resample the file")
    if channels is not None and info.channels != channels:
        raise CorpusError(f"{path}: has {info.channels} channels, expected {channels}")
    if info.frames == 0:
        raise CorpusError(f"{path}: holds no samples")
    wanted = info.frames - start if frames < 0 else frames
    try:
        data, _ = sf.read(str(path), frames=wanted, start=start, dtype="float32", always_2d=True)
    except (sf.LibsndfileError, OSError, RuntimeError) as error:
        raise CorpusError(f"{path}: cannot read samples {start} to {start + wanted} ({error})") from error
    if len(data) < wanted:
        raise CorpusError(f"{path}: ends after {start + len(data)} samples, {start + wanted} were needed (truncated?)")
    if not np.isfinite(data).all():
        raise CorpusError(f"{path}: holds NaN or infinite samples")
    return np.ascontiguousarray(data.T)


def write(path: Path | str, audio: np.ndarray, sample_rate: int = SAMPLE_RATE, subtype: str = "PCM_16") -> None:
    """Write (channels, samples) or (samples,) float audio as WAV or FLAC by suffix; samples are clipped to [-1, 1]."""
    data = np.clip(np.atleast_2d(audio), -1.0, 1.0 - 2.0**-15).T
    sf.write(str(path), data, sample_rate, subtype=subtype)


def resample(audio: np.ndarray, source_rate: int, target_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Band-limited resampling along the last axis (soxr, high quality); the length is ceil(n * target / source)."""
    if source_rate == target_rate:
        return audio
    import soxr

    moved = np.moveaxis(np.atleast_2d(audio), -1, 0)
    out = np.moveaxis(soxr.resample(moved, source_rate, target_rate, quality="HQ"), 0, -1).astype(np.float32)
    return out.reshape(*audio.shape[:-1], out.shape[-1])


def level_db(audio: np.ndarray) -> float:
    """RMS level in dB re full scale (0 dB: a square wave of amplitude 1), at least SILENCE_DB."""
    power = float(np.mean(np.square(audio, dtype=np.float64))) if audio.size else 0.0
    return 10.0 * np.log10(max(power, 10.0 ** (SILENCE_DB / 10.0)))


def set_level(audio: np.ndarray, target_db: float) -> np.ndarray:
    """Scale to an RMS level in dB re full scale; silence stays silence."""
    power = float(np.mean(np.square(audio, dtype=np.float64))) if audio.size else 0.0
    if power == 0.0:
        return audio
    return (audio * (10.0 ** (target_db / 20.0) / np.sqrt(power))).astype(np.float32)
