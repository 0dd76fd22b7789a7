"""Code tables of each group's codewords from training statistics, and what indices cost under them (section III-E).

The paper entropy-codes with Huffman tables, one a codebook. Here one integer table a group serves Huffman and range
coding alike, so that the two are compared on the same statistics.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from thinwire.coding.huffman import code_lengths
from thinwire.coding.quantise import PRECISION_BITS, IntegerTable, integer_table
from thinwire.nn.group_quantiser import GroupQuantiser, codebook_counts


class IndexEncoder(Protocol):
    """What statistics are taken of: `encode(audio (B, N)) -> indices (B, G, S)` int64."""

    quantiser: GroupQuantiser

    def encode(self, audio: Tensor) -> Tensor: ...


@torch.no_grad()
def count_codewords(model: IndexEncoder, batches: Iterable[Tensor]) -> Tensor:
    """How often each codeword occurs (G, K), int64, in training audio given as batches (B, N), under a model in eval
    mode. The training stage keeps them as tensor `counts` of `tables.safetensors`.
    """
    counts = torch.zeros(model.quantiser.groups, model.quantiser.codewords, dtype=torch.int64)
    for audio in batches:
        counts += codebook_counts(model.encode(audio), model.quantiser.codewords).cpu()
    return counts


def tables_of(counts: Tensor | np.ndarray) -> list[IntegerTable]:
    """One table a group from counts (G, K), int64: (count + 1) / (total + K), so that words that training never used
    can be coded too (Laplace's rule of succession), in integers that are the same on every machine.

    Raises ValueError for counts of another shape or type, and for negative ones.
    """
    counts = np.asarray(counts)
    most = 1 << PRECISION_BITS
    if counts.ndim != 2 or not counts.size or counts.dtype.kind not in "iu" or not 2 <= counts.shape[1] <= most:
        raise ValueError(f"counts must be integers of shape (G, K >= 2), got {counts.dtype} of shape {counts.shape}")
    if counts.min() < 0:
        raise ValueError(f"counts must not be negative, found {counts.min()}")
    return [integer_table(group.astype(np.float64) + 1.0) for group in counts]


def entropy_bits(indices: np.ndarray, tables: Sequence[IntegerTable]) -> np.ndarray:
    """Ideal bits of each 40 ms step (S,) of indices (G, S): -log2 of their probabilities, over all groups. Its mean is
    the cross-entropy between what is coded and the tables.
    """
    return np.sum([table.bits(group) for table, group in zip(tables, indices, strict=True)], axis=0)


def huffman_bits(indices: np.ndarray, tables: Sequence[IntegerTable]) -> np.ndarray:
    """Bits of each 40 ms step (S,), int64, of indices (G, S) in Huffman codes: the paper's bits of a frame (section
    IV-B, at 3 kbps 39 to 190, 124 on average).
    """
    return np.sum([code_lengths(table)[group] for table, group in zip(tables, indices, strict=True)], axis=0)
