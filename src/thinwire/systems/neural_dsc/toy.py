"""The 3-bit example by exact enumeration: what x given y costs, whoever knows y (authors' blog; facts 4.1).

x and y have three bits and differ in at most one; all 32 such pairs are equally likely. H(x) is 3 bits, H(x|y) is 2.
Two bits suffice when encoder and decoder know y (which bit differs, if any), and also when the decoder alone does: the
encoder names one of four cosets {c, complement of c}, whose members differ in three bits, so that only one is near y.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd

Word = tuple[int, int, int]
Form = Literal["joint", "distributed", "separate"]

WORDS: tuple[Word, ...] = tuple((a, b, c) for a, b, c in product((0, 1), repeat=3))


def distance(x: Word, y: Word) -> int:
    """Hamming distance."""
    return sum(a != b for a, b in zip(x, y, strict=True))


PAIRS: tuple[tuple[Word, Word], ...] = tuple((x, y) for x, y in product(WORDS, WORDS) if distance(x, y) <= 1)
"""All (x, y) that can occur."""


@dataclass(frozen=True)
class Scheme:
    """A code: `encode(x, y)` gives a message of `bits` bits, `decode(message, y)` the word; who lacks y ignores it."""

    form: Form
    bits: int
    encode: Callable[[Word, Word], int]
    decode: Callable[[int, Word], Word]


def _difference(x: Word, y: Word) -> int:
    """0 for equal words, else the place of the bit that differs, from 1."""
    return next((place + 1 for place in range(3) if x[place] != y[place]), 0)


def _flip(y: Word, place: int) -> Word:
    return WORDS[WORDS.index(y) ^ (8 >> place if place else 0)]


def coset(x: Word) -> int:
    """The syndrome (x1 xor x2, x2 xor x3) of the repetition code, as a number: equal for a word and its complement."""
    return 2 * (x[0] ^ x[1]) + (x[1] ^ x[2])


def _nearest(message: int, y: Word) -> Word:
    return min((word for word in WORDS if coset(word) == message), key=lambda word: distance(word, y))


SCHEMES = (
    Scheme("joint", 2, _difference, lambda message, y: _flip(y, message)),
    Scheme("distributed", 2, lambda x, y: coset(x), _nearest),
    Scheme("separate", 3, lambda x, y: WORDS.index(x), lambda message, y: WORDS[message]),
)


def enumerate_pairs() -> pd.DataFrame:
    """Every pair under every scheme, 96 rows: `form`, `bits`, `x`, `y`, `message`, `x_hat` (text), `correct`."""
    rows = []
    for scheme in SCHEMES:
        for x, y in PAIRS:
            message = scheme.encode(x, y)
            x_hat = scheme.decode(message, y)
            words = {name: "".join(map(str, word)) for name, word in (("x", x), ("y", y), ("x_hat", x_hat))}
            rows.append({"form": scheme.form, "bits": scheme.bits, "message": message, "correct": x_hat == x} | words)
    return pd.DataFrame(rows)[["form", "bits", "x", "y", "message", "x_hat", "correct"]]


def fewest_messages(form: Form) -> int:
    """The least number of messages of any zero-error code of fixed length, by exhaustive search.

    What must get different messages: with y at both ends the words possible beside one y (4); with y at the decoder
    two words that share a possible y, so a colouring of that graph; without y every two words.
    """
    if form == "joint":
        return max(sum(y == other for _, y in PAIRS) for other in WORDS)
    if form == "separate":
        return len(WORDS)
    clash = np.array([[a != b and distance(a, b) <= 2 for b in WORDS] for a in WORDS])
    return next(colours for colours in range(1, len(WORDS) + 1) if _colourable(clash, colours, ()))


def _colourable(clash: np.ndarray, colours: int, chosen: tuple[int, ...]) -> bool:
    word = len(chosen)
    if word == len(clash):
        return True
    taken = {chosen[other] for other in range(word) if clash[word, other]}
    return any(
        _colourable(clash, colours, (*chosen, colour))
        for colour in range(min(colours, max(chosen, default=-1) + 2))
        if colour not in taken
    )


def entropies() -> dict[str, float]:
    """H(x), H(y), H(x, y) and H(x|y) in bits, counted from the pairs."""

    def entropy(outcomes: list[object]) -> float:
        share = pd.Series(outcomes).value_counts(normalize=True).to_numpy(float)
        return float(-(share * np.log2(share)).sum())

    h_x, h_y, h_xy = entropy([x for x, _ in PAIRS]), entropy([y for _, y in PAIRS]), entropy(list(PAIRS))
    return {"H(x)": h_x, "H(y)": h_y, "H(x, y)": h_xy, "H(x|y)": h_xy - h_y}
