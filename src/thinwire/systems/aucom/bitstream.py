"""Symbols of 5 s chunks as bytes: one container for any number of chunks, without torch, so that an edge device can.

Rows of all chunks follow each other in one entropy-coded stream. Of the last chunk only the columns that its frames
reach are sent, so a command of one second costs a second: the encoder fills the chunk by repeating the last frame, the
decoder by repeating the last column (reading; the paper says nothing of audio that is no multiple of 5 s).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thinwire.audio import SAMPLE_RATE
from thinwire.coding.coders import CODERS, EntropyCoder, decode_rows, encode_rows
from thinwire.coding.container import Header, pack, unpack
from thinwire.errors import BitstreamError
from thinwire.kaldi import FRAME_RATE, HOP
from thinwire.systems.aucom.tables import RowTables

CODEC = "aucom"
MAX_CHUNKS = 720
"""Of one container, an hour of 5 s chunks: a few bytes can claim no more work than that."""


@dataclass(frozen=True)
class Rates:
    """Rates of the same symbols in kbit/s, header apart: `entropy` (cross-entropy under the tables, Eq. 20) and the
    bytes of each coder; how many `symbols` there are, how many of them were `clamped` and how many are `certain`, in
    rows of a single symbol, where they cost nothing; and the container's `header_bytes`.
    """

    entropy: float
    huffman: float
    arithmetic: float
    range: float
    rans: float
    symbols: int
    clamped: int
    certain: int
    header_bytes: int


def as_chunks(features: np.ndarray, chunk_frames: int) -> np.ndarray:
    """Features (H, L) as whole chunks (C, H, chunk_frames), the last one filled up with its last frame.

    Raises BitstreamError for another shape, no frames, and values that are not finite.
    """
    features = np.asarray(features, np.float32)
    if features.ndim != 2 or not features.shape[1]:
        raise BitstreamError(f"features must be (mels, frames) with at least one frame, got {features.shape}")
    if not np.isfinite(features).all():
        raise BitstreamError("features hold NaN or infinite values; nothing was coded")
    whole = np.pad(features, ((0, 0), (0, -features.shape[1] % chunk_frames)), mode="edge")
    return np.ascontiguousarray(whole.reshape(len(whole), -1, chunk_frames).swapaxes(0, 1))


class Bitstream:
    """Symbols (C, rows, columns) of C chunks to bytes and back under one tau's tables; the model, its tables and tau
    are known by the fingerprint.

    `columns` symbols a row stand for a chunk of `chunk_frames` frames (125 for 500). The coder is written into the
    container, so any of the four is read. Raises ValueError for an unknown coder.
    """

    def __init__(
        self,
        tables: RowTables,
        fingerprint: str,
        coder: EntropyCoder = "huffman",
        columns: int = 125,
        chunk_frames: int = 500,
    ) -> None:
        if coder not in CODERS:
            raise ValueError(f"coder is {coder!r}; known coders: {', '.join(map(repr, CODERS))}")
        self.tables, self.fingerprint, self.coder = tables, fingerprint, coder
        self.columns, self.chunk_frames = columns, chunk_frames

    def chunks_of(self, frames: int) -> int:
        """C of `frames` frames."""
        return -(-frames // self.chunk_frames)

    def columns_of(self, frames: int) -> int:
        """Symbols a row that are sent for `frames` frames."""
        return -(-frames * self.columns // self.chunk_frames)

    def pack(self, symbols: np.ndarray, frames: int) -> bytes:
        """A container of symbols (C, rows, columns), integers, of `frames` frames; its one size is the coder's number.

        Symbols beyond their row's extremes are clamped. Raises BitstreamError for no frames or more than a container
        holds, ValueError for symbols of another shape.
        """
        matrix = self.tables.clamp(self._matrix(symbols, frames)).symbols
        return self._container(encode_rows(matrix, self.tables.tables, self.coder), frames)

    def unpack(self, data: bytes) -> tuple[np.ndarray, int]:
        """Symbols (C, rows, columns) int32 and frames of a container, whichever coder wrote it. Inverse of `pack` up
        to what was clamped or not sent.

        Raises BitstreamError, and nothing else, for bytes that are not this model's or not what `pack` writes.
        """
        header, payload = unpack(data, self.fingerprint)
        if header.codec != CODEC or header.sample_rate != SAMPLE_RATE or len(header.sizes) != 1:
            raise BitstreamError(
                f"bitstream of codec {header.codec!r} at {header.sample_rate} Hz with {len(header.sizes)} sizes is not "
                f"one of {CODEC!r}, which has {SAMPLE_RATE} Hz and one size"
            )
        if header.sizes[0] >= len(CODERS):
            raise BitstreamError(f"bitstream names entropy coder {header.sizes[0]}, known are 0 to {len(CODERS) - 1}")
        frames, rest = divmod(header.samples, HOP)
        if rest:
            raise BitstreamError(f"bitstream claims {header.samples} samples, which are no whole frames of {HOP}")
        self._check_length(frames)
        sent = self.columns_of(frames)
        matrix = decode_rows(payload, self.tables.tables, sent, list(CODERS)[header.sizes[0]])
        chunks = self.chunks_of(frames)
        whole = np.pad(matrix, ((0, 0), (0, chunks * self.columns - sent)), mode="edge")
        return np.ascontiguousarray(whole.reshape(len(whole), chunks, self.columns).swapaxes(0, 1)), frames

    def rates(self, symbols: np.ndarray, frames: int) -> Rates:
        """What symbols (C, rows, columns) of `frames` frames cost with each coder; raises as `pack` does."""
        clamped = self.tables.clamp(self._matrix(symbols, frames))
        matrix = clamped.symbols
        payloads = {coder: encode_rows(matrix, self.tables.tables, coder) for coder in CODERS}
        kilobits = 1000.0 * frames / FRAME_RATE
        return Rates(
            entropy=float(self.tables.bits(matrix).sum()) / kilobits,
            **{coder: 8.0 * len(payload) / kilobits for coder, payload in payloads.items()},
            symbols=matrix.size,
            clamped=clamped.moved,
            certain=int(self.tables.certain.sum()) * matrix.shape[1],
            header_bytes=len(self._container(payloads[self.coder], frames)) - len(payloads[self.coder]),
        )

    def _container(self, payload: bytes, frames: int) -> bytes:
        sizes = (list(CODERS).index(self.coder),)
        return pack(Header(CODEC, self.fingerprint, HOP * frames, SAMPLE_RATE, sizes), payload)

    def _matrix(self, symbols: np.ndarray, frames: int) -> np.ndarray:
        """Symbols (rows, columns_of(frames)) of all chunks in a row."""
        self._check_length(frames)
        symbols = np.asarray(symbols)
        expected = (self.chunks_of(frames), self.tables.rows, self.columns)
        if symbols.shape != expected or symbols.dtype.kind not in "iu":
            raise ValueError(
                f"symbols of {frames} frames are integers of shape {expected}, got {symbols.dtype} of {symbols.shape}"
            )
        return symbols.swapaxes(0, 1).reshape(self.tables.rows, -1)[:, : self.columns_of(frames)]

    def _check_length(self, frames: int) -> None:
        most = MAX_CHUNKS * self.chunk_frames
        if not 1 <= frames <= most:
            raise BitstreamError(f"{frames} frames: a bitstream holds 1 to {most}; code longer audio in parts")
