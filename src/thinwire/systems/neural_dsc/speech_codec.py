"""One microphone's speech to bytes; bytes and another microphone's speech back to a waveform."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from thinwire.audio import SAMPLE_RATE
from thinwire.errors import ParamError
from thinwire.params.neural_dsc import NdscSpectrum
from thinwire.systems.neural_dsc.codec import NdscCodec
from thinwire.systems.neural_dsc.speech import frames_of, maps_of, waveforms


class NdscSpeechCodec:
    """`encode(audio, side, item) -> bytes`, `decode(bytes, side, item) -> audio`, for one segment a time.

    Audio and side information are (samples,), floats, as long as the segments that the model was made for: the latent
    prior has a place for each of their indices and no more. The level is not coded (`systems.neural_dsc.speech`), so
    what comes back is at unit RMS. `item` and `other_item` are those of `NdscCodec`. Raises ParamError for the codec of
    another domain.
    """

    def __init__(self, codec: NdscCodec, spectrum: NdscSpectrum) -> None:
        self.codec, self.spectrum, self.domain = codec, spectrum, codec.model.row.domain
        if self.domain not in ("mel", "stft"):
            raise ParamError(f"a codec of domain `{self.domain}` holds no speech; take a run of `mel` or `stft`")

    def encode(
        self, audio: np.ndarray, side: np.ndarray | None = None, item: str = "", sample_rate: int = SAMPLE_RATE
    ) -> bytes:
        """A container of audio; `side` is looked at in the joint form alone.

        Raises ParamError for another sample rate, shape, type or length, and for NaN and infinities.
        """
        x = self._map(audio, "audio", sample_rate)
        y = None if side is None else self._map(side, "side information", sample_rate)
        return self.codec.encode(x, y, None, item)

    def decode(
        self, data: bytes, side: np.ndarray | None = None, item: str = "", other_item: bool = False,
        sample_rate: int = SAMPLE_RATE,
    ) -> np.ndarray:  # fmt: skip
        """Audio (samples,) float32 of a container, whole frames of it; from `mel` by Griffin-Lim.

        Raises BitstreamError as `NdscCodec.decode`, and ParamError as `encode`.
        """
        y = None if side is None else self._map(side, "side information", sample_rate)
        x_hat = self.codec.decode(data, y, None, item, other_item)
        return np.asarray(waveforms(x_hat[None].cpu(), self.domain, self.spectrum)[0])

    def _map(self, audio: np.ndarray, name: str, sample_rate: int) -> Tensor:
        """A microphone's map (C, H, W)."""
        samples, frames = np.asarray(audio), self.codec.model.shape[-1]
        if sample_rate != SAMPLE_RATE:
            raise ParamError(f"{name} at {sample_rate} Hz: this codec takes {SAMPLE_RATE} Hz; resample it before")
        if samples.ndim != 1 or samples.dtype.kind != "f":
            raise ParamError(f"{name} of shape {samples.shape} and type {samples.dtype}: give one channel of floats")
        if not np.isfinite(samples).all():
            raise ParamError(f"{name} holds NaN or infinities; nothing can be coded with it")
        if (found := frames_of(samples.size, self.domain, self.spectrum)) != frames:
            raise ParamError(
                f"{name} of {samples.size} samples has {found} frames, this model codes {frames} at a time; cut it "
                "into segments of the length that the model was trained on"
            )
        return maps_of(samples[None].astype(np.float32), self.domain, self.spectrum)[0]
