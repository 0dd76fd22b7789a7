"""Lengths of Huffman codewords: what each symbol costs where symbols are coded one by one with whole bits."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from thinwire.coding.entropy import encode_symbols
from thinwire.coding.quantise import IntegerTable


@lru_cache(maxsize=1024)
def code_lengths(table: IntegerTable) -> np.ndarray:
    """Bits (n,) int64, read-only, that `encode_symbols(..., "huffman")` spends on each of a table's symbols.

    Among equally good Huffman codes the coder chooses one, so it is asked: eight copies of a symbol fill as many bytes
    as the symbol has bits.
    """
    symbols = range(table.low, table.high + 1)
    lengths = np.array([len(encode_symbols(np.full(8, symbol), table, "huffman")) for symbol in symbols], np.int64)
    lengths.setflags(write=False)
    return lengths
