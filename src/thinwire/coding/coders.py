"""Four entropy coders behind one interface, for rows of symbols with a table each (AUCOM, sections 4.3.4 and 5.3.3).

Huffman, range and rANS are constriction's, the arithmetic coder is `coding.arithmetic`; all work on the same integer
tables, so what they spend on the same symbols differs by the coder alone. The rows follow each other in one stream:
what it takes to end a stream is paid once. Range, rANS and Huffman write the very bytes of `encode_symbols`, which
takes a table for every symbol; knowing that a row shares one makes them ten times as fast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import constriction
import numpy as np

from thinwire.coding.codewords import pack_codewords
from thinwire.coding.entropy import (
    MAX_SYMBOLS,
    Runs,
    decode_ans,
    decode_huffman,
    decode_range,
    encode_ans,
    range_model,
)
from thinwire.coding.quantise import IntegerTable
from thinwire.errors import BitstreamError

EntropyCoder = Literal["huffman", "arithmetic", "range", "rans"]
MAX_SYMBOL_BITS = 40
"""More than a symbol can cost: 24 bits of a table's precision, or the longest Huffman codeword of such a table."""


def encode_rows(symbols: np.ndarray, tables: Sequence[IntegerTable], coder: EntropyCoder) -> bytes:
    """Bytes of symbols (rows, n), integers, with one table a row.

    Rows whose table has a single entry cost nothing, nor does n = 0. A table gives every symbol from its first to its
    last at least 2**-24, so a probability of zero exists only outside of it: ValueError for such a symbol, for an
    unknown coder, and for symbols of another shape or type.
    """
    symbols = np.asarray(symbols)
    if symbols.ndim != 2 or symbols.dtype.kind not in "iu" or len(symbols) != len(tables):
        raise ValueError(
            f"symbols must be integers of {len(tables)} rows, one a table, got {symbols.dtype} of shape {symbols.shape}"
        )
    known = _known(coder)
    low, size = _alphabets(tables)
    offsets = symbols.astype(np.int64) - low
    outside = np.argwhere((offsets < 0) | (offsets >= size))
    if len(outside):
        row, place = outside[0]
        table = tables[row]
        raise ValueError(f"symbol {symbols[row, place]} of row {row} is outside {table.low}..{table.high}; clamp it")
    rows = _uncertain(tables)
    return known.encode(offsets[rows].astype(np.int32), [tables[row] for row in rows])


def decode_rows(data: bytes, tables: Sequence[IntegerTable], count: int, coder: EntropyCoder) -> np.ndarray:
    """The symbols (rows, count) int32 that `encode_rows` made `data` from, given the same tables and coder.

    Raises BitstreamError for bytes that `encode_rows` could not have made, ValueError for an unknown coder.
    """
    known = _known(coder)
    total = len(tables) * count
    if count < 0 or total > MAX_SYMBOLS:
        raise BitstreamError(f"bitstream claims {len(tables)} rows of {count} symbols, at most {MAX_SYMBOLS} in all")
    if len(data) > 8 + total * MAX_SYMBOL_BITS // 8:
        raise BitstreamError(f"{len(data)} bytes are too many for {total} symbols; the bitstream is damaged")
    rows = _uncertain(tables)
    some = [tables[row] for row in rows]
    try:
        told = known.decode(data, some, count).astype(np.int32)
        # Many byte strings decode to the same symbols; only the one that the encoder writes is accepted.
        genuine = known.encode(told, some) == data
    except (AssertionError, KeyError, IndexError, OverflowError, ValueError) as error:
        raise BitstreamError(f"{len(data)} bytes do not decode to {total} symbols; the bitstream is damaged") from error
    if not genuine:
        raise BitstreamError(f"{len(data)} bytes are not what the {coder} coder writes; the bitstream is damaged")
    offsets = np.zeros((len(tables), count), np.int32)
    offsets[rows] = told
    return (offsets + _alphabets(tables)[0]).astype(np.int32)


def _known(coder: EntropyCoder) -> _Coder:
    if coder not in CODERS:
        raise ValueError(f"coder is {coder!r}; known coders: {', '.join(map(repr, CODERS))}")
    return CODERS[coder]


def _alphabets(tables: Sequence[IntegerTable]) -> tuple[np.ndarray, np.ndarray]:
    """First symbol and alphabet size of each table, (rows, 1) both."""
    sizes = np.array([(table.low, len(table.counts)) for table in tables], np.int64).reshape(-1, 2)
    return sizes[:, :1], sizes[:, 1:]


def _uncertain(tables: Sequence[IntegerTable]) -> list[int]:
    """The rows that have anything to tell; constriction has no model of a certain symbol."""
    return [row for row, table in enumerate(tables) if len(table.counts) > 1]


def _runs(tables: Sequence[IntegerTable], count: int) -> Runs:
    """Rows end to end, as `coding.entropy` takes them."""
    return [(table, row * count, (row + 1) * count) for row, table in enumerate(tables)] if count else []


def _encode_range_rows(offsets: np.ndarray, tables: Sequence[IntegerTable]) -> bytes:
    encoder = constriction.stream.queue.RangeEncoder()
    for row, table in zip(offsets, tables, strict=True):
        encoder.encode(row, range_model(table))
    data = encoder.get_compressed().astype(">u4").tobytes()
    # The library ends on whole words. Any number in the final interval means the same, and the decoder reads zeros past
    # the end, so the shortest byte string whose zero-extension lies in the interval will do.
    words, (lower, width) = encoder.pos()
    bits = 32 * words + 64
    size, number = len(data), int.from_bytes(data, "big")
    first = (number << (bits - 8 * size)) - ((number << (bits - 8 * size)) - lower) % (1 << 64)
    while size:
        size -= 1
        shorter = (n for n in (number >> 8, (number >> 8) + 1) if n < 1 << 8 * size)
        found = next((n for n in shorter if first <= n << (bits - 8 * size) < first + width), None)
        if found is None:
            return number.to_bytes(size + 1, "big")
        number = found
    return b""


def _encode_ans_rows(offsets: np.ndarray, tables: Sequence[IntegerTable]) -> bytes:
    return encode_ans(offsets.ravel(), _runs(tables, offsets.shape[1]))


def _encode_arithmetic_rows(offsets: np.ndarray, tables: Sequence[IntegerTable]) -> bytes:
    # Imported where it is used: numba costs an edge device that codes otherwise tens of megabytes.
    from thinwire.coding.arithmetic import encode_arithmetic

    return encode_arithmetic(offsets, tables)


def _decode_arithmetic_rows(data: bytes, tables: Sequence[IntegerTable], count: int) -> np.ndarray:
    from thinwire.coding.arithmetic import decode_arithmetic

    return decode_arithmetic(data, tables, count)


def _by_runs(
    decode: Callable[[bytes, Runs, np.ndarray], None],
) -> Callable[[bytes, Sequence[IntegerTable], int], np.ndarray]:
    """A decoder of rows from one of runs."""

    def decode_of_rows(data: bytes, tables: Sequence[IntegerTable], count: int) -> np.ndarray:
        offsets = np.zeros(len(tables) * count, np.int64)
        decode(data, _runs(tables, count), offsets)
        return offsets.reshape(len(tables), count)

    return decode_of_rows


@dataclass(frozen=True)
class _Coder:
    """Offsets (rows, n) to bytes, and back given the tables and n; no table has a single entry."""

    encode: Callable[[np.ndarray, Sequence[IntegerTable]], bytes]
    decode: Callable[[bytes, Sequence[IntegerTable], int], np.ndarray]


CODERS: dict[EntropyCoder, _Coder] = {
    "huffman": _Coder(pack_codewords, _by_runs(decode_huffman)),
    "arithmetic": _Coder(_encode_arithmetic_rows, _decode_arithmetic_rows),
    "range": _Coder(_encode_range_rows, _by_runs(decode_range)),
    "rans": _Coder(_encode_ans_rows, _by_runs(decode_ans)),
}
"""By name, in the order that bitstreams number them and that AUCOM's Table 2 lists them."""
