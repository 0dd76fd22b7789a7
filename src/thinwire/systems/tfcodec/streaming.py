"""Coding live: an encoder that takes samples as they come, and a decoder that takes 40 ms steps as they arrive.

Delay (section V-F): a sample waits for the 40 ms window of the last frame that holds it, and that frame for the end of
its group of four, 30 ms more: 70 ms. Both objects hold a fixed number of samples and frames, however long the stream.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from thinwire.audio import SAMPLE_RATE
from thinwire.errors import BitstreamError
from thinwire.params.tfcodec import STEP_FRAMES
from thinwire.signal.causal_stft import WINDOW_POWER, as_pairs, hann
from thinwire.signal.samples import check_rate, checked_samples
from thinwire.systems.tfcodec.model import PACKETS, TfCodec


class CodecSteps(Protocol):
    """A codec for one stream, step by step, with all state given and returned; states are the backend's own.

    `encode` makes indices (G,) int64 of a step's uncompressed spectrum (1, 2, F, 4); `decode` makes that spectrum of
    indices and `lost` (2,), which of the step's packets did not arrive.
    """

    n_fft: int
    hop_length: int
    groups: int
    codewords: int

    def encoder_state(self) -> Any: ...

    def encode(self, spectrum: Tensor, state: Any) -> tuple[np.ndarray, Any]: ...

    def decoder_state(self) -> Any: ...

    def decode(self, indices: np.ndarray, lost: np.ndarray, state: Any) -> tuple[Tensor, Any]: ...


class TorchSteps:
    """The reference backend: the model's own step functions. The model is put into eval mode."""

    def __init__(self, model: TfCodec) -> None:
        self.model = model.eval()
        self.n_fft, self.hop_length = model.n_fft, model.hop_length
        self.groups, self.codewords = model.quantiser.groups, model.quantiser.codewords

    def encoder_state(self) -> list[Tensor]:
        return self.model.encoder_state(1)

    def encode(self, spectrum: Tensor, state: list[Tensor]) -> tuple[np.ndarray, list[Tensor]]:
        indices, state = self.model.encoder_step(spectrum, state)
        return indices[0, :, 0].numpy(), state

    def decoder_state(self) -> list[Tensor]:
        return self.model.decoder_state(1)

    def decode(self, indices: np.ndarray, lost: np.ndarray, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        given = torch.from_numpy(indices)[None, :, None], torch.from_numpy(lost)[None, None]
        return self.model.decoder_step(*given, state)


class _Stream:
    def __init__(self, steps: CodecSteps) -> None:
        self.steps = steps
        self.step_samples = STEP_FRAMES * steps.hop_length
        self.overlap = steps.n_fft - steps.hop_length
        self.window = hann(steps.n_fft, torch.device("cpu"), torch.float32)

    @property
    def delay_samples(self) -> int:
        """Samples between the moment when one goes into the encoder and the latest at which the decoder gives it back,
        computing time aside: 1120, 70 ms.
        """
        return self.steps.n_fft + (STEP_FRAMES - 1) * self.steps.hop_length


class StreamEncoder(_Stream):
    """`push(samples) -> indices (G, s)` of the steps that these samples complete, `flush()` for the rest.

    Whatever the chunks, all indices side by side are the offline encoder's. Raises BitstreamError for another sample
    rate.
    """

    def __init__(self, steps: CodecSteps, sample_rate: int = SAMPLE_RATE) -> None:
        super().__init__(steps)
        check_rate(sample_rate)
        self._start()

    def _start(self) -> None:
        self._held = np.zeros(self.overlap, np.float32)
        self._state = self.steps.encoder_state()
        self._begun = False

    @torch.inference_mode()
    def push(self, samples: np.ndarray) -> np.ndarray:
        """Indices (G, s), int64, s >= 0, once samples (n,), floats around -1 .. 1, any n, have been added.

        Raises BitstreamError for another shape or type, NaN and infinities; the stream then stays as it was.
        """
        held, out, place = np.concatenate([self._held, checked_samples(samples)]), [], 0
        self._begun = self._begun or held.size > self._held.size
        while held.size - place >= self.overlap + self.step_samples:
            windows = torch.from_numpy(held[place : place + self.overlap + self.step_samples])
            frames = windows.unfold(0, self.steps.n_fft, self.steps.hop_length) * self.window
            spectrum = as_pairs(torch.fft.rfft(frames).T[None])
            indices, self._state = self.steps.encode(spectrum, self._state)
            out.append(indices)
            place += self.step_samples
        self._held = held[place:].copy()
        return np.stack(out, 1) if out else np.zeros((self.steps.groups, 0), np.int64)

    def flush(self) -> np.ndarray:
        """Indices (G, s) of the last steps, zeros following the last sample, as offline; the next stream may begin.

        A stream without samples has no steps.
        """
        waiting = self._held.size if self._begun else 0
        steps = -(-waiting // self.step_samples)
        last = self.push(np.zeros(self.overlap + steps * self.step_samples - self._held.size, np.float32))
        self._start()
        return last


class StreamDecoder(_Stream):
    """`push(indices (G, s), lost (s, 2)) -> samples`: each step's 40 ms as soon as it is known, 10 ms of the first.

    All samples side by side are the offline decoder's, to float tolerance.
    """

    def __init__(self, steps: CodecSteps) -> None:
        super().__init__(steps)
        self._synthesis = self.window / WINDOW_POWER
        self._tail = np.zeros(self.overlap, np.float32)
        self._skip = self.overlap
        self._state = steps.decoder_state()

    @torch.inference_mode()
    def push(self, indices: np.ndarray, lost: np.ndarray | None = None) -> np.ndarray:
        """Samples (n,) float32 that are final with these steps; `lost`, bool, tells which packets did not arrive.

        Raises BitstreamError for indices that are not of this codec; the stream then stays as it was.
        """
        indices = np.asarray(indices)
        lost = np.zeros((*indices.shape[1:2], PACKETS), bool) if lost is None else np.asarray(lost, bool)
        self._check(indices, lost)
        out = [self._step(*step) for step in zip(np.ascontiguousarray(indices.T, np.int64), lost, strict=True)]
        samples = np.concatenate([np.zeros(0, np.float32), *out])
        skipped, self._skip = self._skip, max(self._skip - samples.size, 0)
        return samples[skipped:]

    def conceal(self) -> np.ndarray:
        """Samples of a step of which nothing arrived."""
        return self.push(np.zeros((self.steps.groups, 1), np.int64), np.ones((1, PACKETS), bool))

    def _step(self, indices: np.ndarray, lost: np.ndarray) -> np.ndarray:
        spectrum, self._state = self.steps.decode(indices, lost, self._state)
        rows = torch.view_as_complex(spectrum[0].transpose(0, 2).contiguous())
        frames = (torch.fft.irfft(rows, self.steps.n_fft) * self._synthesis).numpy()
        hop, added = self.steps.hop_length, np.zeros(self.overlap + self.step_samples, np.float32)
        added[: self.overlap] = self._tail
        for place, frame in enumerate(frames):
            added[place * hop : place * hop + self.steps.n_fft] += frame
        self._tail = added[self.step_samples :]
        return added[: self.step_samples]

    def _check(self, indices: np.ndarray, lost: np.ndarray) -> None:
        steps = self.steps
        if indices.ndim != 2 or len(indices) != steps.groups or indices.dtype.kind not in "iu":
            raise BitstreamError(f"{indices.dtype} of shape {indices.shape} are not indices of {steps.groups} groups")
        if lost.shape != (indices.shape[1], PACKETS):
            raise BitstreamError(f"losses of shape {lost.shape} do not go with {indices.shape[1]} steps")
        if indices.size and not 0 <= indices.min() <= indices.max() < steps.codewords:
            raise BitstreamError(f"indices {indices.min()} to {indices.max()}: this codec has {steps.codewords} words")
