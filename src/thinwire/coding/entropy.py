"""Entropy coding of integer symbols with integer tables: range (a queue), ANS (a stack) and Huffman, by `constriction`.

constriction turns a table of n floating-point weights into 24-bit integers by giving each symbol
1 + floor(weight * (2**24 - n) / sum). Handing it frequency - 1 for frequencies that add up to 2**24 makes that factor
exactly one, so the coder works on our integers and the bytes are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal

import constriction
import numpy as np

from thinwire.coding.quantise import PRECISION_BITS, IntegerTable
from thinwire.errors import BitstreamError

Coder = Literal["range", "ans", "huffman"]
Tables = IntegerTable | Sequence[IntegerTable]
MAX_SYMBOLS = 1 << 24
MAX_BITS = {"range": PRECISION_BITS, "ans": PRECISION_BITS, "huffman": 64}  # that a symbol can cost


def encode_symbols(symbols: np.ndarray, tables: Tables, coder: Coder = "range") -> bytes:
    """Bytes of symbols (n,), coded with one table for all or a sequence of n tables, one a symbol.

    Symbols of a table with a single entry cost nothing. Raises ValueError for a symbol that its table does not hold.
    """
    symbols = np.asarray(symbols)
    if symbols.ndim != 1 or (symbols.size and symbols.dtype.kind not in "iu"):
        raise ValueError(f"symbols must be a vector of integers, got {symbols.dtype} of shape {symbols.shape}")
    runs = _runs(tables, len(symbols))
    low, size = _alphabets(tables)
    offsets = symbols.astype(np.int64) - low
    outside = (offsets < 0) | (offsets >= size)
    if outside.any():
        place = int(np.flatnonzero(outside)[0])
        table = tables if isinstance(tables, IntegerTable) else tables[place]
        raise ValueError(f"symbol {symbols[place]} at place {place} is outside {table.low}..{table.high}")
    return _ENCODERS[_known(coder)](offsets.astype(np.int32), runs)


def decode_symbols(data: bytes, tables: Tables, count: int, coder: Coder = "range") -> np.ndarray:
    """The `count` symbols (count,) as int64 that `encode_symbols` made `data` from, given the same tables and coder.

    Raises BitstreamError for bytes that `encode_symbols` could not have made.
    """
    if not 0 <= count <= MAX_SYMBOLS:
        raise BitstreamError(f"bitstream claims {count} symbols, 0 to {MAX_SYMBOLS} are allowed")
    if len(data) > 8 + count * MAX_BITS[_known(coder)] // 8:
        raise BitstreamError(f"{len(data)} bytes are too many for {count} symbols; the bitstream is damaged")
    runs = _runs(tables, count)
    offsets = np.zeros(count, np.int64)
    try:
        _DECODERS[coder](data, runs, offsets)
        symbols = offsets + _alphabets(tables)[0]
        # Many byte strings decode to the same symbols; only the one that the encoder writes is accepted.
        genuine = encode_symbols(symbols, tables, coder) == data
    except (AssertionError, KeyError, IndexError, OverflowError, ValueError) as error:
        raise BitstreamError(f"{len(data)} bytes do not decode to {count} symbols; the bitstream is damaged") from error
    if not genuine:
        raise BitstreamError(f"{len(data)} bytes are not what the {coder} coder writes; the bitstream is damaged")
    return symbols


def _known(coder: str) -> str:
    if coder not in _ENCODERS:
        raise ValueError(f"coder is {coder!r}; known coders: {', '.join(map(repr, _ENCODERS))}")
    return coder


Runs = list[tuple[IntegerTable, int, int]]


def _runs(tables: Tables, count: int) -> Runs:
    """Stretches (table, start, stop) of symbols that share a table: each is one call into the library.

    Tables with one entry are left out: constriction has no model for them, and there is nothing to code.
    """
    if isinstance(tables, IntegerTable):
        runs = [(tables, 0, count)] if count else []
    else:
        if len(tables) != count:
            raise ValueError(f"{len(tables)} tables for {count} symbols; give one table for all or one a symbol")
        runs = []
        start = 0
        for stop in range(1, count + 1):
            if stop == count or tables[stop] is not tables[start]:
                runs.append((tables[start], start, stop))
                start = stop
    return [run for run in runs if len(run[0].counts) > 1]


def _alphabets(tables: Tables) -> tuple[Any, Any]:
    """First symbol and alphabet size of the one table or of each table."""
    if isinstance(tables, IntegerTable):
        return tables.low, len(tables.counts)
    sizes = np.array([(table.low, len(table.counts)) for table in tables], np.int64).reshape(-1, 2)
    return sizes[:, 0], sizes[:, 1]


@lru_cache(maxsize=1024)
def range_model(table: IntegerTable) -> Any:
    """The library's distribution with exactly a table's integer weights, for its range and ANS coders."""
    exact = (table.counts << (PRECISION_BITS - table.precision_bits)) - 1
    return constriction.stream.model.Categorical(exact.astype(np.float64), perfect=False)


@lru_cache(maxsize=1024)
def huffman_trees(table: IntegerTable) -> tuple[Any, Any]:
    """The library's Huffman trees of a table, to encode with and to decode with."""
    weights = table.counts.astype(np.float64)
    huffman = constriction.symbol.huffman
    return huffman.EncoderHuffmanTree(weights), huffman.DecoderHuffmanTree(weights)


def _decode_stream(decoder: Any, runs: Runs, offsets: np.ndarray) -> None:
    """Fill `offsets` run by run; a scalar call is five times as fast as a call for a vector of one."""
    for table, start, stop in runs:
        if stop - start == 1:
            offsets[start] = decoder.decode(range_model(table))
        else:
            offsets[start:stop] = decoder.decode(range_model(table), stop - start)


def _words(data: bytes, order: str) -> np.ndarray:
    """32-bit words of bytes, extended by zeros to whole words."""
    return np.frombuffer(data + bytes(-len(data) % 4), order).astype(np.uint32)


def _encode_range(offsets: np.ndarray, runs: Runs) -> bytes:
    encoder = constriction.stream.queue.RangeEncoder()
    for table, start, stop in runs:
        encoder.encode(int(offsets[start]) if stop - start == 1 else offsets[start:stop], range_model(table))
    data = encoder.get_compressed().astype(">u4").tobytes()
    decoded = np.zeros(len(offsets), np.int64)

    def means_the_same(shorter: bytes) -> bool:
        try:
            decode_range(shorter, runs, decoded)
        except AssertionError:
            return False
        return np.array_equal(decoded, offsets)

    # The library ends on whole 32-bit words. The decoder reads zeros past the end, so the shortest byte string whose
    # zero-extension lies in the final interval will do: the present one cut off, or cut off and rounded up.
    while data:
        size = len(data) - 1
        kept = int.from_bytes(data[:-1], "big")
        shorter = (number.to_bytes(size, "big") for number in (kept, kept + 1) if number < 1 << 8 * size)
        found = next(filter(means_the_same, shorter), None)
        if found is None:
            break
        data = found
    return data


def decode_range(data: bytes, runs: Runs, offsets: np.ndarray) -> None:
    """Fill `offsets` from a range coder's stream."""
    _decode_stream(constriction.stream.queue.RangeDecoder(_words(data, ">u4")), runs, offsets)


def encode_ans(offsets: np.ndarray, runs: Runs) -> bytes:
    """Bytes of an rANS stream, last symbol first."""
    coder = constriction.stream.stack.AnsCoder()
    for table, start, stop in reversed(runs):  # a stack: what goes in last comes out first
        coder.encode_reverse(int(offsets[start]) if stop - start == 1 else offsets[start:stop], range_model(table))
    return coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0")


def decode_ans(data: bytes, runs: Runs, offsets: np.ndarray) -> None:
    """Fill `offsets` from an rANS stream."""
    _decode_stream(constriction.stream.stack.AnsCoder(_words(data, "<u4")), runs, offsets)


def _encode_huffman(offsets: np.ndarray, runs: Runs) -> bytes:
    encoder = constriction.symbol.QueueEncoder()
    for table, start, stop in runs:
        tree = huffman_trees(table)[0]
        for offset in offsets[start:stop].tolist():
            encoder.encode_symbol(offset, tree)
    words, bits = encoder.get_compressed()
    return words.astype("<u4").tobytes()[: (bits + 7) // 8]


def decode_huffman(data: bytes, runs: Runs, offsets: np.ndarray) -> None:
    """Fill `offsets` from Huffman codewords."""
    decoder = constriction.symbol.QueueDecoder(_words(data, "<u4"))
    for table, start, stop in runs:
        tree = huffman_trees(table)[1]
        for place in range(start, stop):
            offsets[place] = decoder.decode_symbol(tree)


_ENCODERS: dict[str, Callable[[np.ndarray, Runs], bytes]] = {
    "range": _encode_range,
    "ans": encode_ans,
    "huffman": _encode_huffman,
}
_DECODERS: dict[str, Callable[[bytes, Runs, np.ndarray], None]] = {
    "range": decode_range,
    "ans": decode_ans,
    "huffman": decode_huffman,
}
