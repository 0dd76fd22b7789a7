"""Range decoding where each symbol's table depends on the symbols before it: autoregressive models.

The encoder knows all symbols, hence all tables, and is `encode_symbols(symbols, tables, "range")`; only the decoder
must ask for one table after the other.
"""

from __future__ import annotations

from collections.abc import Callable

import constriction
import numpy as np

from thinwire.coding.entropy import MAX_BITS, MAX_SYMBOLS, encode_symbols, range_model
from thinwire.coding.quantise import IntegerTable
from thinwire.errors import BitstreamError


def decode_adaptive(data: bytes, next_table: Callable[[int | None], IntegerTable], count: int) -> np.ndarray:
    """The `count` symbols (count,) int64 that `encode_symbols(..., "range")` made `data` from.

    `next_table(before)` gives the table of the next symbol, told the symbol before it, None at the first; it is called
    once a symbol, in order. Raises BitstreamError for bytes that `encode_symbols` could not have made.
    """
    if not 0 <= count <= MAX_SYMBOLS:
        raise BitstreamError(f"bitstream claims {count} symbols, 0 to {MAX_SYMBOLS} are allowed")
    if len(data) > 8 + count * MAX_BITS["range"] // 8:
        raise BitstreamError(f"{len(data)} bytes are too many for {count} symbols; the bitstream is damaged")
    words = np.frombuffer(data + bytes(-len(data) % 4), ">u4").astype(np.uint32)  # the encoder drops final zeros
    decoder = constriction.stream.queue.RangeDecoder(words)
    symbols, tables = np.zeros(count, np.int64), []
    before: int | None = None
    try:
        for place in range(count):
            table = next_table(before)
            # constriction has no model of a certain symbol
            before = table.low + (int(decoder.decode(range_model(table))) if len(table.counts) > 1 else 0)
            symbols[place] = before
            tables.append(table)
        genuine = encode_symbols(symbols, tables) == data
    except AssertionError as error:
        raise BitstreamError(f"{len(data)} bytes do not decode to {count} symbols; the bitstream is damaged") from error
    if not genuine:
        raise BitstreamError(f"{len(data)} bytes are not what the range coder writes; the bitstream is damaged")
    return symbols
