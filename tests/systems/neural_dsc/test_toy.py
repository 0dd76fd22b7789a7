"""The 3-bit example: two bits are enough for whoever, but not without y, and nothing less is."""

from __future__ import annotations

from thinwire.systems.neural_dsc.toy import (
    PAIRS,
    SCHEMES,
    WORDS,
    coset,
    distance,
    entropies,
    enumerate_pairs,
    fewest_messages,
)


def test_there_are_32_pairs_of_words_that_differ_in_one_bit_at_most() -> None:
    assert len(set(PAIRS)) == 32 and all(distance(x, y) <= 1 for x, y in PAIRS)
    assert entropies() == {"H(x)": 3.0, "H(y)": 3.0, "H(x, y)": 5.0, "H(x|y)": 2.0}


def test_every_pair_is_decoded_without_error_in_the_stated_bits() -> None:
    table = enumerate_pairs()
    assert len(table) == 96 and table["correct"].all()
    assert (table["message"] < 2 ** table["bits"]).all()
    assert table.groupby("form")["bits"].first().to_dict() == {"joint": 2, "distributed": 2, "separate": 3}


def test_no_code_does_with_fewer_messages() -> None:
    assert {scheme.form: fewest_messages(scheme.form) for scheme in SCHEMES} == {
        "joint": 4, "distributed": 4, "separate": 8,
    }  # fmt: skip


def test_the_distributed_encoder_does_not_look_at_y_and_the_separate_decoder_neither() -> None:
    distributed, separate = SCHEMES[1], SCHEMES[2]
    for x in WORDS:
        assert len({distributed.encode(x, y) for y in WORDS}) == 1
        assert {separate.decode(separate.encode(x, x), y) for y in WORDS} == {x}


def test_cosets_are_a_word_and_its_complement() -> None:
    for number in range(4):
        a, b = (word for word in WORDS if coset(word) == number)
        assert distance(a, b) == 3
