"""Huffman codewords of constriction's trees, and symbols packed by looking them up.

The bytes are those of `encode_symbols(..., "huffman")`, which asks the library once a symbol: rows of one table each
need it only once a codeword.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import constriction
import numpy as np

from thinwire.coding.entropy import huffman_trees
from thinwire.coding.quantise import IntegerTable


@lru_cache(maxsize=1024)
def codewords(table: IntegerTable) -> tuple[np.ndarray, np.ndarray]:
    """Codewords and their lengths in bits, both (n,) int64 and read-only; a codeword's first bit is its lowest.

    Lengths stay below 40 bits, since a Huffman code of depth d needs weights that add up to the d-th Fibonacci number.
    A table of one symbol has the empty codeword.
    """
    size = len(table.counts)
    codes, lengths = np.zeros((2, size), np.int64)
    for offset in range(size if size > 1 else 0):
        encoder = constriction.symbol.QueueEncoder()
        encoder.encode_symbol(offset, huffman_trees(table)[0])
        words, lengths[offset] = encoder.get_compressed()
        codes[offset] = sum(int(word) << (32 * place) for place, word in enumerate(words))
    codes.setflags(write=False)
    lengths.setflags(write=False)
    return codes, lengths


def pack_codewords(offsets: np.ndarray, tables: Sequence[IntegerTable]) -> bytes:
    """The codewords of offsets (rows, n), places of symbols in their row's table, one after the other, row by row."""
    rows = [_bits(*(part[row] for part in codewords(table))) for row, table in zip(offsets, tables, strict=True)]
    return np.packbits(np.concatenate([np.zeros(0, np.uint8), *rows]), bitorder="little").tobytes()


def _bits(codes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The bits (sum of lengths,) uint8 of codewords (n,)."""
    begins = np.cumsum(lengths) - lengths
    places = np.arange(int(lengths.sum())) - np.repeat(begins, lengths)
    return ((np.repeat(codes, lengths) >> places) & 1).astype(np.uint8)
