"""Waveform to bytes and back, with another microphone's waveform at the decoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_ndsc import SETTINGS, make_model, make_prior, make_row

from thinwire.errors import BitstreamError, ParamError
from thinwire.params.neural_dsc import NdscSpectrum
from thinwire.systems.neural_dsc.codec import NdscCodec, codec_fingerprint
from thinwire.systems.neural_dsc.model import NeuralDsc
from thinwire.systems.neural_dsc.speech import SpeechItems, maps_of, prepare, waveforms
from thinwire.systems.neural_dsc.speech_codec import NdscSpeechCodec

SPECTRUM, SAMPLES = NdscSpectrum(n_mels=16), 2_800


def microphones(count: int) -> np.ndarray:
    """Two microphones (count, 2, samples): one noise through two delays."""
    noise = np.random.default_rng(0).standard_normal((count, SAMPLES)).cumsum(-1).astype(np.float32)
    noise -= noise.mean(-1, keepdims=True)
    return np.stack([0.1 * noise, 0.4 * np.roll(noise, 9, -1)], 1)


def items() -> SpeechItems:
    audio = microphones(24)
    return prepare(audio, audio[:, 0], "mel", "mic2", SPECTRUM)


@pytest.fixture(scope="module")
def coder() -> NdscSpeechCodec:
    torch.manual_seed(0)
    found = items()
    model = NeuralDsc(SETTINGS, make_row("mel"), tuple(found.x.shape[1:]))
    model.fit_statistics(found.x, found.y)
    model.train()(found.x, found.y, None, torch.Generator().manual_seed(0))
    model.eval().requires_grad_(False)
    prior = make_prior(model.index_grid[0] * model.index_grid[1], model.codewords)
    return NdscSpeechCodec(NdscCodec(model, prior, codec_fingerprint(model, prior)), SPECTRUM, SAMPLES)


def test_the_waveform_is_that_of_the_decoded_map(coder: NdscSpeechCodec) -> None:
    (sent, side), found = microphones(24)[3], items()
    data = coder.encode(sent, item="a")
    assert data == coder.codec.encode(found.x[3], item="a")
    audio = coder.decode(data, side, "a")
    expected = waveforms(coder.codec.decode(data, found.y[3], item="a")[None], "mel", SPECTRUM)[0]
    np.testing.assert_array_equal(audio, expected)
    assert audio.shape == found.audio[3].shape and np.isfinite(audio).all()
    # neither microphone's level matters, the side information does
    assert coder.encode(8.0 * sent, item="a") == data
    np.testing.assert_array_equal(coder.decode(data, np.float32(0.25) * side, "a"), audio)
    assert not np.array_equal(coder.decode(data, None, "a"), audio)


def test_maps_are_those_of_prepared_items() -> None:
    torch.testing.assert_close(maps_of(microphones(24)[:, 1], "mel", SPECTRUM), items().y)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x: x[:-1], ParamError, "has 2799 samples, this codec takes segments of 2800"),
        (lambda x: np.append(x, x[:1]), ParamError, "has 2801 samples"),
        (lambda x: x[:0], ParamError, "has 0 samples"),
        (lambda x: x[None], BitstreamError, "one channel"),
        (lambda x: (1000 * x).astype(np.int16), BitstreamError, "takes floats"),
        (lambda x: np.where(np.arange(x.size) == 5, np.nan, x), BitstreamError, "NaN or infinite"),
        (lambda x: np.where(np.arange(x.size) == 5, 1e300, x.astype(np.float64)), BitstreamError, "NaN or infinite"),
    ],
)
def test_bad_audio_and_bad_side_information(coder: NdscSpeechCodec, change, error, message) -> None:
    sent, side = microphones(1)[0]
    data = coder.encode(sent)
    with pytest.raises(error, match=message):
        coder.encode(change(sent))
    with pytest.raises(error, match=message):
        coder.decode(data, change(side))


def test_rate_item_and_domain(coder: NdscSpeechCodec) -> None:
    sent, side = microphones(1)[0]
    data = coder.encode(sent, item="a")
    with pytest.raises(BitstreamError, match="side information at 8000 Hz"):
        coder.decode(data, side, "a", sample_rate=8_000)
    with pytest.raises(ParamError, match="another item"):
        coder.decode(data, side, "b")
    assert coder.decode(data, side, "b", other_item=True).size
    stereo = make_model("stereo")
    with pytest.raises(ParamError, match="holds no speech"):
        NdscSpeechCodec(NdscCodec(stereo, None, codec_fingerprint(stereo, None)), SPECTRUM, SAMPLES)
    with pytest.raises(ParamError, match="have 8 frames, this model codes 16"):
        NdscSpeechCodec(coder.codec, SPECTRUM, SAMPLES - 1_000)
