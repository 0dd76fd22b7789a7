"""Entropy coders: round trips, measured bits against entropy, Huffman against its optimum, damage."""

from __future__ import annotations

import heapq
import itertools
import zlib

import constriction
import numpy as np
import pytest
from exact_coders import range_bytes, stack_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import laplace, norm

from thinwire.coding import IntegerTable, decode_symbols, encode_symbols, gaussian_table, integer_table, laplace_table
from thinwire.coding.models import SCALES
from thinwire.errors import BitstreamError

CODERS = ["range", "ans", "huffman"]
SKEWED = integer_table(np.array([1.0, 0.0, 1e-12, 50.0, 3.0, 0.0]), low=-2)
SINGLE = integer_table(np.array([1.0]), low=7)
TABLES_CRC = 3111228950
BYTES_CRC = [323188121, 4178869131, 2612832573]


KNOWN = dict(skewed=SKEWED, single=SINGLE, thin=gaussian_table(0.07), wide=gaussian_table(9), laplace=laplace_table(1))
LISTS = st.lists(st.sampled_from(sorted(KNOWN)), max_size=40).map(lambda names: [KNOWN[name] for name in names])


def _draw(tables: list[IntegerTable], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([rng.choice(np.arange(t.low, t.high + 1), p=t.counts / t.counts.sum()) for t in tables], np.int64)


@pytest.mark.parametrize("coder", CODERS)
@given(LISTS, st.integers(0, 999))
def test_round_trip_with_a_table_a_symbol(coder: str, tables: list[IntegerTable], seed: int) -> None:
    rng = np.random.default_rng(seed)  # uniform over each alphabet, so that the rarest symbols occur as well
    symbols = np.array([rng.integers(t.low, t.high + 1) for t in tables], np.int64)
    data = encode_symbols(symbols, tables, coder)
    assert np.array_equal(decode_symbols(data, tables, len(symbols), coder), symbols)


@pytest.mark.parametrize("coder", CODERS)
@given(st.lists(st.integers(-2, 3), max_size=300))
def test_round_trip_with_one_table_and_zero_probability_symbols(coder: str, symbols: list[int]) -> None:
    data = encode_symbols(np.array(symbols, np.int64), SKEWED, coder)
    assert decode_symbols(data, SKEWED, len(symbols), coder).tolist() == symbols


@pytest.mark.parametrize("coder", CODERS)
def test_nothing_and_certainty_cost_nothing(coder: str) -> None:
    for tables, count in ((SKEWED, 0), ([], 0), (SINGLE, 5)):
        symbols = np.full(count, 7)
        assert encode_symbols(symbols, tables, coder) == b""
        assert np.array_equal(decode_symbols(b"", tables, count, coder), symbols)


@pytest.mark.parametrize("coder", ["range", "ans"])
@pytest.mark.parametrize("count", [1, 32, 128, 20_000])
def test_measured_bits_are_the_entropy(coder: str, count: int) -> None:
    scales = np.random.default_rng(count).uniform(0.2, 30.0, count)
    tables = [gaussian_table(s) if i % 2 else laplace_table(s) for i, s in enumerate(scales)]
    symbols = np.array([np.random.default_rng(i).integers(t.low // 3, t.high // 3 + 1) for i, t in enumerate(tables)])
    ideal = sum(float(t.bits(s)) for t, s in zip(tables, symbols, strict=True))
    measured = 8 * len(encode_symbols(symbols, tables, coder))
    assert ideal - 8 <= measured <= 1.01 * ideal + 64
    if coder == "range":  # what the last-word trimming buys: a packet of a second ends within two bytes of its ideal
        assert measured <= ideal * 1.0001 + 16


@pytest.mark.parametrize("coder", ["range", "ans"])
def test_cost_of_drawn_symbols_is_the_tables_entropy(coder: str) -> None:
    table = gaussian_table(3.0)
    symbols = _draw([table] * 4000, seed=1)
    measured = 8 * len(encode_symbols(symbols, table, coder))
    assert measured == pytest.approx(4000 * table.entropy(), rel=0.03)
    assert measured <= 1.01 * table.bits(symbols).sum() + 64


@settings(max_examples=300)
@given(LISTS, st.integers(0, 999))
def test_streams_are_as_long_as_the_definitions_of_their_coders_make_them(
    tables: list[IntegerTable], seed: int
) -> None:
    symbols = _draw(tables, seed)
    assert len(encode_symbols(symbols, tables, "range")) == range_bytes(symbols, tables)
    assert len(encode_symbols(symbols, tables, "ans")) == -(-stack_bits(symbols, tables)[0] // 8)


@pytest.mark.parametrize("coder", ["range", "ans"])
@pytest.mark.parametrize("weights", [[1, 1, 1], [6, 1, 1], [1, 2, 5], [97, 1, 2]])
def test_what_the_length_of_a_stream_tells_is_all_that_it_saves(coder: str, weights: list[int]) -> None:
    """One message can cost less than its ideal bits, as the container knows where a stream ends. Of all messages no
    one-to-one code can save more than log2(H + 1) + log2(e) bits on average (Alon and Orlitsky, 1994)."""
    table = integer_table(np.array(weights, float))
    messages = list(itertools.product(range(3), repeat=6))
    ideal = np.array([table.bits(np.array(message)).sum() for message in messages])
    streams = [encode_symbols(np.array(message), table, coder) for message in messages]
    mean = float((2.0**-ideal * [8 * len(stream) for stream in streams]).sum())
    entropy = 6 * table.entropy()
    assert len(set(streams)) == len(messages)
    assert mean >= entropy - np.log2(entropy + 1) - np.log2(np.e)


def _optimal_cost(weights: np.ndarray) -> int:
    """Sum of weight times code length of an optimal prefix code: the sum of all merged weights."""
    heap = [int(w) for w in weights]
    heapq.heapify(heap)
    cost = 0
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        cost += merged
        heapq.heappush(heap, merged)
    return cost


def test_huffman_has_the_closed_form_lengths_of_dyadic_probabilities() -> None:
    table = IntegerTable(np.array([8, 4, 2, 1, 1]), precision_bits=4)
    for symbol, length in enumerate([1, 2, 3, 4, 4]):
        assert len(encode_symbols(np.full(8, symbol), table, "huffman")) == length


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=20))
def test_huffman_is_optimal_and_within_a_bit_of_entropy(weights: list[int]) -> None:
    table = integer_table(np.array(weights))
    lengths = [len(encode_symbols(np.full(8, s), table, "huffman")) for s in range(len(weights))]
    cost = int((table.counts * np.array(lengths)).sum())
    assert cost == _optimal_cost(table.counts)
    assert table.entropy() - 1e-9 <= cost / table.counts.sum() < table.entropy() + 1


def test_constriction_uses_our_integers_exactly() -> None:
    """A stack whose state is 2**32 + q decodes the symbol whose interval holds the 24-bit number q."""
    from thinwire.coding.entropy import range_model

    table = integer_table(np.random.default_rng(0).dirichlet(np.full(40, 0.1)), precision_bits=16)
    edges = np.cumsum(table.counts) << 8

    def decoded(quantile: int) -> int:
        return constriction.stream.stack.AnsCoder(np.array([quantile, 1], np.uint32)).decode(range_model(table))

    for symbol, edge in enumerate(edges.tolist()):
        assert decoded(edge - 1) == symbol
        if edge < 1 << 24:
            assert decoded(edge) == symbol + 1


def test_bytes_are_the_same_on_every_machine() -> None:
    """Pinned: tables and coders may not change without a new container version."""
    scales = np.arange(1, 65) / 4
    tables = [gaussian_table(s) if i % 2 else laplace_table(s) for i, s in enumerate(scales)]
    everything = b"".join(t(s).counts.astype("<i8").tobytes() for s in SCALES for t in (gaussian_table, laplace_table))
    assert zlib.crc32(everything) == TABLES_CRC
    symbols = np.arange(64) % 5 - 2
    assert [zlib.crc32(encode_symbols(symbols, tables, coder)) for coder in CODERS] == BYTES_CRC


@pytest.mark.parametrize("scale", [SCALES[0], 0.5, 3.25, SCALES[-1]])
def test_parametric_tables_are_the_rounded_distributions(scale: float) -> None:
    for table, law in (
        (gaussian_table(scale), norm(scale=scale)),
        (laplace_table(scale), laplace(scale=scale / 2**0.5)),
    ):
        k = np.arange(table.low, table.high + 1)
        masses = law.cdf(k + 0.5) - law.cdf(k - 0.5)
        masses[0] = masses[-1] = law.cdf(table.low + 0.5)
        assert np.abs(table.counts / 2**24 - masses).max() < (len(k) + 2) * 2.0**-24
        assert np.array_equal(table.counts, table.counts[::-1]) or np.abs(table.counts - table.counts[::-1]).max() <= 1


def test_scales_snap_to_the_nearest_and_share_tables() -> None:
    assert gaussian_table(3.01) is gaussian_table(2.99)
    assert gaussian_table(1e9) is gaussian_table(240.0) and gaussian_table(1e-9) is gaussian_table(1 / 16)
    for scale in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError):
            gaussian_table(scale)


@pytest.mark.parametrize("coder", CODERS)
@settings(max_examples=150)
@given(st.data())
def test_damaged_bytes_are_refused_or_decode_to_what_would_give_them(coder: str, data: st.DataObject) -> None:
    tables = [gaussian_table(2.0), SKEWED, SINGLE, laplace_table(0.4)] * 4
    genuine = encode_symbols(_draw(tables, seed=3), tables, coder)
    if data.draw(st.booleans()):
        damaged = data.draw(st.binary(max_size=80))
    else:
        damaged = bytearray(genuine[: data.draw(st.integers(0, len(genuine)))])
        for place in data.draw(st.lists(st.integers(0, max(len(damaged) - 1, 0)), max_size=3)) if damaged else []:
            damaged[place] = data.draw(st.integers(0, 255))
        damaged = bytes(damaged)
    try:
        symbols = decode_symbols(damaged, tables, len(tables), coder)
    except BitstreamError:
        return
    assert encode_symbols(symbols, tables, coder) == damaged


@pytest.mark.parametrize("coder", CODERS)
def test_impossible_counts_and_lengths_are_refused_before_any_work(coder: str) -> None:
    for count in (-1, 1 << 40):
        with pytest.raises(BitstreamError, match="claims"):
            decode_symbols(b"", SINGLE, count, coder)
    with pytest.raises(BitstreamError, match="too many"):
        decode_symbols(bytes(1000), SKEWED, 5, coder)


def test_wrong_use_is_named() -> None:
    with pytest.raises(ValueError, match="symbol 4 at place 1 is outside -2..3"):
        encode_symbols(np.array([0, 4]), SKEWED)
    with pytest.raises(ValueError, match="2 tables for 3 symbols"):
        encode_symbols(np.array([0, 0, 0]), [SKEWED, SKEWED])
    with pytest.raises(ValueError, match="vector of integers"):
        encode_symbols(np.array([0.5]), SKEWED)
    with pytest.raises(ValueError, match="known coders"):
        encode_symbols(np.array([0]), SKEWED, "morse")  # type: ignore[arg-type]
