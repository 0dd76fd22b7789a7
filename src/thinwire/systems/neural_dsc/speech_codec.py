"""One microphone's speech to bytes; bytes and another microphone's speech back to a waveform."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from thinwire.audio import SAMPLE_RATE
from thinwire.errors import ParamError
from thinwire.params.neural_dsc import NdscSpectrum
from thinwire.signal.samples import check_rate, checked_samples
from thinwire.systems.neural_dsc.codec import NdscCodec
from thinwire.systems.neural_dsc.speech import frames_of, maps_of, waveforms


class NdscSpeechCodec:
    """`encode(audio, side, item) -> bytes`, `decode(bytes, side, item) -> audio`, for one segment a time.

    Audio and side information are (samples,), floats, of exactly `samples`: the segments that the model was made for,
    since the latent prior has a place for each of their indices and no more. The level is not coded: what comes back is
    scaled as if the audio that was sent had unit RMS, and ends with the last whole frame that the model codes
    (`systems.neural_dsc.speech`). `item` and `other_item` are those of `NdscCodec`.

    Raises ParamError for the codec of another domain, and for `samples` that make another map than the model's.
    """

    def __init__(self, codec: NdscCodec, spectrum: NdscSpectrum, samples: int) -> None:
        self.codec, self.spectrum, self.samples, self.domain = codec, spectrum, samples, codec.model.row.domain
        if self.domain not in ("mel", "stft"):
            raise ParamError(f"a codec of domain `{self.domain}` holds no speech; take a run of `mel` or `stft`")
        found, frames = frames_of(samples, self.domain, spectrum), codec.model.shape[-1]
        if found != frames:
            raise ParamError(
                f"segments of {samples} samples have {found} frames, this model codes {frames} at a time; give the "
                "length of the segments that it was trained on"
            )

    def encode(
        self, audio: np.ndarray, side: np.ndarray | None = None, item: str = "", sample_rate: int = SAMPLE_RATE
    ) -> bytes:
        """A container of audio; `side` is looked at in the joint form alone.

        Raises BitstreamError for another sample rate, shape or type, for NaN and infinities, ParamError for another
        length.
        """
        x = self._map(audio, "audio", sample_rate)
        y = None if side is None else self._map(side, "side information", sample_rate)
        return self.codec.encode(x, y, None, item)

    def decode(
        self, data: bytes, side: np.ndarray | None = None, item: str = "", other_item: bool = False,
        sample_rate: int = SAMPLE_RATE,
    ) -> np.ndarray:  # fmt: skip
        """Audio (covered samples,) float32 of a container; from `mel` by Griffin-Lim.

        Raises BitstreamError and ParamError as `encode` for the side information, and as `NdscCodec.decode`.
        """
        y = None if side is None else self._map(side, "side information", sample_rate)
        x_hat = self.codec.decode(data, y, None, item, other_item)
        return np.asarray(waveforms(x_hat[None].cpu(), self.domain, self.spectrum)[0])

    def _map(self, audio: np.ndarray, name: str, sample_rate: int) -> Tensor:
        """A microphone's map (C, H, W)."""
        check_rate(sample_rate, name)
        given = checked_samples(audio, name)
        if given.size != self.samples:
            raise ParamError(
                f"{name} has {given.size} samples, this codec takes segments of {self.samples}; cut it into such"
            )
        return maps_of(given[None], self.domain, self.spectrum)[0]
