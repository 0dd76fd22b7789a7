"""Bytes of items: round trips with and without a prior, rates side by side, damage, foreign bytes, wrong side
information."""

from __future__ import annotations

import math
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_ndsc import make_items, make_model, make_prior

from thinwire.coding.container import Header, pack, unpack
from thinwire.errors import BitstreamError, CheckpointError, ParamError
from thinwire.systems.neural_dsc.bitstream import Bitstream, pack_fixed, unpack_fixed
from thinwire.systems.neural_dsc.codec import NdscCodec, codec_fingerprint
from thinwire.systems.neural_dsc.model import NeuralDsc


def codec_of(model: NeuralDsc, with_prior: bool) -> NdscCodec:
    prior = make_prior(math.prod(model.index_grid), model.codewords) if with_prior else None
    return NdscCodec(model, prior, codec_fingerprint(model, prior))


@given(st.integers(1, 10), st.integers(0, 70), st.integers(0, 99))
def test_fixed_length_round_trip(bits: int, count: int, seed: int) -> None:
    indices = np.random.default_rng(seed).integers(0, 1 << bits, count)
    data = pack_fixed(indices, bits)
    assert len(data) == math.ceil(bits * count / 8)
    assert np.array_equal(unpack_fixed(data, bits, count), indices)
    assert "".join(format(i, f"0{bits}b") for i in indices) == "".join(format(b, "08b") for b in data)[: bits * count]


def test_fixed_length_faults() -> None:
    with pytest.raises(ValueError, match="do not fit 3 bits"):
        pack_fixed(np.array([1, 8]), 3)
    for data in (b"", b"\0\0", b"\x01"):
        with pytest.raises(BitstreamError):
            unpack_fixed(data, 3, 2)


@pytest.mark.parametrize("domain", ["mel", "stft", "stereo", "halves", "gradients", "bits"])
@pytest.mark.parametrize("with_prior", [False, True])
def test_bytes_carry_the_indices(domain: str, with_prior: bool) -> None:
    bits = 1 if domain == "bits" else 3
    model, items = make_model(domain, bits=bits), make_items(domain, 3)
    codec = codec_of(model, with_prior)
    indices = model.encode(items.x, items.y, items.step)
    for number in range(3):
        step = None if items.step is None else float(items.step[number])
        x, y = items.x[number], items.y[number]
        data = codec.encode(x, y, step, item=f"item {number}")
        assert np.array_equal(codec.bitstream.unpack(data), indices[number].flatten().numpy())
        one = slice(number, number + 1)
        expected = model.decode(indices[one], items.y[one], None if items.step is None else items.step[one])[0]
        assert codec.decode(data, y, step, f"item {number}").equal(expected)
        assert codec.decode(data, None, step).shape == x.shape


def test_rates_stand_side_by_side() -> None:
    model, items = make_model("stereo"), make_items("stereo", 40)
    indices = model.encode(items.x, items.y)
    counts = torch.bincount(indices.flatten(), minlength=8)[None]
    with_prior, without = codec_of(model, True), codec_of(model, False)
    own_prior = with_prior.prior
    assert own_prior is not None
    for number, rates in enumerate(with_prior.rates(indices, counts, "name")):
        own = indices[number].flatten()
        data = with_prior.encode(items.x[number], items.y[number], item="name")
        assert rates.fixed_bits == 3 * 24 and rates.payload_bytes + rates.header_bytes == len(data)
        assert rates.ideal_bits == pytest.approx(float(own_prior.bits(own[None]).sum()), rel=1e-4)
        assert rates.reference_bits == math.ceil(rates.ideal_bits) + 1
        assert abs(8 * rates.payload_bytes - rates.ideal_bits) < 16
        p = (counts[0] + 1.0) / (counts.sum() + 8)
        assert rates.entropy_bits == pytest.approx(float(-p[own].log2().sum()), rel=1e-4)
    for rates in without.rates(indices, counts):
        assert (rates.payload_bytes, rates.ideal_bits, rates.reference_bits) == (9, 72.0, 72)
    per_position = without.rates(indices, torch.eye(8, dtype=torch.int64)[indices.flatten(1)].sum(0))
    pooled = without.rates(indices, counts)
    assert np.mean([r.entropy_bits for r in per_position]) < np.mean([r.entropy_bits for r in pooled])
    with pytest.raises(CheckpointError, match=r"\(2, 8\)"):
        without.rates(indices, torch.ones(2, 8))


def test_wrong_side_information_is_an_error_or_an_experiment() -> None:
    codec, items = codec_of(make_model("stereo"), True), make_items("stereo", 2)
    data = codec.encode(items.x[0], item="first")
    with pytest.raises(ParamError, match="that of 'second'.*other_item"):
        codec.decode(data, items.y[1], item="second")
    for y in items.y:
        with pytest.raises(ParamError, match="names none.*other_item"):
            codec.decode(data, y)
    right = codec.decode(data, items.y[0], item="first")
    for item in ("", "second"):
        assert not codec.decode(data, items.y[1], item=item, other_item=True).equal(right)
    unnamed = codec.encode(items.x[0])
    assert codec.decode(unnamed, items.y[0]).equal(right) and codec.decode(unnamed, items.y[0], item="any").equal(right)
    with pytest.raises(ParamError, match="y has shape"):
        codec.decode(data, items.y[0][:, :8], item="first")
    with pytest.raises(ParamError, match="y holds NaN"):
        codec.decode(data, items.y[0] / 0.0, item="first")
    with pytest.raises(ParamError, match="time step"):
        codec.decode(data, items.y[0], step=0.5, item="first")


def test_bytes_without_side_information_need_no_name() -> None:
    codec, items = codec_of(make_model("stereo"), False), make_items("stereo", 1)
    data = codec.encode(items.x[0], item="first")
    assert codec.decode(data).equal(codec.decode(data, item="first"))
    with pytest.raises(ParamError, match="that of 'second'"):
        codec.decode(data, item="second")


def test_what_cannot_be_coded_is_refused() -> None:
    codec, items = codec_of(make_model("stereo"), True), make_items("stereo", 1)
    with pytest.raises(ParamError, match="x has shape"):
        codec.encode(items.x[0][0])


def test_bytes_of_another_model_prior_or_codec_are_refused() -> None:
    model, x = make_model("stereo"), make_items("stereo").x[0]
    with_prior, without = codec_of(model, True), codec_of(model, False)
    other = codec_of(make_model("stereo", form="separate"), True)
    for made, reader in ((with_prior, without), (without, with_prior), (other, with_prior)):
        with pytest.raises(BitstreamError, match="made by model"):
            reader.decode(made.encode(x))
    for header in (
        Header("tfcodec", without.bitstream.fingerprint, 24, 0),
        Header("ndsc", without.bitstream.fingerprint, 23, 0),
        Header("ndsc", without.bitstream.fingerprint, 24, 16_000),
        Header("ndsc", without.bitstream.fingerprint, 24, 0, (1, 2)),
    ):
        with pytest.raises(BitstreamError, match="is not one of 'ndsc'"):
            without.decode(pack(header, bytes(9)))
    with pytest.raises(ParamError, match="5 positions of 8"):
        Bitstream(3, 24, codec_of(make_model("gradients"), True).bitstream.prior, "0" * 16)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_damage_never_passes(data: st.DataObject) -> None:
    """Bytes cut off, changed, or changed behind a checksum that fits: refused, or what the writer writes."""
    codec = codec_of(make_model("gradients"), data.draw(st.booleans()))
    items = make_items("gradients", 1)
    good = codec.encode(items.x[0], step=0.25, item="a")
    cut = data.draw(st.integers(0, len(good) - 1))
    place, flip = data.draw(st.integers(0, len(good) - 1)), data.draw(st.integers(1, 255))
    bad = bytearray(good)
    bad[place] ^= flip
    for broken in (good[:cut], bytes(bad)):
        with pytest.raises(BitstreamError):
            codec.decode(broken, step=0.25)
    sealed = bytes(bad[:-4]) + zlib.crc32(bytes(bad[:-4])).to_bytes(4, "little")
    try:
        indices = codec.bitstream.unpack(sealed)
    except BitstreamError:
        return
    assert codec.bitstream.payloads(indices[None])[0] == unpack(sealed)[1]


def encode_in_this_process(path: Path) -> None:
    """Bytes of a fixed item by a fixed codec, into a file."""
    path.write_bytes(codec_of(make_model("stereo"), True).encode(make_items("stereo").x[0], item="one"))


def test_bytes_of_another_process_decode_here(tmp_path: Path) -> None:
    here, path = Path(__file__), tmp_path / "bytes"
    script = (
        f"import sys; sys.path.insert(0, {str(here.parent)!r}); from pathlib import Path\n"
        f"from {here.stem} import encode_in_this_process as go; go(Path({str(path)!r}))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=100)
    codec, items = codec_of(make_model("stereo"), True), make_items("stereo")
    assert path.read_bytes() == codec.encode(items.x[0], item="one")
    assert codec.decode(path.read_bytes(), items.y[0], item="one").equal(
        codec.model.decode(codec.model.encode(items.x[:1]), items.y[:1])[0]
    )
