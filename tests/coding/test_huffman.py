"""Lengths of Huffman codewords: what the coder spends, and Kraft's equality."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinwire.coding import IntegerTable, encode_symbols, integer_table
from thinwire.coding.huffman import code_lengths


def test_dyadic_probabilities_have_their_own_information() -> None:
    table = IntegerTable(np.array([8, 4, 2, 1, 1]), low=-2, precision_bits=4)
    assert code_lengths(table).tolist() == table.bits(np.arange(-2, 3)).tolist() == [1, 2, 3, 4, 4]


@given(st.lists(st.integers(1, 10_000), min_size=2, max_size=60), st.integers(0, 99))
def test_lengths_are_a_full_prefix_codes_and_what_the_coder_spends(weights: list[int], seed: int) -> None:
    table = integer_table(np.array(weights), low=5)
    lengths = code_lengths(table)
    assert (0.5**lengths).sum() == pytest.approx(1.0)
    symbols = np.random.default_rng(seed).integers(table.low, table.high + 1, 100)
    assert len(encode_symbols(symbols, table, "huffman")) == -(-int(lengths[symbols - 5].sum()) // 8)


def test_a_certain_symbol_costs_nothing() -> None:
    assert code_lengths(integer_table(np.array([1.0]))).tolist() == [0]
