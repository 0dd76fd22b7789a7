"""Range coding and ANS on integers of any size, from their definitions: what the coders' streams must come to."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from thinwire.coding import IntegerTable

PRECISION = 24
WORD = 32


def _shares(symbols: Iterable[int], tables: Iterable[IntegerTable]) -> list[tuple[int, int]]:
    """(start, width) of each symbol in units of 2**-PRECISION; certain symbols have nothing to tell."""
    out = []
    for symbol, table in zip(symbols, tables, strict=True):
        if len(table.counts) > 1:
            shift, place = PRECISION - table.precision_bits, int(symbol) - table.low
            out.append((int(table.counts[:place].sum()) << shift, int(table.counts[place]) << shift))
    return out


def range_bytes(symbols: Iterable[int], tables: Iterable[IntegerTable]) -> int:
    """Bytes of the shortest string that names a number in the interval of a range coder whose range has 64 bits and is
    renewed below 32 (Martin, 1979); past its end a string goes on with zeros.
    """
    lower, width, bits = 0, (1 << 64) - 1, 64
    for start, share in _shares(symbols, tables):
        scale = width >> PRECISION
        lower, width = lower + scale * start, scale * share
        if width < 1 << WORD:
            lower, width, bits = lower << WORD, width << WORD, bits + WORD
    size = 0
    while (-(-lower >> (bits - 8 * size)) << (bits - 8 * size)) >= lower + width:  # the first such string is past it
        size += 1
    return size


def stack_bits(symbols: Iterable[int], tables: Iterable[IntegerTable]) -> tuple[int, float]:
    """Bits of the state of ANS without renormalisation (Duda, 2013), and how many bits it was spared.

    The state begins at zero, and there it stays as long as symbols are the first of their tables: these are told by
    nothing at all, and their ideal bits are spared.
    """
    state, spared = 0, 0.0
    for start, share in reversed(_shares(symbols, tables)):
        if not state and not start:
            spared += PRECISION - float(np.log2(share))
        state = (state // share << PRECISION) + start + state % share
    return state.bit_length(), spared
