"""Word errors: known alignments, and what holds for all texts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinwire.metrics.words import WordErrors, plain_text, word_errors

TEXTS = st.lists(st.sampled_from(["the", "cat", "sat", "on", "a", "mat"]), max_size=6).map(" ".join)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors"),
    [
        ("the cat sat", "The cat, sat!", WordErrors(hits=3)),
        ("the cat sat", "the bat sat", WordErrors(hits=2, substitutions=1)),
        ("the cat sat", "the sat", WordErrors(hits=2, deletions=1)),
        ("the cat sat", "the old cat sat down", WordErrors(hits=3, insertions=2)),
        ("the cat sat", "", WordErrors(deletions=3)),
        ("", "the cat", WordErrors(insertions=2)),
        ("", "", WordErrors()),
    ],
)
def test_known_errors(reference: str, hypothesis: str, errors: WordErrors) -> None:
    assert word_errors(reference, hypothesis) == errors


def test_the_rate_counts_all_errors_over_the_words_of_the_reference() -> None:
    assert WordErrors(hits=5, substitutions=2, deletions=1, insertions=4).rate == 7 / 8
    assert math.isnan(WordErrors(insertions=2).rate)


@given(TEXTS, TEXTS)
def test_errors_are_an_edit_distance(one: str, other: str) -> None:
    found, back = word_errors(one, other), word_errors(other, one)
    wrong = found.substitutions + found.deletions + found.insertions
    assert found.words == len(one.split()) and found.hits + found.substitutions + found.insertions == len(other.split())
    assert wrong == back.substitutions + back.deletions + back.insertions
    assert (wrong == 0) == (one == other)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
def test_errors_of_texts_add_up(pairs: list[tuple[str, str]]) -> None:
    parts = [word_errors(*pair) for pair in pairs]
    total = sum(parts, WordErrors())
    assert total.words == sum(len(reference.split()) for reference, _ in pairs)
    assert total.hits == sum(part.hits for part in parts)


def test_texts_get_one_spelling() -> None:
    assert plain_text("  Don\u2019t  say \u201cCAF\u00c9\u201d - 'tis No. 5!") == "don't say cafe tis no 5"


@given(st.text())
def test_spelling_twice_changes_nothing(text: str) -> None:
    assert plain_text(plain_text(text)) == plain_text(text)
