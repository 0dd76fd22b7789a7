"""Bits with side information at the decoder by a syndrome code, as it should be done, and what bounds it.

The source x has 648 Bernoulli(1/2) bits, the decoder holds y = x xor e with e Bernoulli(p). The encoder sends the
syndrome H x of a low-density parity-check code, 162 bits; the decoder looks for the likely e with H e = H x xor H y by
belief propagation (`ldpc`). The reference implementation's baseline has two handicaps, each of which ruins it (method
facts 4.4.1): it reduces H to a dense systematic matrix, and it tells the decoder that each bit of y is right with
log-likelihood ratio 1 instead of ln((1 - p) / p). Both are options here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import csr_matrix

from thinwire.errors import BitstreamError, ParamError, ThinwireError
from thinwire.progress import track

BASE = (
    (16, 17, 22, 24, 9, 3, 14, -1, 4, 2, 7, -1, 26, -1, 2, -1, 21, -1, 1, 0, -1, -1, -1, -1),
    (25, 12, 12, 3, 3, 26, 6, 21, -1, 15, 22, -1, 15, -1, 4, -1, -1, 16, -1, 0, 0, -1, -1, -1),
    (25, 18, 26, 16, 22, 23, 9, -1, 0, -1, 4, -1, 4, -1, 8, 23, 11, -1, -1, -1, 0, 0, -1, -1),
    (9, 7, 0, 1, 17, -1, -1, 7, 3, -1, 3, 23, -1, 16, -1, -1, 21, -1, 0, -1, -1, 0, 0, -1),
    (24, 5, 26, 7, 1, -1, -1, 15, 24, 15, -1, 8, -1, 13, -1, 13, -1, 11, -1, -1, -1, -1, 0, 0),
    (2, 2, 19, 14, 24, 1, 15, 19, -1, 21, -1, 2, -1, 24, -1, 3, -1, 2, 1, -1, -1, -1, -1, 0),
)
"""Circulant shifts of IEEE 802.11n's code of 648 bits and rate 3/4 (20.3.11.7, annex F); -1: a block of zeros."""
CIRCULANT = 27
BLOCK = len(BASE[0]) * CIRCULANT
SYNDROME = len(BASE) * CIRCULANT


def parity_matrix() -> csr_matrix:
    """H (162, 648), uint8: a shift of s is the identity of 27 rows with its columns moved right by s."""
    blocks = [(r, c, s) for r, row in enumerate(BASE) for c, s in enumerate(row) if s >= 0]
    unit = np.arange(CIRCULANT)
    rows = np.concatenate([r * CIRCULANT + unit for r, _, _ in blocks])
    columns = np.concatenate([c * CIRCULANT + (unit + s) % CIRCULANT for _, c, s in blocks])
    return csr_matrix((np.ones(len(rows), np.uint8), (rows, columns)), shape=(SYNDROME, BLOCK))


def systematic_matrix() -> csr_matrix:
    """The matrix that the reference decodes with: H row-reduced over GF(2) so that its last 162 columns are the
    identity. It spans the same code with 5.7 times as many ones.
    """
    h = parity_matrix().toarray().astype(bool)
    for row, column in enumerate(range(BLOCK - SYNDROME, BLOCK)):
        pivot = row + int(np.argmax(h[row:, column]))
        h[[row, pivot]] = h[[pivot, row]]
        others = h[:, column].copy()
        others[row] = False
        h[others] ^= h[row]
    return csr_matrix(h.astype(np.uint8))


@dataclass(frozen=True)
class Decoding:
    """How a syndrome is decoded: the matrix, the log-likelihood ratio that every bit of y gets, and the iterations."""

    matrix: Literal["sparse", "systematic"] = "sparse"
    llr: Literal["true", "unit"] = "true"
    iterations: int = 50


PROPER = Decoding()
DECODINGS = {
    "proper": PROPER,
    "proper, 6 iterations": Decoding(iterations=6),
    "unit ratio": Decoding(llr="unit"),
    "dense matrix": Decoding(matrix="systematic"),
    "reference": Decoding(matrix="systematic", llr="unit", iterations=6),
}
"""The proper decoder, the reference's setting, and what each difference between them does on its own."""


class SyndromeCode:
    """A Slepian-Wolf code of 162 bits for blocks of 648."""

    def __init__(self, decoding: Decoding = PROPER) -> None:
        self.decoding = decoding
        self.h = parity_matrix() if decoding.matrix == "sparse" else systematic_matrix()

    def encode(self, x: np.ndarray) -> np.ndarray:
        """The syndromes (n, 162) of blocks x (n, 648), 0 or 1."""
        return self._syndrome(_bits(x, BLOCK, "x"))

    def decode(self, syndromes: np.ndarray, y: np.ndarray, p: float) -> np.ndarray:
        """Blocks x_hat (n, 648) from syndromes (n, 162), side information y (n, 648), and the probability p that a bit
        of y is wrong. A block whose decoding did not converge is the decoder's last guess, as any decoder would return.

        Raises BitstreamError for syndromes, ParamError for y or p that cannot be.
        """
        from ldpc import BpDecoder  # brings Stim and NetworkX along: most of a second, for every domain's stages

        if not 0.0 < p < 0.5:
            raise ParamError(f"p: {p:g} is no probability of a wrong bit between 0 and 0.5; at 0 copy y")
        syndromes = _bits(syndromes, SYNDROME, "syndromes", BitstreamError)
        y = _bits(y, BLOCK, "y")
        if len(y) != len(syndromes):
            raise ParamError(f"y: {len(y)} blocks for {len(syndromes)} syndromes; give each block its side information")
        believed = p if self.decoding.llr == "true" else 1.0 / (1.0 + np.e)
        decoder = BpDecoder(
            self.h,
            error_rate=believed,
            max_iter=self.decoding.iterations,
            bp_method="product_sum",
            schedule="parallel",
            input_vector_type="syndrome",
        )
        differences = syndromes ^ self._syndrome(y)
        errors = [decoder.decode(one) for one in track(differences, "syndrome decoding")]
        return y ^ np.array(errors, np.uint8).reshape(y.shape)

    def _syndrome(self, bits: np.ndarray) -> np.ndarray:
        return np.asarray((self.h.astype(np.int32) @ bits.T.astype(np.int32)).T % 2, np.uint8)


def _bits(values: np.ndarray, width: int, name: str, error: type[ThinwireError] = ParamError) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 2 or values.shape[1] != width or not np.isin(values, (0, 1)).all():
        raise error(f"{name}: {values.shape}, expected (n, {width}) of 0 and 1; look where they come from")
    return values.astype(np.uint8)


def block_errors(x: np.ndarray, x_hat: np.ndarray) -> np.ndarray:
    """(n,) whether a block has any wrong bit; its mean is the block error rate (BLER)."""
    return (np.asarray(x) != np.asarray(x_hat)).any(axis=-1)


def copying_bler(p: float | np.ndarray, block: int = BLOCK) -> np.ndarray:
    """Block error rate of sending nothing and taking y for x: 1 - (1 - p)^n."""
    return -np.expm1(block * np.log1p(-np.asarray(p, np.float64)))


def binary_entropy(p: float | np.ndarray) -> np.ndarray:
    """H(p) in bits, 0 at 0 and 1."""
    p = np.asarray(p, np.float64)
    inside = np.clip(p, 1e-300, 1.0 - 1e-16)
    return np.where((p <= 0.0) | (p >= 1.0), 0.0, -(inside * np.log2(inside) + (1 - inside) * np.log2(1 - inside)))


def slepian_wolf_limit(rate: float = SYNDROME / BLOCK) -> float:
    """The largest p at which blocks of any length can be coded at `rate` bits a bit with vanishing error: H(p) = rate.

    0.0417 at 162 / 648 (method facts 4.4.1). Raises ParamError for a rate outside 0 to 1.
    """
    if not 0.0 < rate < 1.0:
        raise ParamError(f"rate: {rate:g} bits a bit, expected more than 0 and less than 1")
    from scipy.optimize import brentq  # as long to import as all else here, and few ask

    return float(brentq(lambda p: float(binary_entropy(p)) - rate, 1e-12, 0.5, xtol=1e-12))
