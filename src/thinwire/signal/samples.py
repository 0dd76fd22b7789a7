"""What codecs take: one channel of finite floats at one sample rate."""

from __future__ import annotations

import numpy as np

from thinwire.audio import SAMPLE_RATE
from thinwire.errors import BitstreamError


def check_rate(sample_rate: int, what: str = "audio") -> None:
    """Raise BitstreamError for another sample rate than the codecs'."""
    if sample_rate != SAMPLE_RATE:
        raise BitstreamError(f"{what} at {sample_rate} Hz: this codec takes {SAMPLE_RATE} Hz; resample it before")


def checked_samples(samples: np.ndarray, what: str = "audio") -> np.ndarray:
    """Samples (n,) as float32; raises BitstreamError for another shape or type, NaN, and infinities, float32's too."""
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise BitstreamError(f"{what} of shape {samples.shape}: this codec takes one channel, (samples,)")
    if samples.dtype.kind != "f":
        raise BitstreamError(f"{what} of type {samples.dtype}: this codec takes floats, full scale at -1 and 1")
    with np.errstate(over="ignore"):
        samples = samples.astype(np.float32)
    if not np.isfinite(samples).all():
        raise BitstreamError(f"{what} holds NaN or infinite samples; nothing was coded")
    return samples
