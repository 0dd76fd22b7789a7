"""What the edge device does to samples before they are sent: chunks, gate, enhancer, codec."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from thinwire.audio import SAMPLE_RATE
from thinwire.errors import BitstreamError

CHUNK_S = 5.0
"""The paper's chunks (section 5.2)."""
BACKGROUND_S = 1.0
"""Background that the gate hears (section 5.5: 0.5 to 1 s before each recording). Where none was recorded it is the
stream's own first second, speech included (reading).
"""

SHORTEST_S = 0.025
"""A window of the features: a last chunk of less is filled up with silence."""


@dataclass(frozen=True)
class Denoiser:
    """`noisy(background (samples,)) -> bool` decides once a stream; where it does, every chunk goes through
    `enhance(audio (samples,)) -> audio (samples,)`.
    """

    noisy: Callable[[np.ndarray], bool]
    enhance: Callable[[np.ndarray], np.ndarray]


class Edge:
    """`push(samples) -> chunks` of 5 s, the last one from `flush()`; `code(chunk) -> bytes`, in order.

    `encode(audio (samples,) float32 at 16 kHz) -> bytes` is the whole codec: features, encoder, entropy coder;
    `background` (samples,) what was heard before the stream. An Edge is for one stream.
    """

    def __init__(
        self,
        encode: Callable[[np.ndarray], bytes],
        denoiser: Denoiser | None = None,
        chunk_samples: int = round(CHUNK_S * SAMPLE_RATE),
        background: np.ndarray | None = None,
    ) -> None:
        self.encode, self.denoiser, self.chunk_samples = encode, denoiser, chunk_samples
        self.background = background
        self.noisy: bool | None = None
        self._rest: list[np.ndarray] = []

    def push(self, samples: np.ndarray) -> list[np.ndarray]:
        """Whole chunks (chunk_samples,) once samples (n,) have been added; less than a chunk is held back.

        Raises BitstreamError for what is not one channel of finite numbers.
        """
        x = np.asarray(samples, np.float32)
        if x.ndim != 1 or not np.isfinite(x).all():
            raise BitstreamError(f"samples of shape {x.shape}: one channel of finite numbers is needed")
        held = np.concatenate([*self._rest, x])
        whole = held.size // self.chunk_samples * self.chunk_samples
        # A copy, so that the rest does not keep everything before it in memory.
        self._rest = [held[whole:].copy()]
        return list(held[:whole].reshape(-1, self.chunk_samples))

    def flush(self) -> list[np.ndarray]:
        """The last chunk, as long as it is, but of SHORTEST_S at least; none where nothing is left."""
        rest, self._rest = self._rest, []
        least = round(SHORTEST_S * SAMPLE_RATE)
        return [np.pad(chunk, (0, max(0, least - chunk.size))) for chunk in rest if chunk.size]

    def code(self, chunk: np.ndarray) -> bytes:
        """Bytes of a chunk (samples,); the background, or else the first chunk, decides whether the stream is noisy."""
        if self.denoiser is not None:
            if self.noisy is None:
                heard = chunk if self.background is None else self.background
                self.noisy = bool(self.denoiser.noisy(heard[: round(BACKGROUND_S * SAMPLE_RATE)]))
            if self.noisy:
                chunk = self.denoiser.enhance(chunk)
        return self.encode(chunk)
