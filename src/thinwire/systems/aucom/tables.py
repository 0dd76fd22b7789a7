"""Code tables of each latent row from training statistics, one set for each tau (section 4.3.4).

The paper builds one Huffman tree a row from the training set's distribution, records each row's extremes and holds
what is coded within them. Here the same integer table of a row serves all four coders, so that they are compared on
equal terms, and nothing needs an escape symbol.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from thinwire.coding.quantise import PRECISION_BITS, IntegerTable, integer_table
from thinwire.errors import CheckpointError

SYMBOL_LIMIT = 127
"""Largest magnitude of a symbol that is counted as itself; a normalised latent is far from it even at tau = 1."""


@dataclass(frozen=True)
class Clamped:
    """Symbols (rows, n) int32 within their rows' extremes, and how many had to be moved there."""

    symbols: np.ndarray
    moved: int


@dataclass(frozen=True, eq=False)
class RowTables:
    """One table a row, from the least to the greatest symbol that training showed in it."""

    tables: tuple[IntegerTable, ...]

    @classmethod
    def from_counts(cls, counts: np.ndarray) -> RowTables:
        """Tables from counts (rows, 2 * SYMBOL_LIMIT + 1) of `count_symbols`: (count + 1) / (total + K) for the K
        symbols between a row's extremes, so that gaps can be coded too (Laplace's rule of succession).

        A row that only ever showed one symbol has a table of one, which costs no coder anything (`certain`; a Huffman
        coder that knows no empty codeword would spend a bit a symbol there). Raises ValueError for counts of another
        shape or type, negative ones, and a row without any.
        """
        counts = np.asarray(counts)
        if counts.ndim != 2 or counts.shape[1] != 2 * SYMBOL_LIMIT + 1 or counts.dtype.kind not in "iu":
            raise ValueError(
                f"counts must be integers (rows, {2 * SYMBOL_LIMIT + 1}), got {counts.dtype} of shape {counts.shape}"
            )
        if (counts < 0).any() or (counts.sum(1) == 0).any():
            raise ValueError("every row needs counts that are not negative and not all zero")
        return cls(tuple(map(_table, counts)))

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.tables)

    @property
    def certain(self) -> np.ndarray:
        """Which rows (rows,) bool have a single symbol."""
        return np.array([len(table.counts) == 1 for table in self.tables], bool)

    def clamp(self, symbols: np.ndarray) -> Clamped:
        """Symbols (rows, n) held within each row's extremes, as they were in training (section 4.3.4)."""
        low = np.array([table.low for table in self.tables])[:, None]
        high = np.array([table.high for table in self.tables])[:, None]
        held = np.clip(symbols, low, high).astype(np.int32)
        return Clamped(held, int((held != symbols).sum()))

    def bits(self, symbols: np.ndarray) -> np.ndarray:
        """Ideal bits (rows,) of clamped symbols (rows, n): -log2 of their probabilities, summed. Their sum is n times
        the cross-entropy (Eq. 20) between what is coded and the tables.
        """
        return np.array([table.bits(row).sum() for table, row in zip(self.tables, symbols, strict=True)], np.float64)


def _table(counts: np.ndarray) -> IntegerTable:
    seen = np.flatnonzero(counts)
    low, high = int(seen[0]), int(seen[-1])
    return integer_table(counts[low : high + 1] + 1.0, PRECISION_BITS, low - SYMBOL_LIMIT)


def count_symbols(batches: Iterable[np.ndarray]) -> np.ndarray:
    """How often each symbol -SYMBOL_LIMIT..SYMBOL_LIMIT (what lies beyond counts as the limit) occurs in each row of
    training symbols given as batches (B, rows, T): counts (rows, 2 * SYMBOL_LIMIT + 1) int64.

    Raises ValueError when there are no batches.
    """
    counts = None
    for batch in batches:
        places = np.clip(batch, -SYMBOL_LIMIT, SYMBOL_LIMIT).astype(np.int64) + SYMBOL_LIMIT
        rows, size = places.shape[1], 2 * SYMBOL_LIMIT + 1
        flat = (places + size * np.arange(rows)[:, None]).ravel()
        found = np.bincount(flat, minlength=rows * size).reshape(rows, size)
        counts = found if counts is None else counts + found
    if counts is None:
        raise ValueError("no symbols to count")
    return counts


def count_tensors(counts: Mapping[float, np.ndarray]) -> dict[str, np.ndarray]:
    """What a training stage keeps of counts by tau: `taus` (n,) float64, rising, and `counts` (n, rows, 255) int64."""
    taus = sorted(counts)
    return {"taus": np.array(taus, np.float64), "counts": np.stack([counts[tau] for tau in taus]).astype(np.int64)}


def tables_at(tensors: Mapping[str, np.ndarray], tau: float) -> RowTables:
    """The tables of one tau from what `count_tensors` made.

    Raises CheckpointError where symbols were not counted at this tau.
    """
    taus: Sequence[float] = np.asarray(tensors["taus"]).tolist()
    if tau not in taus:
        known = ", ".join(f"{value:g}" for value in taus)
        raise CheckpointError(f"the model has code tables for tau = {known}, not for {tau:g}; train it with that tau")
    return RowTables.from_counts(np.asarray(tensors["counts"])[taus.index(tau)])
