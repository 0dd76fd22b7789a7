"""Audio or mel features to bytes, and bytes to the features that the server's tasks work on (section 4.3)."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import nn

from thinwire.audio import SAMPLE_RATE
from thinwire.coding.coders import EntropyCoder
from thinwire.errors import BitstreamError, CheckpointError
from thinwire.kaldi import WINDOW, fbank
from thinwire.nn.fingerprint import model_fingerprint
from thinwire.signal.samples import check_rate
from thinwire.systems.aucom.bitstream import Bitstream, Rates, as_chunks
from thinwire.systems.aucom.feature_codec import FeatureCodec
from thinwire.systems.aucom.tables import RowTables

MOST_AT_ONCE = 12
"""Chunks, 60 s, that go through the network in one pass."""


class ChunkCodec(FeatureCodec, Protocol):
    """A FeatureCodec that knows its chunks: `columns` symbols a row for `n_mels` mels of `chunk_frames` frames."""

    @property
    def n_mels(self) -> int: ...

    @property
    def chunk_frames(self) -> int: ...

    @property
    def columns(self) -> int: ...


def coder_fingerprint(model: nn.Module, tables: RowTables, tau: float, *arrays: np.ndarray) -> str:
    """Names weights, tables, tau and further arrays (mu and sigma): bytes decode only with all of them."""
    of_tables = [part for table in tables.tables for part in (table.counts, np.array([table.low]))]
    return model_fingerprint(model, *of_tables, np.array([tau], np.float64), *arrays)


class AucomCoder:
    """`encode(audio (samples,) or features (H, L)) -> bytes`, `decode(bytes) -> features (H, L)`, at one tau.

    Raises CheckpointError where tables and network are not of one shape, ValueError for an unknown coder or a tau that
    is not above zero.
    """

    def __init__(
        self, net: ChunkCodec, tables: RowTables, fingerprint: str, tau: float, coder: EntropyCoder = "huffman"
    ) -> None:
        if tables.rows != net.rows:
            raise CheckpointError(
                f"code tables of {tables.rows} rows do not fit the network's {net.rows}; take the tables that were "
                "saved with it"
            )
        if not tau > 0.0:
            raise ValueError(f"tau is {tau}, expected a number above 0")
        self.net, self.tau = net, tau
        self.bitstream = Bitstream(tables, fingerprint, coder, net.columns, net.chunk_frames)

    def features_of(self, audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
        """Mel features (H, L) float32 of audio (samples,), floats around -1 .. 1.

        Raises BitstreamError for another sample rate, more channels than one, and less than a window of audio.
        """
        check_rate(sample_rate)
        if audio.ndim != 1 or len(audio) < WINDOW:
            raise BitstreamError(f"audio must be one channel of at least {WINDOW} samples, got {audio.shape}")
        return fbank(audio[None], self.net.n_mels)[0]

    def symbols(self, features: np.ndarray) -> np.ndarray:
        """Symbols (C, rows, columns) int32 of features (H, L); raises BitstreamError for features of another shape or
        with values that are not finite.
        """
        if features.ndim != 2 or len(features) != self.net.n_mels:
            raise BitstreamError(f"features must be ({self.net.n_mels}, frames), got {features.shape}")
        chunks = torch.from_numpy(as_chunks(features, self.net.chunk_frames))
        return np.concatenate([self.net.symbols(part, self.tau).numpy() for part in chunks.split(MOST_AT_ONCE)])

    def synthesise(self, symbols: np.ndarray, frames: int) -> np.ndarray:
        """Features (H, frames) float32 of symbols (C, rows, columns)."""
        chunks = [self.net.features(part, self.tau) for part in torch.from_numpy(symbols).split(MOST_AT_ONCE)]
        return torch.cat(chunks).transpose(0, 1).flatten(1)[:, :frames].float().numpy()

    def encode(self, signal: np.ndarray, sample_rate: int = SAMPLE_RATE) -> bytes:
        """A container of audio (samples,) or of features (H, L).

        Raises BitstreamError as `features_of` and `symbols` do, and for more than an hour.
        """
        features = signal if signal.ndim == 2 else self.features_of(signal, sample_rate)
        return self.bitstream.pack(self.symbols(features), features.shape[1])

    def decode(self, data: bytes) -> np.ndarray:
        """Features (H, L) float32 of a container; raises BitstreamError for bytes that are not this coder's."""
        return self.synthesise(*self.bitstream.unpack(data))

    def rates(self, features: np.ndarray) -> Rates:
        """What features (H, L) cost with each entropy coder; raises as `encode` does."""
        return self.bitstream.rates(self.symbols(features), features.shape[1])
