"""Autoregressive range decoding: round trips under tables that depend on the past, and damaged bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinwire.coding.adaptive import decode_adaptive
from thinwire.coding.entropy import encode_symbols
from thinwire.coding.quantise import IntegerTable, integer_table
from thinwire.errors import BitstreamError


class Model:
    """A random Markov chain whose alphabets, too, depend on the symbol before; some tables have a single entry."""

    def __init__(self, seed: int, precision: int = 20) -> None:
        draw = np.random.default_rng(seed)
        sizes = draw.integers(1, 9, 9)
        self.tables = [integer_table(draw.random(size) ** 8 + 1e-9, precision, low=1) for size in sizes]
        self.draw = draw

    def next_table(self, before: int | None) -> IntegerTable:
        return self.tables[before or 0]

    def sample(self, count: int) -> tuple[np.ndarray, list[IntegerTable]]:
        symbols, tables, before = [], [], None
        for _ in range(count):
            table = self.next_table(before)
            before = int(self.draw.choice(np.arange(table.low, table.high + 1), p=table.counts / table.counts.sum()))
            symbols.append(before)
            tables.append(table)
        return np.array(symbols, np.int64), tables


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 60), st.integers(4, 24))
def test_round_trip_and_length(seed: int, count: int, precision: int) -> None:
    model = Model(seed, precision)
    symbols, tables = model.sample(count)
    data = encode_symbols(symbols, tables)
    assert np.array_equal(decode_adaptive(data, model.next_table, count), symbols)
    ideal = sum(float(table.bits(symbol)) for table, symbol in zip(tables, symbols, strict=True))
    assert 8 * len(data) <= ideal + 16


@settings(deadline=None)
@given(st.binary(max_size=40), st.integers(0, 30))
def test_any_bytes_decode_to_what_gives_them_or_are_refused(data: bytes, count: int) -> None:
    model = Model(3)
    try:
        symbols = decode_adaptive(data, model.next_table, count)
    except BitstreamError:
        return
    befores = [None, *symbols.tolist()][:count]
    assert encode_symbols(symbols, [model.next_table(before) for before in befores]) == data


def test_too_many_bytes_and_symbols() -> None:
    model = Model(0)
    with pytest.raises(BitstreamError, match="too many"):
        decode_adaptive(bytes(50), model.next_table, 2)
    with pytest.raises(BitstreamError, match="claims -1"):
        decode_adaptive(b"", model.next_table, -1)
