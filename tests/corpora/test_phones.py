"""The phone set, frame labels against counting samples, TextGrids against an independent writer, and the aligner."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinwire.corpora.files import BadInput
from thinwire.corpora.phones import ARPABET, IPA, SILENCE, UNKNOWN, PhoneTrack, frame_labels, to_arpabet
from thinwire.corpora.simulate import espeak
from thinwire.corpora.simulate.sentences import Sentence, sentence
from thinwire.corpora.simulate.talkers import espeak_talkers
from thinwire.corpora.sphinx import PhoneAligner, pronounce, spoken_words
from thinwire.corpora.textgrid import find_tier, read_textgrid
from thinwire.seeding import rng


@pytest.mark.parametrize(
    ("label", "phones"),
    [
        ("AH0", ("AH",)), ("ah1", ("AH",)), ("ˈɔːɹ", ("AO", "R")), ("ˌoʊ", ("OW",)), ("n̩", ("AH", "N")),
        ("ɾ", ("T",)), ("sil", ()), (" ", ()), ("spn", (UNKNOWN,)), ("x", (UNKNOWN,)), ("ɔ̃", (UNKNOWN,)),
    ],
)  # fmt: skip
def test_labels(label: str, phones: tuple[str, ...]) -> None:
    assert to_arpabet(label) == phones


def test_table_holds_phones_and_all_that_espeak_says() -> None:
    assert {phone for phones in IPA.values() for phone in phones.split()} == set(ARPABET)
    said = " ".join(sentence(rng(0, "phones")).text for _ in range(30))
    labels = {event.label for event in espeak.synthesise(said, espeak.Voice("en-us", 50, 50, 175)).events}
    assert UNKNOWN not in {phone for label in labels for phone in to_arpabet(label)}


def test_a_label_of_two_phones_shares_its_time_and_unknown_ones_are_counted() -> None:
    track = PhoneTrack([(0.0, 0.4, "ɑːɹ"), (0.4, 0.6, "sil"), (0.6, 0.7, "x")])
    assert [(p["phone"], p["start"], p["end"]) for p in track.phones(0.0, 1.0)] == [
        ("AA", 0.0, 0.2), ("R", 0.2, 0.4), (UNKNOWN, 0.6, 0.7)
    ]  # fmt: skip
    assert track.unmapped == Counter({"x": 1}) and track.words(0.0, 1.0, "otherwise") == "otherwise"


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 90), st.integers(0, 40)), max_size=12),
    st.sampled_from([10, 40]),
)
def test_frame_labels_count_milliseconds(parts: list[tuple[str, int, int]], hop: int) -> None:
    """Phones on a millisecond grid, with gaps: the winner is the one with most milliseconds in the frame."""
    phones, grid, now = [], [], 0
    for name, length, gap in parts:
        phones.append({"phone": name, "start": now / 1000, "end": (now + length) / 1000})
        grid += [name] * length + [SILENCE] * gap
        now += length + gap
    frames = len(grid) // hop
    labels = frame_labels(phones, frames, hop / 1000)
    assert len(labels) == frames
    for index, label in enumerate(labels):
        counts = Counter(grid[index * hop : (index + 1) * hop])
        assert counts[str(label)] == max(counts.values())


def test_frame_labels_without_phones_and_with_parts() -> None:
    assert list(frame_labels([], 3, 0.01)) == [SILENCE] * 3
    parts = [{"phone": "S", "start": 0.0, "end": 0.015}, {"phone": "IH", "start": 0.015, "end": 0.03}]
    parts += [{"phone": "S", "start": 0.03, "end": 0.04}]
    assert list(frame_labels(parts, 1, 0.04)) == ["S"]
    assert list(frame_labels(parts[:2], 1, 0.03)) == ["S"]


LONG = {"b": 0.0, "d": 2.0, "t": "a b", "w": [
    {"b": 0.1, "d": 0.9, "t": 'sa"y', "w": [{"b": 0.1, "d": 0.4, "t": "S"}, {"b": 0.5, "d": 0.5, "t": "EY"}]},
    {"b": 1.25, "d": 0.5, "t": "it", "w": [{"b": 1.25, "d": 0.5, "t": "IH"}]},
]}  # fmt: skip
SHORT = (
    '"ooTextFile" "TextGrid" 0 2 <exists> 2\n"IntervalTier" "LJ - phones" 0 2 2\n0 1.5e0 "S"\n1.5 2 ""\n'
    '"TextTier" "marks" 0 2 1\n0.5 "!"\n'
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_textgrids_of_another_writer(tmp_path: Path, encoding: str) -> None:
    writer = pytest.importorskip("pocketsphinx.to_textgrid")
    stream = io.StringIO()
    writer.json_to_textgrid(LONG, stream)
    text = ("\ufeff" if encoding == "utf-16-be" else "") + stream.getvalue()
    path = tmp_path / "a.TextGrid"
    path.write_bytes(text.encode(encoding))
    words, phones = read_textgrid(path)
    assert words.rows == [(0, 0.1, ""), (0.1, 1.0, 'sa"y'), (1.0, 1.25, ""), (1.25, 1.75, "it"), (1.75, 2.0, "")]
    assert find_tier(path, [words, phones], "phones").rows[1:3] == [(0.1, 0.5, "S"), (0.5, 1.0, "EY")]


def test_short_textgrid(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(SHORT)
    (tier,) = read_textgrid(path)
    assert find_tier(path, [tier], "phones").rows == [(0, 1.5, "S"), (1.5, 2, "")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00", "not UTF-8 or UTF-16"),
        (b"nothing", "ends where a text in quotes"),
        (b'"ooTextFile" "Pitch"', "not a TextGrid"),
        (SHORT[:60].encode(), "ends where"),
        (SHORT.replace("1.5e0", "one").encode(), "where a number is expected"),
        (SHORT.replace("0 2 2\n", "0 2 99999999999\n").encode(), "where a number is expected"),
        (SHORT.replace('"TextTier"', '"OtherTier"').encode(), "unknown class 'OtherTier'"),
    ],
)
def test_bad_textgrids_say_where(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.TextGrid"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=f"bad.TextGrid: .*{message}"):
        read_textgrid(path)


PIECES = ['"IntervalTier"', '"TextTier"', '"a"', '"', "0", "2", "-3", "1e999", "<exists>", "<absent>", "x"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_any_textgrid_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, tokens: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.TextGrid"
    path.write_text(" ".join(['"ooTextFile" "TextGrid" 0 2', *tokens]))
    try:
        tiers = read_textgrid(path)
    except BadInput as error:
        assert error.reason == "bad_alignment" and "any.TextGrid" in str(error)
    else:
        assert all(len(row) == 3 for tier in tiers for row in tier.rows)


def test_words_of_a_text() -> None:
    assert spoken_words("The \u201cna\u00efve\u201d man\u2019s dog's-ear, o'clock \u2014 'tis (1 cat)!") == [
        "the", "naive", "man's", "dog's", "ear", "o'clock", "tis", "1", "cat"
    ]  # fmt: skip
    assert spoken_words("... \u2014 ''") == []
    assert pronounce("thinwire") == "TH IH N W AY ER"


def test_aligner_recovers_from_what_does_not_fit() -> None:
    talker = espeak_talkers(1)[0]
    said = sentence(rng(1, "aligner"))
    spoken = talker.speak(said)
    aligner = PhoneAligner()
    first = aligner.align(spoken.audio, said.text)
    assert first is not None and first.words(0, 99).split() == [word.lower() for word in said.words]
    for audio, text in [
        (spoken.audio[:800], said.text),
        (0 * spoken.audio, said.text),
        (spoken.audio[:0], said.text),
        (spoken.audio, ""),
    ]:
        assert aligner.align(audio, text) is None
    again = aligner.align(spoken.audio, said.text)
    assert again is not None and again.phones(0, 99) == first.phones(0, 99)
    padded = np.concatenate([1e-3 * rng(0, "noise").standard_normal(8000), spoken.audio]).astype(np.float32)
    later = aligner.align(padded, said.text)
    assert later is not None
    assert later.phones(0, 99)[-1]["start"] == pytest.approx(first.phones(0, 99)[-1]["start"] + 0.5, abs=0.05)


def test_words_that_no_dictionary_has_are_aligned() -> None:
    said = Sentence("The old thinwire is quiet.", ("The", "old", "thinwire", "is", "quiet"))
    found = PhoneAligner().align(espeak_talkers(1)[0].speak(said).audio, said.text)
    assert found is not None and found.words(0, 99) == "the old thinwire is quiet"
    assert {"TH", "W", "AY", "ER"} <= {phone["phone"] for phone in found.phones(0, 99)}
