"""Classic codecs: measured rates, quality by rate, time alignment, lengths, silence, requests that cannot be met."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from thinwire.corpora.simulate.talkers import espeak_talkers
from thinwire.errors import CorpusError, ParamError
from thinwire.metrics import pesq_wb, si_sdr, stoi
from thinwire.seeding import rng
from thinwire.systems import classic
from thinwire.systems.classic import CODECS, available, encode_decode

# Packets of 20 ms and their bytes, from the codecs' definitions.
AMR_NB_BYTES = {4.75: 13, 5.15: 14, 5.9: 16, 6.7: 18, 7.4: 20, 7.95: 21, 10.2: 27, 12.2: 32}


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Three seconds of two synthetic talkers."""
    return np.concatenate([talker.say(rng(0, talker.id)).audio for talker in espeak_talkers(2)])[:48_000]


def test_wheel_has_the_codecs_that_the_paper_compares() -> None:
    assert {"opus", "amr_nb", "mp3", "aac", "g722"} <= set(available()) <= set(CODECS)


@pytest.mark.parametrize("name", ["opus", "amr_nb", "mp3", "aac"])
def test_more_bits_sound_better(speech: np.ndarray, name: str) -> None:
    rates = {"opus": (6, 12, 24), "amr_nb": (4.75, 12.2), "mp3": (8, 24, 64), "aac": (12, 24, 64)}[name]
    coded = [encode_decode(name, rate, speech) for rate in rates]
    measured = [item.kbps for item in coded]
    assert measured == sorted(measured)
    for measure in (stoi, pesq_wb):
        scores = [measure(speech, item.audio) for item in coded]
        assert scores == sorted(scores) and scores[0] < scores[-1], measure.__name__
    assert stoi(speech, coded[0].audio) > 0.75


@pytest.mark.parametrize(
    ("name", "kbps", "tolerance"),
    [("opus", 6, 0.3), ("opus", 9, 0.3), ("opus", 16, 0.3), ("mp3", 24, 0.05), ("aac", 32, 0.35), ("g722", 64, 0.02)],
)
def test_measured_rate_is_near_the_request(speech: np.ndarray, name: str, kbps: float, tolerance: float) -> None:
    assert encode_decode(name, kbps, speech).kbps == pytest.approx(kbps, rel=tolerance)


@pytest.mark.parametrize("kbps", CODECS["amr_nb"].rates)
def test_amr_packets_have_their_standard_size(speech: np.ndarray, kbps: float) -> None:
    """Three seconds and the look-ahead are 151 frames."""
    assert encode_decode("amr_nb", kbps, speech).packet_bytes == 151 * AMR_NB_BYTES[kbps]


@pytest.mark.parametrize("name", available())
def test_output_is_in_time_with_the_input(speech: np.ndarray, name: str) -> None:
    """In the telephone band, where every codec follows the waveform: to a sample, since AMR is late by half samples."""
    coded = encode_decode(name, CODECS[name].rates[-1], speech).audio
    band = butter(4, [300, 3000], "band", fs=16_000, output="sos")
    x, y = sosfiltfilt(band, speech), sosfiltfilt(band, coded)
    shifts = range(-40, 41)
    match = [float(np.dot(np.roll(x, shift), y)) for shift in shifts]
    assert abs(shifts[int(np.argmax(match))]) <= 1
    assert si_sdr(x, y) > 4.0
    assert coded.shape == speech.shape and coded.dtype == np.float32


@pytest.mark.parametrize("name", available())
@pytest.mark.parametrize("samples", [1, 100, 641, 5003])
def test_any_length_comes_back(speech: np.ndarray, name: str, samples: int) -> None:
    coded = encode_decode(name, CODECS[name].rates[0], speech[4000 : 4000 + samples])
    assert coded.audio.shape == (samples,) and np.isfinite(coded.audio).all() and coded.packet_bytes > 0


@pytest.mark.parametrize("name", available())
def test_silence_stays_silent(name: str) -> None:
    coded = encode_decode(name, CODECS[name].rates[0], np.zeros(16_000, np.float32))
    assert np.abs(coded.audio).max() < 1e-3


def test_opus_spends_less_on_silence(speech: np.ndarray) -> None:
    assert encode_decode("opus", 12, 0 * speech).kbps < 0.5 * encode_decode("opus", 12, speech).kbps


def test_same_input_same_bytes(speech: np.ndarray) -> None:
    first, second = (encode_decode("opus", 12, speech) for _ in range(2))
    assert first.packet_bytes == second.packet_bytes and np.array_equal(first.audio, second.audio)


def test_requests_that_cannot_be_met(speech: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParamError, match="'evs': no such codec; there are opus, "):
        encode_decode("evs", 9.6, speech)
    with pytest.raises(ParamError, match="no rate of 13 kbps; choose from 4.75, 5.15"):
        encode_decode("amr_nb", 13, speech)
    with pytest.raises(ParamError, match="no rate of 3 kbps; choose from 6 to 64"):
        encode_decode("opus", 3, speech)
    for bad in (speech[:0], speech[None], np.full(100, np.nan)):
        with pytest.raises(CorpusError, match="cannot code .* mono samples at 16000 Hz"):
            encode_decode("opus", 12, bad)
    missing = {name: classic.Codec("none", "no_such_encoder", "opus", 16_000, (8.0,)) for name in ("speex",)}
    monkeypatch.setattr(classic, "CODECS", CODECS | missing)
    available.cache_clear()
    with pytest.raises(ParamError, match="'speex': the installed FFmpeg libraries lack it; there are opus"):
        encode_decode("speex", 8, speech)
    available.cache_clear()
