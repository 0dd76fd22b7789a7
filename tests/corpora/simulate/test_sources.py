"""Talkers, sentences, noises and rooms of the simulator."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from thinwire.artifacts import split_of
from thinwire.audio import SAMPLE_RATE, level_db, write
from thinwire.corpora.simulate.espeak import Voice, synthesise
from thinwire.corpora.simulate.measured import load_rooms
from thinwire.corpora.simulate.mix import Mixer
from thinwire.corpora.simulate.noise import GENERATORS, load_noises
from thinwire.corpora.simulate.pools import SPLITS, Deck, balanced, by_split, numbered
from thinwire.corpora.simulate.rooms import shoebox
from thinwire.corpora.simulate.sentences import sentence, tokens, vocabulary
from thinwire.corpora.simulate.talkers import cut, espeak_talkers, load_talkers
from thinwire.errors import CorpusError, ParamError
from thinwire.params.corpora import Noise, Rooms, Talkers


def test_sentences_have_400_words_and_natural_lengths() -> None:
    rng = np.random.default_rng(0)
    said = [sentence(rng) for _ in range(3000)]
    assert len({word.lower() for one in said for word in one.words}) >= 400
    assert all(4 <= len(one.words) <= 14 and tuple(tokens(one.text)) == one.words for one in said)
    assert {word.lower() for one in said for word in one.words} <= {w.lower() for w in vocabulary()} | {"an"}
    assert any(one.text.endswith("?") for one in said)


def test_at_least_40_voices_that_sound_different() -> None:
    talkers = espeak_talkers(48)
    said = sentence(np.random.default_rng(1))
    audio = [talker.speak(said).audio for talker in talkers]
    assert len({talker.voice.name for talker in talkers}) == 48
    assert len({talker.voice.name.split("+")[0] for talker in talkers}) >= 6
    spectra = []
    for one in audio:
        frames = np.abs(np.fft.rfft(one[: len(one) // 512 * 512].reshape(-1, 512) * np.hanning(512), axis=1))
        spectra.append(20 * np.log10(frames.mean(axis=0) + 1e-6))
    distances = [np.abs(a - b).mean() for a, b in itertools.combinations(spectra, 2)]
    assert min(distances) > 0.5  # dB, long-term spectra of the same sentence


def test_speech_is_the_same_whatever_was_spoken_before() -> None:
    voice = Voice("en-us+f3", 50, 50, 170)
    first = synthesise("The quick brown fox.", voice)
    synthesise("Something else.", Voice("en-029+m1", 40, 50, 150))
    second = synthesise("The quick brown fox.", voice)
    assert np.array_equal(first.audio, second.audio)
    assert first.events == second.events


def test_an_unknown_voice_is_one_clear_error() -> None:
    with pytest.raises(CorpusError, match="no voice `xx-nowhere`"):
        synthesise("Hello.", Voice("xx-nowhere", 50, 50, 170))


def test_alignments_lie_within_the_audio_in_order_and_on_energy() -> None:
    rng = np.random.default_rng(2)
    for talker in espeak_talkers(12):
        said = talker.say(rng)
        assert len(said.words) == len(said.text.split())
        for row in (said.words, said.phones):
            assert all(0.0 <= item.start <= item.end <= said.seconds + 1e-6 for item in row)
            assert all(a.start <= b.start for a, b in itertools.pairwise(row))
        assert level_db(said.audio) == pytest.approx(-26.0, abs=0.1)
        vowels = [p for p in said.phones if p.label[-1] in "aeiouɑɔəɪʊɛæʌː"]
        loud = [level_db(said.audio[round(p.start * SAMPLE_RATE) : round(p.end * SAMPLE_RATE)]) for p in vowels]
        assert np.median(loud) > -27.0


def test_cut_keeps_times_and_words_of_the_part() -> None:
    said = espeak_talkers(1)[0].say(np.random.default_rng(3))
    middle = said.words[1].end
    part = cut(said, middle, said.seconds)
    assert [word.label for word in part.words] == [word.label for word in said.words[2:]]
    assert part.seconds == pytest.approx(said.seconds - middle, abs=1e-3)


@pytest.mark.parametrize("count", [12, 24, 48, 100])
def test_every_split_has_four_talkers_and_ids_decide(count: int) -> None:
    talkers = load_talkers(Talkers(count=count), 4)
    pools = by_split("talker", [talker.id for talker in talkers])
    assert all(len(pools[split]) >= 4 for split in SPLITS)
    assert len({talker.id for talker in talkers}) == count and all(talker.id.isdigit() for talker in talkers)
    again = {talker.id: talker for talker in espeak_talkers(12)}
    assert all(again[talker.id] == talker for talker in talkers[:12])


def test_too_few_talkers_are_one_clear_error() -> None:
    with pytest.raises(ParamError, match="simulate.talkers.count.*split"):
        load_talkers(Talkers(count=5), 4)
    with pytest.raises(ParamError, match="voices here"):
        load_talkers(Talkers(count=5000), 4)
    with pytest.raises(CorpusError, match="no such folder"):
        load_talkers(Talkers(source="nowhere/at/all"), 4)


def test_pools_fill_every_split_and_decks_deal_fairly() -> None:
    ids = list(itertools.islice(balanced("room", numbered("r-"), 1), 3))
    assert {split_of("room", identity) for identity in ids} == set(SPLITS)
    deck = Deck(list("abcdef"), np.random.default_rng(0))
    hands = [deck.deal(4) for _ in range(6)]
    assert all(len(set(hand)) == 4 for hand in hands)
    counts = [sum(hand.count(letter) for hand in hands) for letter in "abcdef"]
    assert max(counts) - min(counts) <= 1


def test_noise_has_eight_kinds_all_splits_and_one_level() -> None:
    noises = load_noises(Noise())
    assert len(GENERATORS) >= 8 and {noise.kind for noise in noises} == set(GENERATORS)
    assert all(by_split("noise", [noise.id for noise in noises]).values())
    for noise in noises[::2]:
        one, two = (noise.make(3 * SAMPLE_RATE, np.random.default_rng(4)) for _ in range(2))
        assert np.array_equal(one, two) and one.dtype == np.float32
        assert level_db(one) == pytest.approx(-26.0, abs=0.5) and np.abs(one).max() < 1.0
    assert len(noises[0].make(70 * SAMPLE_RATE, np.random.default_rng(0))) == 70 * SAMPLE_RATE


def test_a_shoebox_decays_as_its_rt60_says_and_distance_lowers_level() -> None:
    room = shoebox("room-1", (0.3, 0.4))
    place = room.place(np.random.default_rng(5), 2, 6, 4)
    assert place.far.shape[:2] == (6, 24) and place.worn.shape[:2] == (6, 8) and place.diffuse.shape[0] == 32
    decay = np.cumsum(np.square(place.far[0, 0])[::-1])[::-1]
    curve = 10 * np.log10(decay / decay[0])
    t20 = 3 * (np.argmax(curve < -25) - np.argmax(curve < -5)) / SAMPLE_RATE
    assert t20 == pytest.approx(room.rt60, rel=0.25)
    energy = np.square(place.worn[:4]).sum(axis=-1)
    assert all(
        energy[k, 2 * k : 2 * k + 2].min() > 4 * np.delete(energy[k], [2 * k, 2 * k + 1]).max() for k in range(4)
    )
    mics = np.array(place.geometry["arrays_m"]).reshape(-1, 3)
    assert (mics > 0).all() and (mics < room.dimensions).all()
    with pytest.raises(ParamError, match="rt60_s"):
        shoebox("room-1", (0.05, 0.05))


def test_mixer_is_the_sum_of_convolutions_and_powers_are_theirs() -> None:
    rng = np.random.default_rng(6)
    sources = rng.standard_normal((3, 150_000)).astype(np.float32)
    responses = rng.standard_normal((3, 2, 300)).astype(np.float32) * 0.1
    mixer = Mixer(sources, responses)
    gains = np.array([1.0, 0.5, 2.0])
    out = np.concatenate([block.audio for block in mixer.blocks(gains)], axis=1)
    images = np.array([[np.convolve(s, h)[:150_000] for h in row] for s, row in zip(sources, responses, strict=True)])
    np.testing.assert_allclose(out, np.einsum("k,kmn->mn", gains, images), atol=2e-4)
    np.testing.assert_allclose(mixer.powers(), np.mean(images**2, axis=-1), rtol=0.02)


@pytest.mark.parametrize("count", [1, 6])
def test_measured_rooms_have_the_split_of_their_name_and_a_lone_one_the_tests(tmp_path: Path, count: int) -> None:
    names = [f"hall{number}" for number in range(count)]
    for name in names:
        (tmp_path / name).mkdir()
        write(tmp_path / name / "source1_mic01-04.flac", np.eye(4, 800, dtype=np.float32) * 0.5)
    pools = load_rooms(Rooms(source=str(tmp_path)))
    found = {room.id: split for split in SPLITS for room in pools[split] if room.id in names}
    assert found == ({"hall0": "eval"} if count == 1 else {name: split_of("room", name) for name in names})
    for split in SPLITS:  # shoeboxes only where nothing was measured
        assert len({room.id in names for room in pools[split]}) == 1


def test_real_talkers_rooms_and_noise(real_data: Path) -> None:
    talkers = load_talkers(Talkers(source=str(real_data / "speech")), 4)
    said = talkers[0].say(np.random.default_rng(0))
    assert said.seconds > 1.0 and not said.phones and talkers[0].id.isdigit()
    rooms = load_rooms(Rooms(source=str(real_data / "rir")))
    measured = [(split, room) for split in SPLITS for room in rooms[split] if not room.id.startswith("room-")]
    assert [split for split, _ in measured] == ["eval"] and all(rooms.values())
    place = measured[0][1].place(np.random.default_rng(1), 2, 6, 4)
    assert place.far.shape[:2] == (6, 24) and np.isfinite(place.far).all()
    noises = load_noises(Noise(source=str(real_data / "noise")))
    assert len(noises) > 100 and level_db(noises[0].make(160_000, np.random.default_rng(0))) > -32.0
