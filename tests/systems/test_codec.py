"""Bytes: the same every time, near their entropy, and refused when they are not this model's."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from thinwire.coding import water_fill
from thinwire.coding.container import Header, pack, unpack
from thinwire.errors import BitstreamError
from thinwire.systems.ndpca import codec as codec_module
from thinwire.systems.ndpca.codec import LEVELS, NdpcaCodec
from thinwire.systems.ndpca.model import NdpcaModel, encode_all
from thinwire.systems.ndpca.pca import fit_ndpca, truncate
from thinwire.systems.ndpca.representation import prepare

SAMPLES = 4000


def mixtures(items: int, seed: int) -> np.ndarray:
    """(items, 4, SAMPLES): coloured noise of changing level and colour."""
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((items, 1, SAMPLES)) + 0.3 * generator.standard_normal((items, 4, SAMPLES))
    smooth = np.cumsum(noise, -1) - np.cumsum(noise, -1).mean(-1, keepdims=True)
    mixed = noise + generator.uniform(0, 0.3, (items, 1, 1)) * smooth
    return (0.05 * mixed / np.abs(mixed).max()).astype(np.float32)


def build(make_model: Callable[..., NdpcaModel], fit: Callable = fit_ndpca, seed: int = 0) -> NdpcaCodec:
    model = make_model(seed=seed).eval()
    audio = mixtures(60, 1)
    data = prepare(audio, audio[:, 0], model.spectrum, model.representation)
    with torch.no_grad():
        model.fit_statistics(data.noisy, data.clean)
    return NdpcaCodec(model, fit(encode_all(model, data.noisy)), iterations=2)


@pytest.fixture(scope="module")
def codec(make_model: Callable[..., NdpcaModel]) -> NdpcaCodec:
    return build(make_model)


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    """(4, three segments and a half)."""
    return np.concatenate(list(mixtures(4, 2)), axis=1)[:, : int(3.5 * SAMPLES)]


@pytest.fixture(scope="module")
def stream(codec: NdpcaCodec, audio: np.ndarray) -> bytes:
    return codec.encode(audio, 200.0)


def resealed(body: bytes) -> bytes:
    """Bytes with a checksum that fits them, as a hostile sender would make them."""
    return body + zlib.crc32(body).to_bytes(4, "little")


def test_round_trip_is_deterministic(
    codec: NdpcaCodec, make_model: Callable[..., NdpcaModel], audio: np.ndarray
) -> None:
    data = codec.encode(audio, 200.0)
    twin = build(make_model)
    assert data == codec.encode(audio, 200.0) == twin.encode(audio, 200.0)
    decoded = codec.decode(data)
    assert decoded.shape == (audio.shape[1],) and decoded.dtype == np.float32 and np.isfinite(decoded).all()
    np.testing.assert_array_equal(decoded, twin.decode(data))


def test_decoded_latent_is_the_quantised_one(codec: NdpcaCodec, audio: np.ndarray) -> None:
    stream = codec.encode(audio, 60.0)
    header, _ = unpack(stream, codec.fingerprint)
    plan = codec.plan(header.sizes[0])
    segments = np.pad(audio, ((0, 0), (0, SAMPLES // 2))).reshape(4, 4, SAMPLES).swapaxes(0, 1)
    latents, _ = codec.latents(segments)
    bottleneck = codec.bottleneck
    z_hat = np.split(codec.decode_latent(stream), 4, axis=1)
    assert 0 < len(plan.active) < 16
    for source, (z, restored) in enumerate(zip(latents, z_hat, strict=True)):
        sent = bottleneck.order[plan.active[codec.mine(plan, source)], 1]
        wanted, found = ((x - bottleneck.mean[source]) @ bottleneck.directions[source] for x in (z, restored))
        assert np.abs(wanted[:, sent] - found[:, sent]).max() <= 0.51 * plan.step  # the audio here is not extreme
        silent = np.setdiff1d(np.arange(4), sent)
        np.testing.assert_allclose(found[:, silent], 0.0, atol=1e-9)


def test_an_encoder_s_bytes_need_nothing_of_the_others(codec: NdpcaCodec) -> None:
    latents, _ = codec.latents(mixtures(3, 5))
    streams = codec.code(latents, 60)
    for source in range(4):
        others = [z if i == source else np.zeros_like(z) for i, z in enumerate(latents)]
        assert codec.code(others, 60)[source] == streams[source]


@pytest.mark.parametrize("fit", [fit_ndpca, truncate])
def test_bits_are_near_the_entropy(make_model: Callable[..., NdpcaModel], fit: Callable) -> None:
    own = build(make_model, fit)
    long = np.concatenate(list(mixtures(60, 1)), axis=1)
    for bits in (40.0, 200.0, 400.0):
        data = own.encode(long, bits)
        rate = own.rate(data)
        assert rate.total == 8 * len(data) == rate.payload + rate.header
        assert rate.entropy - 1 <= rate.payload <= 1.01 * rate.entropy + 4 * 64
        expected = own.plan(unpack(data)[0].sizes[0]).expected_bits
        assert expected <= bits * SAMPLES / 16_000
        assert rate.entropy / 60 == pytest.approx(expected, rel=0.25, abs=2)


@pytest.mark.parametrize("level", [0, 7, 20, 48, LEVELS - 1])
def test_a_plan_is_reverse_water_filling(codec: NdpcaCodec, level: int) -> None:
    variances = codec.bottleneck.deviation**2
    water = codec.top * 10.0 ** (-level / 20.0)
    wanted = water_fill(variances, distortion=float(np.minimum(water, variances).sum()))
    assert wanted.level == pytest.approx(water, rel=1e-6)
    plan = codec.plan(level)
    assert set(plan.active) == set(np.flatnonzero(wanted.bits > 1e-8))
    assert plan.step**2 / 12.0 == pytest.approx(wanted.level, rel=1e-6)


def test_fixed_width_codes_every_component_at_every_rate(codec: NdpcaCodec, audio: np.ndarray) -> None:
    whole = NdpcaCodec(codec.model, codec.bottleneck, iterations=2, fixed_width=True)
    few, all_of_them = (one.rate(one.encode(audio, 40.0)).components for one in (codec, whole))
    assert few < all_of_them == len(codec.bottleneck.deviation)
    with pytest.raises(BitstreamError):
        codec.decode(whole.encode(audio, 40.0))


def test_more_bits_never_send_less(codec: NdpcaCodec) -> None:
    plans = [codec.plan(level) for level in range(LEVELS)]
    for a, b in zip(plans, plans[1:], strict=False):
        assert set(a.active) <= set(b.active) and a.step > b.step
        assert a.expected_bits <= b.expected_bits + 1e-9
    assert len(plans[0].active) == 0 and len(plans[-1].active) == 16
    levels = [codec.level_for(bits) for bits in (0, 1, 3, 10, 30, 100, 1e9)]
    assert levels == sorted(levels) and levels[0] == 0 and levels[-1] == LEVELS - 1


def test_more_bits_bring_the_latent_closer(codec: NdpcaCodec) -> None:
    long = np.concatenate(list(mixtures(60, 1)), axis=1)
    z = np.concatenate(codec.latents(mixtures(60, 1))[0], axis=1)
    errors = [np.square(codec.decode_latent(codec.encode(long, bits)) - z).sum() for bits in (20, 100, 300, 1000)]
    assert all(a > b for a, b in zip(errors, errors[1:], strict=False))


@pytest.mark.parametrize("samples", [1, SAMPLES - 1, SAMPLES, SAMPLES + 1, 2 * SAMPLES])
def test_any_length(codec: NdpcaCodec, audio: np.ndarray, samples: int) -> None:
    decoded = codec.decode(codec.encode(audio[:, :samples], 100.0))
    assert decoded.shape == (samples,) and np.isfinite(decoded).all()


def test_silence_stays_silence(codec: NdpcaCodec) -> None:
    decoded = codec.decode(codec.encode(np.zeros((4, SAMPLES), np.float32), 100.0))
    assert np.abs(decoded).max() < 1e-3


def test_no_bits_at_all(codec: NdpcaCodec, audio: np.ndarray) -> None:
    rate = codec.rate(codec.encode(audio, 0.0))
    assert (rate.payload, rate.components, rate.entropy) == (0, 0, 0.0) and rate.header > 0


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((3, SAMPLES)), r"shape \(3, 4000\): this model codes \(4, samples\)"),
        (np.zeros((4, 0)), "shape"),
        (np.zeros(SAMPLES), "shape"),
        (np.full((4, SAMPLES), np.nan), "NaN or infinite"),
        (np.full((4, SAMPLES), np.inf), "NaN or infinite"),
    ],
)
def test_bad_audio_is_refused(codec: NdpcaCodec, bad: np.ndarray, message: str) -> None:
    with pytest.raises(BitstreamError, match=message):
        codec.encode(bad, 100.0)


def test_audio_longer_than_a_bitstream_holds(
    codec: NdpcaCodec, audio: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codec_module, "MAX_SEGMENTS", 3)
    with pytest.raises(BitstreamError, match="4 segments: a bitstream holds 3"):
        codec.encode(audio, 100.0)


def test_bytes_of_another_model_are_refused(make_model: Callable[..., NdpcaModel], stream: bytes) -> None:
    for other in (build(make_model, seed=1), build(make_model, truncate)):
        with pytest.raises(BitstreamError):
            other.decode(stream)


def only_bitstream_error(codec: NdpcaCodec, data: bytes) -> None:
    """Decoding gives finite audio or a BitstreamError, nothing else."""
    try:
        z_hat = codec.decode_latent(data)
    except BitstreamError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(z_hat).all()


@given(st.data())
def test_damaged_bytes(codec: NdpcaCodec, stream: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(stream) - 1))
    damaged = bytearray(stream)
    damaged[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BitstreamError):
        codec.decode(bytes(damaged))


@given(st.integers(0, 10_000))
def test_truncated_or_longer_bytes(codec: NdpcaCodec, stream: bytes, cut: int) -> None:
    for data in (stream[: cut % len(stream)], stream + bytes(1 + cut % 9)):
        with pytest.raises(BitstreamError):
            codec.decode(data)


@given(st.binary(max_size=200))
def test_foreign_bytes(codec: NdpcaCodec, data: bytes) -> None:
    with pytest.raises(BitstreamError):
        codec.decode(data)


@settings(max_examples=60)
@given(st.data())
def test_bytes_mutated_under_a_valid_checksum(codec: NdpcaCodec, stream: bytes, data: st.DataObject) -> None:
    body = bytearray(stream[:-4])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    only_bitstream_error(codec, resealed(bytes(body)))


@settings(max_examples=60)
@given(
    samples=st.integers(0, 2**31 - 1),
    sizes=st.lists(st.integers(0, 300), max_size=7),
    payload=st.binary(max_size=60),
    name=st.sampled_from(["ndpca", "tfcodec"]),
)
def test_containers_with_other_fields(
    codec: NdpcaCodec, samples: int, sizes: list[int], payload: bytes, name: str
) -> None:
    only_bitstream_error(codec, pack(Header(name, codec.fingerprint, samples, 16_000, tuple(sizes)), payload))
