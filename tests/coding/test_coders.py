"""Four coders of rows: round trips, measured bits against cross-entropy, the same bytes as symbol by symbol, damage."""

from __future__ import annotations

import heapq
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinwire.coding import IntegerTable, encode_symbols, gaussian_table, integer_table, laplace_table
from thinwire.coding.coders import CODERS, decode_rows, encode_rows
from thinwire.coding.codewords import codewords
from thinwire.coding.huffman import code_lengths
from thinwire.errors import BitstreamError

NAMES = list(CODERS)
CLOSE = ["arithmetic", "range", "rans"]
TABLES = {
    "skewed": integer_table(np.array([1.0, 0.0, 1e-12, 50.0, 3.0, 0.0]), low=-2),
    "single": integer_table(np.array([1.0]), low=7),
    "pair": integer_table(np.array([1e-9, 1.0]), low=0),
    "coarse": IntegerTable(np.array([8, 4, 2, 1, 1]), low=-9, precision_bits=4),
    "thin": gaussian_table(0.07),
    "wide": gaussian_table(9),
    "laplace": laplace_table(1),
    "even": integer_table(np.ones(255), low=-127),
}
PINNED = {
    "huffman": "dafd126295",
    "arithmetic": "5bbf6290f01a2f36",
    "range": "5bbf6290eacc00c6",
    "rans": "ffffff82697b08ffb38816",
}
LISTS = st.lists(st.sampled_from(sorted(TABLES)), max_size=12).map(lambda names: [TABLES[name] for name in names])


def uniform(tables: list[IntegerTable], count: int, seed: int) -> np.ndarray:
    """Symbols (rows, count) uniform over each alphabet, so that the rarest occur as well."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(table.low, table.high + 1, count) for table in tables]
    return np.array(rows, np.int64).reshape(len(tables), count)


def drawn(tables: list[IntegerTable], count: int, seed: int) -> np.ndarray:
    """Symbols (rows, count) from the tables' own distributions."""
    rng = np.random.default_rng(seed)
    rows = [rng.choice(len(t.counts), count, p=t.counts / t.counts.sum()) + t.low for t in tables]
    return np.array(rows, np.int64).reshape(len(tables), count)


def cross_entropy(symbols: np.ndarray, tables: list[IntegerTable]) -> float:
    return sum(float(table.bits(row).sum()) for row, table in zip(symbols, tables, strict=True))


@pytest.mark.parametrize("coder", NAMES)
@given(LISTS, st.integers(0, 60), st.integers(0, 999), st.booleans())
def test_rows_come_back(coder, tables, count, seed, likely):
    symbols = (drawn if likely else uniform)(tables, count, seed)
    decoded = decode_rows(encode_rows(symbols, tables, coder), tables, count, coder)
    assert decoded.dtype == np.int32 and np.array_equal(decoded, symbols)


@pytest.mark.parametrize("coder", NAMES)
def test_nothing_and_certainty_cost_nothing(coder):
    for tables, count in (([], 0), ([], 9), ([TABLES["skewed"]] * 3, 0), ([TABLES["single"]] * 3, 1000)):
        symbols = np.full((len(tables), count), 7)
        assert encode_rows(symbols, tables, coder) == b""
        assert np.array_equal(decode_rows(b"", tables, count, coder), symbols)


@pytest.mark.parametrize("coder", CLOSE)
@settings(max_examples=40)
@given(LISTS, st.sampled_from([1, 125, 2000]), st.integers(0, 999), st.booleans())
def test_bits_are_within_half_a_per_cent_and_64_bits_of_cross_entropy(coder, tables, count, seed, likely):
    symbols = (drawn if likely else uniform)(tables, count, seed)
    ideal = cross_entropy(symbols, tables)
    bits = 8 * len(encode_rows(symbols, tables, coder))
    assert bits <= 1.005 * ideal + 64
    if likely:  # that a drawn message costs k bits less has a probability of 2**-k; freak ones may be all zeros
        assert bits >= ideal - 64


@given(LISTS, st.integers(1, 200), st.integers(0, 999))
def test_huffman_spends_its_codewords_and_less_than_a_bit_a_symbol_too_much_on_average(tables, count, seed):
    symbols = uniform(tables, count, seed)
    lengths = sum(int(code_lengths(t)[row - t.low].sum()) for row, t in zip(symbols, tables, strict=True))
    assert len(encode_rows(symbols, tables, "huffman")) == -(-lengths // 8)
    for table in tables:
        mean = float((table.counts * codewords(table)[1]).sum() / table.counts.sum())
        assert table.entropy() - 1e-9 <= mean < table.entropy() + 1


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=40))
def test_codewords_are_an_optimal_prefix_code(weights):
    table = integer_table(np.array(weights))
    codes, lengths = codewords(table)
    pairs = zip(codes.tolist(), lengths.tolist(), strict=True)
    words = sorted(f"{code:b}".zfill(length)[::-1] for code, length in pairs)
    assert not any(later.startswith(word) for word, later in zip(words, words[1:], strict=False))
    heap, optimum = sorted(table.counts.tolist()), 0
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        optimum += merged
        heapq.heappush(heap, merged)
    assert (table.counts * lengths).sum() == optimum


def test_the_longest_possible_codewords_come_back():
    fibonacci = [1, 1]
    while sum(fibonacci) + fibonacci[-1] + fibonacci[-2] <= 1 << 24:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    fibonacci.append((1 << 24) - sum(fibonacci))
    table = IntegerTable(np.array(fibonacci))
    assert codewords(table)[1].max() >= 32
    symbols = np.tile(np.arange(len(fibonacci)), (2, 3))
    for coder in NAMES:
        data = encode_rows(symbols, [table] * 2, coder)
        assert np.array_equal(decode_rows(data, [table] * 2, symbols.shape[1], coder), symbols)


@pytest.mark.parametrize("coder,plain", [("huffman", "huffman"), ("range", "range"), ("rans", "ans")])
@given(LISTS, st.integers(0, 40), st.integers(0, 999), st.booleans())
def test_bytes_are_those_of_one_table_a_symbol(coder, plain, tables, count, seed, likely):
    symbols = (drawn if likely else uniform)(tables, count, seed)
    each = [table for table in tables for _ in range(count)]
    assert encode_rows(symbols, tables, coder) == encode_symbols(symbols.ravel(), each, plain)


@settings(max_examples=40)
@given(LISTS, st.integers(0, 12), st.integers(0, 999))
def test_the_arithmetic_coder_ends_inside_the_exact_interval(tables, count, seed):
    """Rational arithmetic is the oracle: the bytes, read as a binary fraction, lie in the message's own interval up to
    what rounding to 32-bit code values moves its ends."""
    symbols = drawn(tables, count, seed)
    low, width = Fraction(0), Fraction(1)
    for row, table in zip(symbols, tables, strict=True):
        edges = [0, *np.cumsum(table.counts).tolist()]
        for offset in (row - table.low).tolist():
            low += width * Fraction(edges[offset], edges[-1])
            width *= Fraction(edges[offset + 1] - edges[offset], edges[-1])
    data = encode_rows(symbols, tables, "arithmetic")
    value = Fraction(int.from_bytes(data, "big"), 1 << 8 * len(data))
    slack = Fraction(1, 1 << 20) * (symbols.size + 1)
    assert low - slack <= value <= low + width + slack
    if width > 2 * slack:
        assert len(data) * 8 <= -np.log2(float(width)) + 2 + 8


def test_a_dyadic_source_is_coded_without_any_loss():
    tables = [TABLES["coarse"]] * 4
    symbols = drawn(tables, 500, 3)
    ideal = cross_entropy(symbols, tables)
    assert 8 * len(encode_rows(symbols, tables, "arithmetic")) - ideal <= 9
    assert 8 * len(encode_rows(symbols, tables, "huffman")) - ideal < 8


def test_bytes_are_the_same_on_every_machine():
    """Pinned: coders may not change without a new container version."""
    tables = [TABLES[name] for name in ("coarse", "skewed", "laplace")]
    symbols = np.array([[-9, -8, -7, -6, -5], [1, 1, 2, -2, 3], [0, 1, -1, 4, 0]])
    assert {coder: encode_rows(symbols, tables, coder).hex() for coder in NAMES} == PINNED


@pytest.mark.parametrize("coder", NAMES)
@settings(max_examples=120)
@given(st.data())
def test_damaged_bytes_are_refused_or_decode_to_what_would_give_them(coder, data):
    tables = [TABLES[name] for name in ("wide", "skewed", "single", "thin", "even")]
    genuine = encode_rows(drawn(tables, 9, 3), tables, coder)
    if data.draw(st.booleans()):
        damaged = data.draw(st.binary(max_size=80))
    else:
        changed = bytearray(genuine[: data.draw(st.integers(0, len(genuine)))])
        for place in data.draw(st.lists(st.integers(0, max(len(changed) - 1, 0)), max_size=3)) if changed else []:
            changed[place] = data.draw(st.integers(0, 255))
        damaged = bytes(changed)
    try:
        symbols = decode_rows(damaged, tables, 9, coder)
    except BitstreamError:
        return
    assert encode_rows(symbols, tables, coder) == damaged


@pytest.mark.parametrize("coder", NAMES)
def test_impossible_counts_and_lengths_are_refused_before_any_work(coder):
    for count in (-1, 1 << 40):
        with pytest.raises(BitstreamError, match="claims"):
            decode_rows(b"", [TABLES["skewed"]], count, coder)
    with pytest.raises(BitstreamError, match="too many"):
        decode_rows(bytes(1000), [TABLES["skewed"]], 5, coder)
    with pytest.raises(BitstreamError):
        decode_rows(b"\1", [TABLES["single"]], 5, coder)


def test_wrong_use_is_named():
    tables = [TABLES["skewed"]]
    with pytest.raises(ValueError, match=r"symbol 4 of row 0 is outside -2\.\.3"):
        encode_rows(np.array([[0, 4]]), tables, "range")
    with pytest.raises(ValueError, match="integers of 1 rows"):
        encode_rows(np.array([[0], [0]]), tables, "range")
    with pytest.raises(ValueError, match="integers of 1 rows"):
        encode_rows(np.array([[0.5]]), tables, "range")
    for call in (lambda: encode_rows(np.array([[0]]), tables, "morse"), lambda: decode_rows(b"", tables, 1, "morse")):
        with pytest.raises(ValueError, match="known coders: 'huffman', 'arithmetic', 'range', 'rans'"):
            call()
