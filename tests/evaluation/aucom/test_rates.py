"""Items through quantiser, coders and decoder: what is counted is what would be sent."""

from __future__ import annotations

import numpy as np
import pytest
from exact_coders import range_bytes, stack_bits
from hypothesis import given
from hypothesis import strategies as st

from thinwire.coding.codewords import codewords
from thinwire.evaluation.aucom.codecs import Bench, set_up
from thinwire.evaluation.aucom.common import rate_columns, task_items
from thinwire.evaluation.aucom.rates import analyse, received, row_totals, send
from thinwire.params import Params
from thinwire.systems.aucom.bitstream import Bitstream
from thinwire.systems.aucom.tables import SYMBOL_LIMIT, RowTables


@pytest.fixture(params=["aucom_v1", "aucom_deepcod", "aucom_sensing"])
def bench(request: pytest.FixtureRequest, bench_params: Params) -> Bench:
    return set_up(bench_params, request.param)


def test_decoded_features_are_those_of_the_bytes(bench: Bench, bench_params: Params) -> None:
    items = task_items(bench_params, "librispeech")
    latents = analyse(bench.net, items.features)
    for point in bench.points:
        sent = send(latents, point.coder, "")
        for place, features in enumerate(items.features):
            data = point.coder.encode(features)
            symbols, frames = point.coder.bitstream.unpack(data)
            assert frames == features.shape[1] and np.array_equal(sent.symbols[place], symbols)
            assert np.allclose(sent.decoded[place], point.coder.decode(data), atol=1e-4)
            assert sent.rates[place] == point.coder.rates(features)


def exact_streams(bitstream: Bitstream, symbols: np.ndarray, frames: int) -> tuple[int, int, float]:
    """Bits of range and rANS streams of symbols (C, rows, columns) by their definitions, and what rANS is spared."""
    tables = bitstream.tables
    rows = symbols.swapaxes(0, 1).reshape(tables.rows, -1)[:, : bitstream.columns_of(frames)]
    stream, each = rows.reshape(-1), [table for table in tables.tables for _ in range(rows.shape[1])]
    state, spared = stack_bits(stream, each)
    return 8 * range_bytes(stream, each), 8 * -(-state // 8), spared


def test_coders_come_near_the_entropy(bench: Bench, bench_params: Params) -> None:
    items = task_items(bench_params, "speech_commands")
    for point in bench.points:
        latents = analyse(bench.net, items.features)
        sent = send(latents, point.coder, "")
        table = rate_columns(sent.rates)
        assert (table["kbps"] == table["kbps_huffman"]).all() and (table["header_bytes"] > 0).all()
        bit = 1.0 / (1000.0 * items.seconds)
        exact = [exact_streams(point.coder.bitstream, *one) for one in zip(sent.symbols, latents.frames, strict=True)]
        ranged, stacked, spared = (np.array(column) for column in zip(*exact, strict=True))
        assert np.allclose(table["kbps_range"], ranged * bit) and np.allclose(table["kbps_rans"], stacked * bit)
        for coder in ("arithmetic", "range", "rans"):
            free = spared if coder == "rans" else 0.0
            assert (table[f"kbps_{coder}"] >= table["kbps_entropy"] - (free + 16.0) * bit).all()
            assert (table[f"kbps_{coder}"] <= 1.01 * table["kbps_entropy"] + 72.0 * bit).all()
        # Huffman's lengths can suit an item better than the table does, but not what the table expects
        for entry in point.coder.bitstream.tables.tables:
            expected = float((codewords(entry)[1] * entry.counts).sum() / entry.counts.sum())
            assert entry.entropy() - 1e-9 <= expected <= entry.entropy() + 1.0


def test_rows_add_up_to_the_items(bench: Bench, bench_params: Params) -> None:
    items = task_items(bench_params, "librispeech")
    latents = analyse(bench.net, items.features)
    for point in bench.points:
        sent = send(latents, point.coder, "")
        totals = row_totals(point.coder, sent, latents.frames)
        lasting = np.array([1000.0 * frames / 100.0 for frames in latents.frames])
        ideal = sum(rate.entropy * bits for rate, bits in zip(sent.rates, lasting, strict=True))
        huffman = sum(rate.huffman * bits for rate, bits in zip(sent.rates, lasting, strict=True))
        assert np.isclose(totals["entropy_bits"].sum(), ideal)
        assert 0.0 <= huffman - totals["huffman_bits"].sum() < 8.0 * len(items)
        assert totals["symbols"].sum() == sum(rate.symbols for rate in sent.rates)
        several = ~point.coder.bitstream.tables.certain
        assert (totals["huffman_bits"] >= totals["symbols"])[several].all()
        assert (totals["huffman_bits"] == 0.0)[~several].all()


@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_received_symbols_are_those_that_were_packed(frames: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    counts = np.zeros((3, 2 * SYMBOL_LIMIT + 1), np.int64)
    counts[:, SYMBOL_LIMIT - 2 : SYMBOL_LIMIT + 2] = generator.integers(1, 50, (3, 4))
    bitstream = Bitstream(RowTables.from_counts(counts), "0" * 16, columns=5, chunk_frames=20)
    symbols = generator.integers(-4, 5, (bitstream.chunks_of(frames), 3, 5))
    assert np.array_equal(received(bitstream, symbols, frames), bitstream.unpack(bitstream.pack(symbols, frames))[0])
