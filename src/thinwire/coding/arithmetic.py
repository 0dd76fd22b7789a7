"""The arithmetic coder of the textbooks (Witten, Neal and Cleary, CACM 30(6), 1987), compiled by numba.

Integers throughout: an interval low..high of 32-bit code values is narrowed symbol by symbol; a bit leaves as soon as
both ends agree on it, and bits that wait for a carry are counted. Tables add up to at most 2**24 and the interval keeps
at least 2**30 values, so no symbol's share ever vanishes and the loss against the tables' entropy is below 0.01 %.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit

from thinwire.coding.quantise import PRECISION_BITS, IntegerTable

CODE_BITS = 32
_TOP = (1 << CODE_BITS) - 1
_HALF = 1 << (CODE_BITS - 1)
_QUARTER = 1 << (CODE_BITS - 2)


def encode_arithmetic(offsets: np.ndarray, tables: Sequence[IntegerTable]) -> bytes:
    """Bytes of offsets (rows, n) int32, the places of symbols in their row's table, one table a row.

    The decoder reads zeros past the end, so trailing zeros are not written; symbols that are certain cost nothing.
    Offsets outside their table are the caller's to refuse.
    """
    # A symbol adds at most the precision and, by rounding, a fraction of a bit.
    buffer = np.zeros(offsets.size * (PRECISION_BITS + 1) // 8 + 8, np.uint8)
    size = (_encode(offsets, *_cumulative(tables), buffer) + 7) // 8
    return buffer[:size].tobytes().rstrip(b"\0")


def decode_arithmetic(data: bytes, tables: Sequence[IntegerTable], count: int) -> np.ndarray:
    """Offsets (rows, count) int32 that `encode_arithmetic` made `data` from.

    Any bytes decode to something; whether it is genuine shows in encoding it again.
    """
    offsets = np.empty((len(tables), count), np.int32)
    _decode(np.frombuffer(data, np.uint8), *_cumulative(tables), offsets)
    return offsets


def _cumulative(tables: Sequence[IntegerTable]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All rows' cumulative frequencies end to end, each from 0 to its total; where each row begins; its precision."""
    sums = [np.append(0, np.cumsum(table.counts)) for table in tables]
    first = np.cumsum([0, *map(len, sums)])
    precisions = np.array([table.precision_bits for table in tables], np.int64)
    return np.concatenate([np.zeros(0, np.int64), *sums]), first, precisions


@njit
def _put(buffer, bits, bit):  # type: ignore[no-untyped-def]
    buffer[bits >> 3] |= bit << (7 - (bits & 7))
    return bits + 1


@njit
def _get(data, bits):  # type: ignore[no-untyped-def]
    place = bits >> 3
    return (data[place] >> (7 - (bits & 7))) & 1 if place < len(data) else 0


@njit
def _encode(offsets, cumulative, first, precisions, buffer):  # type: ignore[no-untyped-def]
    """Fill `buffer` and return the number of bits written."""
    low, high, waiting, bits = 0, _TOP, 0, 0
    for row in range(offsets.shape[0]):
        precision = precisions[row]
        for place in range(offsets.shape[1]):
            entry = first[row] + offsets[row, place]
            width = high - low + 1
            high = low + ((width * cumulative[entry + 1]) >> precision) - 1
            low += (width * cumulative[entry]) >> precision
            while True:
                if high < _HALF or low >= _HALF:
                    bit = 1 if low >= _HALF else 0
                    bits = _put(buffer, bits, bit)
                    for _ in range(waiting):
                        bits = _put(buffer, bits, 1 - bit)
                    waiting = 0
                    low -= bit * _HALF
                    high -= bit * _HALF
                elif low >= _QUARTER and high < _HALF + _QUARTER:
                    waiting += 1
                    low -= _QUARTER
                    high -= _QUARTER
                else:
                    break
                low, high = 2 * low, 2 * high + 1
    # The middle of the code values is always inside, and zeros follow it; zero itself is inside only if low is zero.
    if low > 0 or waiting > 0:
        bits = _put(buffer, bits, 1)
    return bits


@njit
def _decode(data, cumulative, first, precisions, offsets):  # type: ignore[no-untyped-def]
    """Fill `offsets` from the bits of `data`."""
    low, high, value = 0, _TOP, 0
    for bits in range(CODE_BITS):
        value = 2 * value + _get(data, bits)
    bits = CODE_BITS
    for row in range(offsets.shape[0]):
        precision = precisions[row]
        for place in range(offsets.shape[1]):
            width = high - low + 1
            share = (((value - low + 1) << precision) - 1) // width
            entry, beyond = first[row], first[row + 1] - 1
            while beyond - entry > 1:
                middle = (entry + beyond) >> 1
                if cumulative[middle] <= share:
                    entry = middle
                else:
                    beyond = middle
            offsets[row, place] = entry - first[row]
            high = low + ((width * cumulative[entry + 1]) >> precision) - 1
            low += (width * cumulative[entry]) >> precision
            while True:
                if high < _HALF:
                    shift = 0
                elif low >= _HALF:
                    shift = _HALF
                elif low >= _QUARTER and high < _HALF + _QUARTER:
                    shift = _QUARTER
                else:
                    break
                low, high = 2 * (low - shift), 2 * (high - shift) + 1
                value = 2 * (value - shift) + _get(data, bits)
                bits += 1
