"""Row tables and the container: counts, clamping, round trips, short last chunks, rates, damage."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinwire.coding.coders import CODERS
from thinwire.coding.container import Header, pack
from thinwire.coding.container import unpack as unpack_container
from thinwire.errors import BitstreamError, CheckpointError
from thinwire.systems.aucom.bitstream import MAX_CHUNKS, Bitstream, as_chunks
from thinwire.systems.aucom.tables import SYMBOL_LIMIT, RowTables, count_symbols, count_tensors, tables_at

NAMES = list(CODERS)
ROWS, COLUMNS, CHUNK = 6, 25, 100
FINGERPRINT = "0123456789abcdef"


def gaussian_symbols(chunks: int, tau: float, seed: int) -> np.ndarray:
    """(chunks, ROWS, COLUMNS) int32 of unit Gaussians, and a row of zeros."""
    values = np.random.default_rng(seed).standard_normal((chunks, ROWS, COLUMNS))
    values[:, 2] = 0.0
    return np.round(values / tau).astype(np.int32)


def tables(tau: float = 1.0) -> RowTables:
    return RowTables.from_counts(count_symbols([gaussian_symbols(200, tau, 0)]))


def bitstream(coder: str = "huffman", tau: float = 1.0) -> Bitstream:
    return Bitstream(tables(tau), FINGERPRINT, coder, COLUMNS, CHUNK)


def test_counts_are_those_of_each_row_whatever_the_batches():
    symbols = gaussian_symbols(40, 0.5, 1)
    symbols[3, 1, 4], symbols[5, 1, 4] = 500, -128
    counts = count_symbols(np.split(symbols, [1, 7, 30]))
    assert counts.shape == (ROWS, 2 * SYMBOL_LIMIT + 1) and np.array_equal(counts, count_symbols([symbols]))
    assert (counts.sum(1) == 40 * COLUMNS).all()
    for row in range(ROWS):
        values, found = np.unique(np.clip(symbols[:, row], -127, 127), return_counts=True)
        assert dict(zip(values.tolist(), found.tolist(), strict=True)) == {
            place - SYMBOL_LIMIT: counts[row, place] for place in np.flatnonzero(counts[row])
        }
    assert counts[1, 0] == 1 and counts[1, -1] == 1


def test_tables_reach_from_the_least_to_the_greatest_symbol_and_code_the_gaps():
    counts = np.zeros((2, 255), np.int64)
    counts[0, SYMBOL_LIMIT + np.array([-2, 3])] = [7, 1]
    counts[1, SYMBOL_LIMIT + 5] = 9
    made = RowTables.from_counts(counts)
    assert [(table.low, table.high) for table in made.tables] == [(-2, 3), (5, 5)]
    assert made.certain.tolist() == [False, True]
    shares = made.tables[0].counts / made.tables[0].counts.sum()
    assert np.allclose(shares, np.array([8, 1, 1, 1, 1, 2]) / 14, atol=1e-6)


def test_clamping_holds_symbols_within_the_extremes_and_counts_them():
    counts = np.zeros((2, 255), np.int64)
    counts[0, SYMBOL_LIMIT + np.array([-2, 3])] = counts[1, SYMBOL_LIMIT] = 1
    clamped = RowTables.from_counts(counts).clamp(np.array([[-9, -2, 0, 4], [0, 0, 1, -1]]))
    assert clamped.symbols.tolist() == [[-2, -2, 0, 3], [0, 0, 0, 0]] and clamped.moved == 4


def test_tables_of_each_tau_travel_with_the_model():
    by_tau = {tau: count_symbols([gaussian_symbols(20, tau, 2)]) for tau in (5.0, 1.0)}
    tensors = count_tensors(by_tau)
    for tau, counts in by_tau.items():
        expected = RowTables.from_counts(counts)
        for found, table in zip(tables_at(tensors, tau).tables, expected.tables, strict=True):
            assert found.low == table.low and np.array_equal(found.counts, table.counts)
    with pytest.raises(CheckpointError, match="tau = 1, 5, not for 2"):
        tables_at(tensors, 2.0)


@pytest.mark.parametrize(
    "counts", [np.ones((2, 9), int), np.zeros((2, 255), int), np.ones((2, 255)), -np.ones((2, 255), int)]
)
def test_counts_that_are_none_are_refused(counts):
    with pytest.raises(ValueError):
        RowTables.from_counts(counts)


def test_no_symbols_are_refused():
    with pytest.raises(ValueError, match="no symbols"):
        count_symbols([])


@given(st.integers(1, 12), st.integers(1, 450), st.integers(0, 9))
def test_chunks_hold_the_features_and_repeat_the_last_frame(mels, frames, seed):
    features = np.random.default_rng(seed).standard_normal((mels, frames)).astype(np.float32)
    chunks = as_chunks(features, CHUNK)
    assert chunks.shape == (-(-frames // CHUNK), mels, CHUNK)
    joined = np.concatenate(list(chunks), 1)
    assert np.array_equal(joined[:, :frames], features)
    assert (joined[:, frames:] == features[:, -1:]).all()


@pytest.mark.parametrize("features", [np.zeros((3, 0)), np.zeros(9), np.full((3, 9), np.nan), np.full((3, 9), np.inf)])
def test_features_that_are_none_are_refused(features):
    with pytest.raises(BitstreamError):
        as_chunks(features, CHUNK)


@pytest.mark.parametrize("coder", NAMES)
@settings(max_examples=40)
@given(st.integers(1, 4 * CHUNK), st.integers(0, 99), st.sampled_from([1.0, 2.0, 8.0]))
def test_what_was_sent_comes_back_and_the_rest_repeats_the_last_column(coder, frames, seed, tau):
    stream = bitstream(coder, tau)
    chunks = stream.chunks_of(frames)
    symbols = gaussian_symbols(chunks, tau, seed)
    for reader in (stream, bitstream("range", tau)):
        decoded, decoded_frames = reader.unpack(stream.pack(symbols, frames))
        assert decoded_frames == frames and decoded.shape == symbols.shape and decoded.dtype == np.int32
        sent, joined = stream.columns_of(frames), np.concatenate(list(decoded), 1)
        expected = stream.tables.clamp(np.concatenate(list(symbols), 1)[:, :sent]).symbols
        assert np.array_equal(joined[:, :sent], expected)
        assert (joined[:, sent:] == expected[:, -1:]).all()


def test_a_fifth_of_a_chunk_costs_a_fifth():
    stream, symbols = bitstream("rans"), gaussian_symbols(1, 1.0, 5)
    header = stream.rates(symbols, CHUNK).header_bytes
    long, short = (len(stream.pack(symbols, frames)) - header for frames in (CHUNK, CHUNK // 5))
    assert stream.columns_of(CHUNK // 5) == COLUMNS // 5 and short < 0.35 * long


def test_rates_are_the_bytes_of_each_coder_and_close_to_the_cross_entropy():
    symbols = np.clip(gaussian_symbols(80, 1.0, 7), -3, 3)
    symbols[0, 0, :3] = 100
    frames = 80 * CHUNK
    rates = bitstream().rates(symbols, frames)
    seconds = frames / 100
    assert (rates.symbols, rates.clamped, rates.certain) == (80 * ROWS * COLUMNS, 3, 80 * COLUMNS)
    for coder in NAMES:
        data = bitstream(coder).pack(symbols, frames)
        assert getattr(rates, coder) == pytest.approx(8 * (len(data) - rates.header_bytes) / seconds / 1000)
    for coder in ("arithmetic", "range", "rans"):
        assert rates.entropy <= getattr(rates, coder) <= 1.005 * rates.entropy + 0.064 / seconds
    # Unit Gaussians rounded to integers: 2.105 bits, 2.219 in a Huffman code (facts 3.1).
    per_symbol = 1000 * seconds / (5 * 80 * COLUMNS)
    assert rates.entropy * per_symbol == pytest.approx(2.105, rel=0.02)
    assert rates.huffman * per_symbol == pytest.approx(2.219, rel=0.02)


def test_a_huffman_coder_cannot_go_below_a_bit_where_arithmetic_does():
    """Facts 3.1: at tau = 5 a unit Gaussian has 0.109 bits and a Huffman code of 1.012."""
    symbols = gaussian_symbols(200, 5.0, 3)
    stream = Bitstream(RowTables.from_counts(count_symbols([symbols])), FINGERPRINT, "huffman", COLUMNS, CHUNK)
    rates = stream.rates(symbols, 200 * CHUNK)
    per_symbol = 1000 * 200 / (5 * 200 * COLUMNS)
    assert rates.huffman * per_symbol == pytest.approx(1.012, abs=0.003)
    assert rates.arithmetic * per_symbol == pytest.approx(0.109, abs=0.01)


@settings(max_examples=200)
@given(st.data())
def test_damaged_containers_raise_one_error(data):
    stream = bitstream("arithmetic")
    genuine = stream.pack(gaussian_symbols(2, 1.0, 4), 2 * CHUNK - 7)
    if data.draw(st.booleans()):
        damaged = data.draw(st.binary(max_size=200))
    else:
        changed = bytearray(genuine[: data.draw(st.integers(0, len(genuine)))])
        for place in data.draw(st.lists(st.integers(0, max(len(changed) - 1, 0)), max_size=3)) if changed else []:
            changed[place] ^= data.draw(st.integers(1, 255))
        damaged = bytes(changed)
    if damaged != genuine:
        with pytest.raises(BitstreamError):
            stream.unpack(damaged)


@settings(max_examples=100)
@given(
    st.integers(0, (1 << 31) - 1) | st.integers(0, 1000).map(lambda frames: 160 * frames),
    st.lists(st.integers(0, 9), max_size=3),
    st.binary(max_size=60),
    st.sampled_from(["aucom", "tfcodec"]),
    st.sampled_from([16000, 8000]),
)
def test_forged_headers_raise_one_error_or_are_what_pack_would_write(samples, sizes, payload, codec, sample_rate):
    """A checksum is no proof: whoever knows the format can make one."""
    stream = bitstream()
    forged = pack(Header(codec, FINGERPRINT, samples, sample_rate, tuple(sizes)), payload)
    try:
        symbols, frames = stream.unpack(forged)
    except BitstreamError:
        return
    assert bitstream(NAMES[sizes[0]]).pack(symbols, frames) == forged


@pytest.mark.parametrize("coder", NAMES)
def test_forged_payloads_are_refused_where_the_coder_would_not_write_them(coder):
    stream = bitstream(coder)
    symbols = gaussian_symbols(1, 1.0, 8)
    header, payload = unpack_container(stream.pack(symbols, CHUNK))
    for changed in (payload[:-3], payload + b"\0", payload + b"\1", b""):
        try:
            decoded = stream.unpack(pack(header, changed))[0]
        except BitstreamError:
            continue
        assert stream.pack(decoded, CHUNK) == pack(header, changed)
    with pytest.raises(BitstreamError):
        stream.unpack(pack(header, payload + b"\0"))


def test_another_models_bytes_and_wrong_use_are_named():
    stream, symbols = bitstream(), gaussian_symbols(1, 1.0, 0)
    data = stream.pack(symbols, CHUNK)
    with pytest.raises(BitstreamError, match="made by model"):
        Bitstream(tables(), "f" * 16, "huffman", COLUMNS, CHUNK).unpack(data)
    for frames in (0, -1, MAX_CHUNKS * CHUNK + 1):
        with pytest.raises(BitstreamError, match="frames: a bitstream holds 1 to"):
            stream.pack(symbols, frames)
    for wrong in (symbols[:, 1:], symbols.astype(float), np.concatenate([symbols, symbols])):
        with pytest.raises(ValueError, match="integers of shape"):
            stream.pack(wrong, CHUNK)
    with pytest.raises(ValueError, match="known coders"):
        bitstream("morse")


def test_an_edge_device_needs_neither_torch_nor_numba():
    """They are most of a small device's memory; only the arithmetic coder is compiled."""
    code = (
        "import sys, numpy as np\n"
        "from thinwire.systems.aucom.bitstream import Bitstream\n"
        "from thinwire.systems.aucom.tables import RowTables, count_symbols\n"
        "x = np.arange(50, dtype=np.int32).reshape(1, 2, 25) % 3\n"
        "for coder in ('huffman', 'range', 'rans'):\n"
        "    stream = Bitstream(RowTables.from_counts(count_symbols([x])), '0' * 16, coder, 25, 100)\n"
        "    assert (stream.unpack(stream.pack(x, 100))[0] == x).all()\n"
        "print({'torch', 'numba', 'scipy'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
