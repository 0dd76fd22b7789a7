"""Sources through rooms: block convolution of all sources with the responses of all microphones, a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.fft

_FFT = 32768
_BATCH = 4  # blocks transformed together: small enough for the cache


@dataclass(frozen=True)
class Block:
    """Microphone samples (microphones, n) from sample `start` on."""

    start: int
    audio: np.ndarray


class Mixer:
    """Overlap-add convolution of (sources, samples) with (sources, microphones, taps), summed over the sources.

    Everything is summed in the frequency domain, so a microphone costs one inverse transform a block however many
    sources there are; memory is that of the sources and of a few blocks.
    """

    def __init__(self, sources: np.ndarray, responses: np.ndarray) -> None:
        self._sources = np.ascontiguousarray(sources, dtype=np.float32)
        self._taps = responses.shape[-1]
        self._hop = _FFT - self._taps + 1
        self._response = scipy.fft.rfft(responses.astype(np.float32), _FFT)

    @property
    def samples(self) -> int:
        return int(self._sources.shape[-1])

    def _spectra(self) -> Iterator[tuple[int, np.ndarray]]:
        """(first sample, (sources, blocks, bins)) for each batch of blocks."""
        for start in range(0, self.samples, self._hop * _BATCH):
            piece = self._sources[:, start : start + self._hop * _BATCH]
            blocks = -(-piece.shape[1] // self._hop)
            padded = np.zeros((len(piece), blocks * self._hop), dtype=np.float32)
            padded[:, : piece.shape[1]] = piece
            yield start, scipy.fft.rfft(padded.reshape(len(piece), blocks, self._hop), _FFT)

    def powers(self) -> np.ndarray:
        """Mean square (sources, microphones) of each source's image at each microphone, block edges neglected."""
        density = np.zeros((len(self._sources), _FFT // 2 + 1))
        for _, spectra in self._spectra():
            density += np.sum(np.square(spectra.real) + np.square(spectra.imag), axis=1, dtype=np.float64)
        density *= 2.0
        density[:, [0, -1]] *= 0.5
        gain = np.square(self._response.real) + np.square(self._response.imag)
        return np.einsum("kf,kmf->km", density.astype(np.float32), gain).astype(np.float64) / (_FFT * self.samples)

    def blocks(self, gains: np.ndarray) -> Iterator[Block]:
        """Mixtures with each source times its gain (sources,), in time order, `samples` long in all."""
        response = self._response * gains.astype(np.float32)[:, None, None]
        sources, microphones, _ = response.shape
        tail = np.zeros((microphones, self._taps - 1), dtype=np.float32)
        for start, spectra in self._spectra():
            count = spectra.shape[1]
            out = np.zeros((microphones, count * self._hop + self._taps - 1), dtype=np.float32)
            out[:, : self._taps - 1] = tail
            product = np.empty_like(spectra[0])
            for m in range(microphones):
                total = spectra[0] * response[0, m]
                for k in range(1, sources):
                    np.multiply(spectra[k], response[k, m], out=product)
                    total += product
                images = scipy.fft.irfft(total, _FFT, overwrite_x=True)
                for index, image in enumerate(images):
                    out[m, index * self._hop : index * self._hop + _FFT] += image
            keep = count * self._hop
            tail = out[:, keep:].copy()
            yield Block(start, out[:, : min(keep, self.samples - start)])
