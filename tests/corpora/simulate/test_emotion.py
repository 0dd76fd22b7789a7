"""Prosody of the simulated emotions: directions, overlap, the shelf, voices given out once."""

from __future__ import annotations

from dataclasses import replace

import librosa
import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from thinwire.artifacts import split_of
from thinwire.audio import SAMPLE_RATE, level_db
from thinwire.corpora import iemocap, ravdess
from thinwire.corpora.simulate import ravdess as ravdess_simulator
from thinwire.corpora.simulate.emotion import CUES, SHIFTS, VOICES, Actor, Cast, tilted
from thinwire.corpora.simulate.iemocap import CLASSES, CODES
from thinwire.corpora.simulate.sentences import Sentence, tokens
from thinwire.corpora.simulate.talkers import LEVEL_DB, espeak_talkers
from thinwire.errors import ParamError

TEXT = "The old sailor opened the narrow wooden door."
SAID = Sentence(TEXT, tuple(tokens(TEXT)))


def cues_of(split: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Cue values (n, cues) with the voice's own pitch and rate in them, and the classes (n,)."""
    rng = np.random.default_rng(seed)
    rows, classes = [], []
    for talker in (one for one in espeak_talkers(VOICES) if split_of("talker", one.id) == split):
        own = np.array([np.log(talker.voice.rate), talker.voice.pitch, talker.voice.pitch_range, 0.0, 0.0])
        for emotion in SHIFTS:
            for _ in range(20):
                rows.append(own + list(Actor(talker).cues(emotion, 1.0, rng).values()))
                classes.append(emotion)
    return np.array(rows), np.array(classes)


def test_classes_and_codes_agree_with_the_readers() -> None:
    assert set(SHIFTS) == set(iemocap.EMOTIONS.values()) == set(ravdess.EMOTIONS.values())
    assert {code: iemocap.EMOTIONS[code] for code in CODES} == CLASSES
    assert ravdess_simulator.EMOTIONS == ravdess.EMOTIONS
    assert {code: text.rstrip(".") for code, text in ravdess_simulator.STATEMENTS.items()} == ravdess.STATEMENTS


def test_no_cue_tells_the_class_and_all_of_them_not_always() -> None:
    """The best linear rule on the true cues of unheard voices: what a recogniser could reach at most, about."""
    known, unheard = cues_of("train", 0), cues_of("eval", 1)
    together = LinearDiscriminantAnalysis().fit(*known).score(*unheard)
    assert 0.7 < together < 0.9
    for index, cue in enumerate(CUES):
        values = known[0][:, index, None], unheard[0][:, index, None]
        alone = LinearDiscriminantAnalysis().fit(values[0], known[1]).score(values[1], unheard[1])
        assert 0.25 < alone < 0.7, cue


def test_speech_follows_its_cues() -> None:
    talker = next(one for one in espeak_talkers(12) if one.sex == "M")
    actor, plain = Actor(talker), talker.speak(SAID)
    pitches, seconds = {}, {}
    for emotion in ("happy", "sad"):
        cues = actor.cues(emotion, 2.0, np.random.default_rng(5))
        said = actor.act(SAID, emotion, np.random.default_rng(5), 2.0)
        assert level_db(said.audio) == pytest.approx(LEVEL_DB + cues["level"], abs=0.05)
        assert said.seconds / plain.seconds == pytest.approx(np.exp(-cues["rate"]), rel=0.15)
        assert [word.label for word in said.words] == list(SAID.words)
        found = librosa.yin(said.audio, fmin=60, fmax=400, sr=SAMPLE_RATE)
        pitches[emotion], seconds[emotion] = float(np.median(found)), said.seconds
    assert pitches["happy"] > 1.15 * pitches["sad"] and seconds["happy"] < seconds["sad"]
    again = actor.act(SAID, "sad", np.random.default_rng(5), 2.0)
    assert np.array_equal(again.audio, said.audio)


def test_loud_speech_is_scaled_not_clipped() -> None:
    actor = Actor(espeak_talkers(1)[0])
    said = actor.act(SAID, "angry", np.random.default_rng(0), 6.0)
    assert np.abs(said.audio).max() <= 0.99 + 1e-6


@pytest.mark.parametrize("gain_db", [-6.0, 0.0, 6.0])
def test_the_shelf_raises_what_is_high_and_leaves_what_is_low(gain_db: float) -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    for frequency, expected in ((60.0, 0.0), (7500.0, gain_db)):
        tone = np.sin(2 * np.pi * frequency * time).astype(np.float32)
        assert level_db(tilted(tone, gain_db)) - level_db(tone) == pytest.approx(expected, abs=0.2)


def test_a_cast_gives_every_voice_once_of_the_split_and_sex_asked_for() -> None:
    cast = Cast()
    taken = [cast.take(split, sex).talker for split in ("train", "dev", "eval") for sex in "FM" for _ in range(4)]
    assert len({talker.id for talker in taken}) == len(taken) == 24
    assert all(split_of("talker", talker.id) == ("train", "dev", "eval")[i // 8] for i, talker in enumerate(taken))
    assert all(talker.sex == "FM"[i // 4 % 2] for i, talker in enumerate(taken))
    with pytest.raises(ParamError, match="no eSpeak voice of sex F is left for dev"):
        for _ in range(VOICES):
            cast.take("dev", "F")


def test_habits_belong_to_the_voice() -> None:
    one, other = (Actor(talker) for talker in espeak_talkers(2))
    mean = [
        np.mean([list(actor.cues("angry", 1.0, np.random.default_rng(n)).values()) for n in range(200)], axis=0)
        for actor in (one, one, other)
    ]
    assert np.array_equal(mean[0], mean[1]) and not np.allclose(mean[0], mean[2], atol=0.3)
    renamed = Actor(replace(one.talker, id=other.talker.id))
    assert renamed.cues("sad", 1.0, np.random.default_rng(0)) == other.cues("sad", 1.0, np.random.default_rng(0))
