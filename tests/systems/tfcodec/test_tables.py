"""Code tables: every codeword codable, equal everywhere, and costs that agree with the coders' bytes."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor

from thinwire.coding.entropy import decode_symbols, encode_symbols
from thinwire.systems.tfcodec.tables import count_codewords, entropy_bits, huffman_bits, tables_of

shapes = st.tuples(st.integers(1, 5), st.integers(2, 40))
histograms = shapes.flatmap(lambda shape: hnp.arrays(np.int64, shape, elements=st.integers(0, 3000)))


class LoudestSample:
    """Stands in for a model: each step's indices are the places of its blocks' largest samples."""

    class quantiser:
        groups, codewords = 2, 8

    def encode(self, audio: Tensor) -> Tensor:
        return audio.unflatten(1, (2, -1, 8)).argmax(-1)


def test_codewords_are_counted_group_by_group_over_all_batches() -> None:
    audio = torch.randn(5, 2 * 8 * 30, generator=torch.Generator().manual_seed(0))
    counts = count_codewords(LoudestSample(), [audio[:2], audio[2:]])  # type: ignore[arg-type]
    assert counts.dtype == torch.int64 and counts.shape == (2, 8)
    indices = LoudestSample().encode(audio).numpy()
    for group in range(2):
        assert counts[group].tolist() == [(indices[:, group] == word).sum() for word in range(8)]
    shares = [table.counts / 2**24 for table in tables_of(counts)]
    assert np.allclose(shares, (counts + 1) / (counts.sum(1, keepdim=True) + 8), atol=1e-6)


@given(histograms)
def test_probabilities_are_laplaces_and_every_codeword_can_be_coded(counts: np.ndarray) -> None:
    tables = tables_of(counts)
    groups, codewords = counts.shape
    for table, row in zip(tables, counts, strict=True):
        assert np.allclose(table.counts / 2**24, (row + 1) / (row.sum() + codewords), atol=(codewords + 2) / 2**24)
        assert (table.low, table.high) == (0, codewords - 1)
        everything = np.arange(codewords)
        for coder in ("range", "huffman"):
            data = encode_symbols(everything, table, coder)
            assert np.array_equal(decode_symbols(data, table, codewords, coder), everything)


@settings(max_examples=60)
@given(histograms, st.integers(1, 300), st.booleans(), st.integers(0, 99))
def test_bytes_cost_what_the_tables_say(counts: np.ndarray, steps: int, drawn: bool, seed: int) -> None:
    tables = tables_of(counts)
    rng = np.random.default_rng(seed)
    indices = np.stack(
        [rng.choice(len(t.counts), steps, p=t.counts / t.counts.sum() if drawn else None) for t in tables]
    )
    everywhere = [table for table in tables for _ in range(steps)]
    ideal, huffman = entropy_bits(indices, tables), huffman_bits(indices, tables)
    assert ideal.shape == huffman.shape == (steps,) and huffman.dtype == np.int64
    range_bits = 8 * len(encode_symbols(indices.ravel(), everywhere, "range"))
    assert ideal.sum() - 16 <= range_bits <= 1.01 * ideal.sum() + 64
    assert len(encode_symbols(indices.ravel(), everywhere, "huffman")) == -(-int(huffman.sum()) // 8)


@given(histograms)
def test_huffman_is_within_a_bit_a_symbol_of_the_entropy(counts: np.ndarray) -> None:
    for table in tables_of(counts):
        lengths = huffman_bits(np.arange(len(table.counts))[None], [table])
        mean = float((table.counts * lengths).sum() / table.counts.sum())
        assert table.entropy() - 1e-9 <= mean <= table.entropy() + 1


def test_cross_entropy_is_least_under_the_materials_own_statistics() -> None:
    rng = np.random.default_rng(3)
    own, other = (rng.multinomial(200_000, rng.dirichlet(np.full(16, 0.5)), 1) for _ in range(2))
    indices = np.repeat(np.arange(16), own[0])[None]
    shares = own[0][own[0] > 0] / own.sum()
    entropy = -(shares * np.log2(shares)).sum()
    assert entropy_bits(indices, tables_of(own)).mean() == pytest.approx(entropy, abs=1e-3)
    assert entropy_bits(indices, tables_of(other)).mean() > entropy + 0.1


def test_tables_are_the_same_on_every_machine() -> None:
    """Pinned: bytes of old models stay decodable only while this holds."""
    counts = np.arange(3 * 50, dtype=np.int64).reshape(3, 50) ** 2 % 97
    bytes_of_tables = b"".join(table.counts.astype("<i8").tobytes() for table in tables_of(counts))
    assert zlib.crc32(bytes_of_tables) == 2812350581


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.ones((2, 4)), "integers of shape"),
        (np.ones(4, np.int64), "integers of shape"),
        (np.ones((2, 1), np.int64), "integers of shape"),
        (np.ones((0, 4), np.int64), "integers of shape"),
        (np.array([[3, -1]]), "not be negative, found -1"),
    ],
)
def test_what_is_no_histogram_is_refused(counts: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tables_of(counts)
