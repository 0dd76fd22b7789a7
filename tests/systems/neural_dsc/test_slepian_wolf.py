"""The syndrome code against what is known of it: the standard's matrix, proper and handicapped decoding, the limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from thinwire.corpora import bits
from thinwire.errors import BitstreamError, ParamError
from thinwire.systems.neural_dsc.slepian_wolf import (
    BLOCK,
    DECODINGS,
    SYNDROME,
    SyndromeCode,
    binary_entropy,
    block_errors,
    copying_bler,
    parity_matrix,
    slepian_wolf_limit,
    systematic_matrix,
)


def blocks(n: int, p: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, (n, BLOCK), dtype=np.uint8)
    return x, x ^ (rng.random((n, BLOCK)) < p).astype(np.uint8)


def bler(name: str, p: float, n: int) -> float:
    code, (x, y) = SyndromeCode(DECODINGS[name]), blocks(n, p)
    return float(block_errors(x, code.decode(code.encode(x), y, p)).mean())


def rank(h: np.ndarray) -> int:
    """Over GF(2)."""
    h, found = h.astype(bool).copy(), 0
    for column in range(h.shape[1]):
        pivots = np.flatnonzero(h[found:, column])
        if not len(pivots):
            continue
        h[[found, found + pivots[0]]] = h[[found + pivots[0], found]]
        others = h[:, column].copy()
        others[found] = False
        h[others] ^= h[found]
        found += 1
        if found == len(h):
            break
    return found


def test_matrix_is_a_quasi_cyclic_one_of_the_stated_size_and_density() -> None:
    h = parity_matrix()
    assert h.shape == (SYNDROME, BLOCK) == (162, 648) and bits.BLOCK == BLOCK
    assert h.sum() / SYNDROME == pytest.approx(14.667, abs=1e-3)  # facts 4.4.1: 14.7
    dense = h.toarray()
    assert set(np.unique(dense)) == {0, 1} and rank(dense) == SYNDROME
    shifted = np.roll(dense.reshape(6, 27, 24, 27), (1, 1), axis=(1, 3)).reshape(h.shape)
    assert (shifted == dense).all()


def test_systematic_matrix_spans_the_same_code_densely() -> None:
    h, s = parity_matrix().toarray(), systematic_matrix().toarray()
    assert (s[:, -SYNDROME:] == np.eye(SYNDROME)).all()
    assert s.sum() / SYNDROME == pytest.approx(84.33, abs=0.01)  # facts 4.4.1: 84.3
    assert rank(np.vstack([h, s])) == SYNDROME


@pytest.mark.parametrize("name", ["proper", "dense matrix"])
def test_decoded_blocks_have_the_syndrome_that_was_sent_unless_decoding_fails(name: str) -> None:
    code, (x, y) = SyndromeCode(DECODINGS[name]), blocks(10, 0.002)
    sent = code.encode(x)
    x_hat = code.decode(sent, y, 0.002)
    right = ~block_errors(x, x_hat)
    assert right.any() and (code.encode(x_hat)[right] == sent[right]).all()


def test_every_single_wrong_bit_is_put_right() -> None:
    code, (x, _) = SyndromeCode(), blocks(BLOCK, 0.0)
    assert not block_errors(x, code.decode(code.encode(x), x ^ np.eye(BLOCK, dtype=np.uint8), 1 / BLOCK)).any()


def test_proper_decoding_works_where_copying_and_the_reference_fail() -> None:
    assert bler("proper", 0.003, 60) == 0.0 and bler("proper", 0.0114, 60) <= 0.05
    assert 0.0 < bler("proper", 0.02, 100) < 0.2
    assert copying_bler(0.0114) > 0.999


def test_each_handicap_alone_ruins_it() -> None:
    for name in ("unit ratio", "dense matrix", "reference"):
        assert bler(name, 0.0114, 12) > 0.5, name
    assert bler("proper, 6 iterations", 0.0114, 60) < 0.15


def test_copying_in_closed_form_and_measured() -> None:
    assert np.allclose(copying_bler(np.array([0.0006, 0.0012, 0.003, 0.006])), [0.322, 0.541, 0.857, 0.980], atol=5e-4)
    x, y = blocks(2000, 0.0006)
    wrong = int(block_errors(x, y).sum())
    assert 0.001 < binom.cdf(wrong, 2000, float(copying_bler(0.0006))) < 0.999
    assert copying_bler(0.0) == 0.0


def test_limit_is_where_the_entropy_meets_the_rate() -> None:
    assert slepian_wolf_limit() == pytest.approx(0.0417, abs=5e-5)
    assert float(binary_entropy(slepian_wolf_limit())) == pytest.approx(0.25, abs=1e-9)
    assert binary_entropy(np.array([0.0, 0.5, 1.0])).tolist() == [0.0, 1.0, 0.0]
    with pytest.raises(ParamError, match="rate"):
        slepian_wolf_limit(1.5)


def test_what_cannot_be_decoded_is_refused() -> None:
    code, (x, y) = SyndromeCode(), blocks(2, 0.01)
    sent = code.encode(x)
    with pytest.raises(ParamError, match="copy y"):
        code.decode(sent, y, 0.0)
    with pytest.raises(ParamError, match="y: 1 blocks for 2"):
        code.decode(sent, y[:1], 0.01)
    with pytest.raises(ParamError, match="648"):
        code.decode(sent, y[:, 1:], 0.01)
    with pytest.raises(ParamError, match="of 0 and 1"):
        code.encode(x + 1)
    for bad in (sent[:, :-1], sent + 2, sent - 1.0):
        with pytest.raises(BitstreamError, match="syndromes"):
            code.decode(bad, y, 0.01)
    assert code.decode(sent[:0], y[:0], 0.01).shape == (0, BLOCK)
