"""PocketSphinx on waveforms: its language model, and that it understands a few sentences."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinwire import audio
from thinwire.corpora.simulate import espeak
from thinwire.errors import PipelineError
from thinwire.tasks.sphinx_words import SphinxRecogniser, bigram_model

SENTENCES = st.lists(st.lists(st.sampled_from(["go", "left", "right", "now"]), min_size=1, max_size=5), min_size=1,
                     max_size=6)  # fmt: skip


def distributions(model: str) -> dict[str, dict[str, float]]:
    """P(word | before) of an ARPA bigram model, by its definition."""
    ones, twos, section = {}, {}, ""
    for line in model.splitlines():
        fields = line.split()
        if line.startswith("\\"):
            section = line
        elif section == "\\1-grams:" and fields:
            ones[fields[1]] = (10.0 ** float(fields[0]), 10.0 ** float(fields[2]) if len(fields) > 2 else 1.0)
        elif section == "\\2-grams:" and fields:
            twos[fields[1], fields[2]] = 10.0 ** float(fields[0])
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for before, (_, backoff) in ones.items():
        for word, (share, _) in ones.items():
            found[before][word] = twos.get((before, word), backoff * share)
    return found


@given(SENTENCES)
def test_the_model_is_a_distribution_behind_every_word(sentences: list[list[str]]) -> None:
    model = bigram_model(sentences)
    vocabulary = {word for words in sentences for word in words}
    found = distributions(model)
    assert set(found) == vocabulary | {"<s>", "</s>"}
    for before, words in found.items():
        total = sum(words.values())
        # a word that all others were seen after has nothing to give its discount to
        seen_all = all((f" {before} {word}\n" in model) for word in words if word != "<s>")
        assert total <= 1.0 + 1e-3 and (seen_all or total == pytest.approx(1.0, abs=1e-3))


def test_what_was_seen_is_likelier_than_what_was_not() -> None:
    found = distributions(bigram_model([["go", "left"], ["go", "left"], ["go", "right"], ["stop"]]))
    assert found["go"]["left"] > found["go"]["right"] > found["go"]["stop"] > 0.0
    assert found["<s>"]["go"] > found["<s>"]["left"]


@pytest.fixture(scope="module")
def spoken() -> dict[str, np.ndarray]:
    """Sentences by an eSpeak voice, 16 kHz."""
    voice = espeak.Voice("en-us", pitch=50, pitch_range=50, rate=150)
    sentences = ("please open the window", "the train leaves tomorrow", "close the zibbledorf")
    found = {}
    for text in sentences:
        said = espeak.synthesise(text, voice)
        found[text] = audio.resample(said.audio, said.sample_rate)
    return found


def test_it_understands_its_own_sentences_whatever_it_heard_before(spoken: dict[str, np.ndarray]) -> None:
    recogniser = SphinxRecogniser(spoken)
    heard = {text: recogniser.transcribe(sound) for text, sound in spoken.items()}
    assert heard == {text: text for text in spoken}
    backwards = {text: recogniser.transcribe(sound) for text, sound in reversed(spoken.items())}
    assert backwards == heard
    assert recogniser.transcribe(np.zeros(0, np.float32)) == ""


def test_its_own_models_give_english_words(spoken: dict[str, np.ndarray]) -> None:
    heard = SphinxRecogniser().transcribe(spoken["please open the window"])
    assert set(heard.split()) & {"please", "open", "the", "window"}


def test_texts_without_words_are_refused() -> None:
    with pytest.raises(PipelineError, match="no words"):
        SphinxRecogniser(["", "..."])
