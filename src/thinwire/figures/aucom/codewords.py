"""What code tables say: probabilities, entropies and Huffman codewords of each row of symbols."""

from __future__ import annotations

import numpy as np
import pandas as pd

from thinwire.coding.huffman import code_lengths
from thinwire.systems.aucom.tables import RowTables


def huffman_bits(tables: RowTables, symbols: np.ndarray) -> np.ndarray:
    """Lengths (rows, columns) of the codewords of clamped symbols; a row of a single symbol costs nothing."""
    return np.stack([
        np.zeros(len(row)) if len(table.counts) == 1 else code_lengths(table)[row - table.low].astype(float)
        for table, row in zip(tables.tables, symbols, strict=True)
    ])  # fmt: skip


def probabilities(tables: RowTables) -> tuple[np.ndarray, np.ndarray]:
    """All symbols that any row can have, and their probabilities (rows, symbols), 0 where a row lacks them."""
    low, high = min(table.low for table in tables.tables), max(table.high for table in tables.tables)
    out = np.zeros((tables.rows, high - low + 1))
    for row, table in enumerate(tables.tables):
        out[row, table.low - low : table.high - low + 1] = table.counts / table.counts.sum()
    return np.arange(low, high + 1), out


def row_table(tables: RowTables, tau: float) -> pd.DataFrame:
    """Each row's code table at a tau: its extremes, the entropy of the table, and what its Huffman code expects."""
    rows = []
    for row, table in enumerate(tables.tables):
        p = table.counts / table.counts.sum()
        entropy = abs(float((p * np.log2(p)).sum()))
        huffman = 0.0 if len(p) == 1 else float((p * code_lengths(table)).sum())
        rows.append((row, tau, table.low, table.high, entropy, huffman))
    return pd.DataFrame(rows, columns=["row", "tau", "least", "greatest", "entropy_bits", "huffman_bits"])
