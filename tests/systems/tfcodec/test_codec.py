"""Audio to bytes and back with a tiny model: any length, packets lost and damaged, bad audio, rates side by side."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from thinwire.channel.packets import draw_trace
from thinwire.coding.container import unpack
from thinwire.coding.quantise import IntegerTable
from thinwire.errors import BitstreamError, CheckpointError
from thinwire.params.tfcodec import Settings, TfRow, TfShape
from thinwire.seeding import rng
from thinwire.systems.tfcodec import bitstream as bitstream_module
from thinwire.systems.tfcodec import codec as codec_module
from thinwire.systems.tfcodec.bitstream import PACKET_HEADER_BYTES
from thinwire.systems.tfcodec.codec import StepBits, TfCodecCoder, coder_fingerprint
from thinwire.systems.tfcodec.model import TfCodec
from thinwire.systems.tfcodec.tables import count_codewords, entropy_bits, tables_of

GROUPS, CODEWORDS, SAMPLES = 5, 32, 16_000
SHAPE = TfShape(channels=(2, 2, 3, 3, 3), tcm_hidden=6, tcm_dilations=[1, 2], latent=10, predictor_hidden=4)


def speech_like(samples: int, seed: int) -> np.ndarray:
    """(samples,) float32 of noise whose colour and level change."""
    draw = np.random.default_rng(seed)
    envelope = 0.02 + 0.1 * np.sin(np.arange(samples) / 1500.0 + draw.uniform(0, 6)) ** 2
    noise = draw.standard_normal(samples + 3)
    return (envelope * np.convolve(noise, [1.0, 1.0, 0.5, 0.2], "valid")).astype(np.float32)


def build(predictor: str = "none", seed: int = 0, power: str = "learnable") -> TfCodec:
    """A model whose batch statistics and codebooks fit its material, so that many codewords are in use."""
    torch.manual_seed(seed)
    row = TfRow(
        after="-", steps=1, kbps=1.0, groups=GROUPS, codewords=CODEWORDS,
        predictor=predictor, power=power,  # type: ignore[arg-type]
    )  # fmt: skip
    model = TfCodec(Settings(shape=SHAPE), row)
    audio = torch.from_numpy(np.stack([speech_like(SAMPLES, 100 + i) for i in range(2)]))
    with torch.no_grad():
        for _ in range(20):
            x_R = model.train().encode_latent(audio)
            if model.predictive:
                model.loop(x_R, context=torch.randn(x_R.shape))
            model.decoder(x_R)
        x_R = model.eval().encode_latent(audio)
        vectors = model.quantiser.vectors(x_R - x_R.mean((0, 2), keepdim=True) if model.predictive else x_R)
        model.quantiser.set_codewords(vectors[:, torch.randperm(vectors.shape[1])[:CODEWORDS]])
    return model


def coder_of(model: TfCodec, coder: str = "range") -> TfCodecCoder:
    batch = torch.from_numpy(np.stack([speech_like(SAMPLES, 200 + i) for i in range(6)]))
    tables = tables_of(count_codewords(model, batch.split(4)))
    return TfCodecCoder(model, tables, coder_fingerprint(model, tables), coder)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=["none", "conv"])
def codec(request: pytest.FixtureRequest) -> TfCodecCoder:
    return coder_of(build(request.param))


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    return speech_like(SAMPLES, 1)


@pytest.mark.parametrize("coder", ["range", "huffman"])
def test_bytes_carry_exactly_the_models_indices(coder: str, audio: np.ndarray) -> None:
    model = build("adaptive")
    codec = coder_of(model, coder)
    data = codec.encode(audio)
    indices = model.encode(torch.from_numpy(audio)[None])
    assert len(indices.unique()) > CODEWORDS // 2
    assert np.array_equal(codec.bitstream.unpack(data)[0], indices[0].numpy())
    decoded = codec.decode(data)
    assert decoded.dtype == np.float32 and np.isfinite(decoded).all()
    assert np.array_equal(decoded, model.decode(indices, SAMPLES)[0].numpy())
    twin = coder_of(build("adaptive"), coder)
    assert twin.encode(audio) == data and np.array_equal(twin.decode(data), decoded)


@settings(max_examples=25)
@given(st.integers(1, 2500))
def test_any_length_keeps_its_length(codec: TfCodecCoder, samples: int) -> None:
    audio = speech_like(samples, 2)
    data = codec.encode(audio)
    assert codec.decode(data).shape == (samples,)
    whole, received = codec.decode_packets(codec.encode_packets(audio), samples)
    assert not received.lost.any() and np.array_equal(whole, codec.decode(data))


def test_lost_and_damaged_packets_are_concealed_as_the_models_mask(codec: TfCodecCoder, audio: np.ndarray) -> None:
    packets = codec.encode_packets(audio)
    lost = draw_trace(0.3, 2.0, len(packets), rng(0)).lost
    damaged = rng(1).random(len(packets)) < 0.1
    arrived = [packet[:-1] + bytes([packet[-1] ^ 255]) if bad else packet
               for packet, gone, bad in zip(packets, lost, damaged, strict=True) if not gone]  # fmt: skip
    rng(2).shuffle(arrived)
    audio_hat, received = codec.decode_packets(arrived + arrived[:3], SAMPLES)
    mask = (lost | damaged).reshape(-1, 2)
    assert 0 < mask.mean() < 1 and np.array_equal(received.lost, mask)
    indices = torch.from_numpy(codec.indices(audio))[None]
    expected = codec.model.decode(indices, SAMPLES, torch.from_numpy(mask)[None])[0].numpy()
    assert np.array_equal(audio_hat, expected)
    assert not np.allclose(audio_hat, codec.decode(codec.encode(audio)))


def test_a_lost_packet_changes_nothing_before_its_own_samples(codec: TfCodecCoder, audio: np.ndarray) -> None:
    packets = codec.encode_packets(audio)
    whole = codec.decode_packets(packets, SAMPLES)[0]
    for half in (0, 1):
        without = codec.decode_packets(packets[: 20 + half] + packets[21 + half :], SAMPLES)[0]
        first = 10 * 640 - 480  # the first sample that frame 40 of step 10 reaches
        assert np.allclose(without[:first], whole[:first], atol=1e-6)
        assert not np.allclose(without[first:], whole[first:])


@settings(max_examples=25)
@given(st.lists(st.binary(max_size=30), max_size=6), st.integers(1, 1200))
def test_any_packets_give_finite_audio(codec: TfCodecCoder, packets: list[bytes], samples: int) -> None:
    audio, received = codec.decode_packets(packets, samples)
    assert audio.shape == (samples,) and np.isfinite(audio).all()
    assert received.damaged == len(packets) and received.lost.all()


@settings(max_examples=40)
@given(st.data())
def test_damaged_containers_are_refused(codec: TfCodecCoder, audio: np.ndarray, data: st.DataObject) -> None:
    stream = codec.encode(audio[:3000])
    damaged = bytearray(stream)
    damaged[data.draw(st.integers(0, len(stream) - 1))] ^= data.draw(st.integers(1, 255))
    for bad in (bytes(damaged), stream[: data.draw(st.integers(0, len(stream) - 1))], data.draw(st.binary())):
        with pytest.raises(BitstreamError):
            codec.decode(bad)


@pytest.mark.parametrize("channels", [1, 2])
def test_other_channels_are_refused(codec: TfCodecCoder, channels: int) -> None:
    with pytest.raises(BitstreamError, match=rf"shape \({channels}, 900\): this codec takes one channel"):
        codec.encode(np.zeros((channels, 900), np.float32))


@pytest.mark.parametrize(
    ("audio", "sample_rate", "message"),
    [
        (np.zeros(100, np.float32), 48_000, "48000 Hz: this codec takes 16000 Hz"),
        (np.zeros(0, np.float32), 16_000, "audio is empty"),
        (np.full(100, np.nan), 16_000, "NaN or infinite"),
        (np.full(100, -np.inf, np.float32), 16_000, "NaN or infinite"),
        (np.zeros(100, np.int16), 16_000, "int16: this codec takes floats"),
    ],
)
def test_bad_audio_is_refused(codec: TfCodecCoder, audio: np.ndarray, sample_rate: int, message: str) -> None:
    for call in (codec.encode, codec.encode_packets):
        with pytest.raises(BitstreamError, match=message):
            call(audio, sample_rate)


def test_bytes_of_other_weights_or_other_tables_are_refused(codec: TfCodecCoder, audio: np.ndarray) -> None:
    data, packets = codec.encode(audio), codec.encode_packets(audio)
    model, flat = codec.model, tables_of(np.zeros((GROUPS, CODEWORDS), np.int64))
    others = [coder_of(build(seed=1)), TfCodecCoder(model, flat, coder_fingerprint(model, flat))]
    for other in others:
        with pytest.raises(BitstreamError, match="decode with that model"):
            other.decode(data)
        assert other.decode_packets(packets, SAMPLES)[1].lost.all()


def test_another_fixed_power_is_another_codec() -> None:
    model, tables = build(power="fixed"), tables_of(np.zeros((GROUPS, CODEWORDS), np.int64))
    before = coder_fingerprint(model, tables)
    with torch.no_grad():
        model.power.fill_(0.5)
    assert coder_fingerprint(model, tables) != before


@pytest.mark.parametrize(("groups", "codewords"), [(GROUPS - 1, CODEWORDS), (GROUPS, CODEWORDS + 1)])
def test_tables_that_do_not_fit_the_model_are_refused(groups: int, codewords: int) -> None:
    tables: list[IntegerTable] = tables_of(np.zeros((groups, codewords), np.int64))
    with pytest.raises(CheckpointError, match="do not fit the model's 5 groups of 32"):
        TfCodecCoder(build(), tables, "0" * 16)


def test_rates_stand_in_their_known_order(codec: TfCodecCoder) -> None:
    seconds = 8.0
    indices = codec.indices(speech_like(int(seconds * 16_000), 3))
    rates = codec.rates(indices, seconds)
    symbols_kbps = indices.size / seconds / 1000
    assert rates.nominal == pytest.approx(GROUPS * math.log2(CODEWORDS) / 40)
    assert rates.entropy == pytest.approx(entropy_bits(indices, codec.bitstream.tables).sum() / seconds / 1000)
    assert rates.entropy - 0.01 <= rates.range <= 1.01 * rates.entropy + 0.064 / seconds
    assert rates.huffman <= rates.entropy + symbols_kbps
    assert rates.range < rates.packets <= rates.range + 16 * 2 * indices.shape[1] / seconds / 1000
    assert rates.packet_headers == 8 * PACKET_HEADER_BYTES * 2 * indices.shape[1] / seconds / 1000


@pytest.mark.parametrize("coder", ["range", "huffman"])
def test_rates_are_those_of_the_bytes_that_are_written(codec: TfCodecCoder, audio: np.ndarray, coder: str) -> None:
    writer = TfCodecCoder(codec.model, codec.bitstream.tables, codec.bitstream.fingerprint, coder)  # type: ignore[arg-type]
    data, rates = writer.encode(audio), writer.rates(writer.indices(audio), 1.0)
    payload = unpack(data)[1]
    assert getattr(rates, coder) == pytest.approx(8 * len(payload) / 1000)
    assert len(data) == pytest.approx(len(payload) + rates.header_bytes, abs=1)  # a length byte more or less
    bits = writer.step_bits(writer.indices(audio))
    assert -(-int(bits.sum()) // 8) == round(rates.huffman * 1000 / 8)


def test_step_statistics() -> None:
    bits = StepBits.of(np.array([39, 124, 190, 124]))
    assert (bits.least, bits.most, bits.mean) == (39, 190, 119.25) and bits.std == pytest.approx(2872.6875**0.5)


def test_audio_too_long_for_a_container_is_refused_before_it_is_coded(
    codec: TfCodecCoder, audio: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bitstream_module, "MAX_FILE_STEPS", 5)
    monkeypatch.setattr(codec.model, "encode", None)
    with pytest.raises(BitstreamError, match="code it in parts"):
        codec.encode(audio)


def test_long_audio_is_streamed_to_the_same_result(
    codec: TfCodecCoder, audio: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    indices, lost = codec.indices(audio), draw_trace(0.2, 2.0, 2 * 26, rng(0)).lost.reshape(-1, 2)
    whole = [codec.synthesise(indices, SAMPLES, mask) for mask in (None, lost)]
    monkeypatch.setattr(codec_module, "MOST_AT_ONCE", 25)
    monkeypatch.setattr(codec.model, "encode", None)
    monkeypatch.setattr(codec.model, "decode", None)
    streamed = codec.indices(audio)
    # Equal but for sums formed in another order, which may tip a choice between two codewords.
    assert streamed.shape == indices.shape and (streamed == indices).mean() > 0.98
    for mask, expected in zip((None, lost), whole, strict=True):
        x_hat = codec.synthesise(indices, SAMPLES, mask)
        assert x_hat.shape == (SAMPLES,) and np.allclose(x_hat, expected, atol=1e-4)
