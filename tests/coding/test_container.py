"""The container: exact round trip, and nothing but BitstreamError for any other bytes."""

from __future__ import annotations

import contextlib
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinwire.coding import Header, pack, unpack
from thinwire.errors import BitstreamError

INTEGERS = st.integers(0, (1 << 31) - 1)
HEADERS = st.builds(
    Header,
    st.from_regex(r"[a-z0-9_.-]{1,32}", fullmatch=True).filter(lambda name: "\n" not in name),
    st.from_regex(r"[0-9a-f]{16}", fullmatch=True).filter(lambda name: "\n" not in name),
    INTEGERS,
    INTEGERS,
    st.lists(INTEGERS, max_size=20).map(tuple),
)
EXAMPLE = Header("ndpca", "0123456789abcdef", 16_000, 16_000, (12, 3, 700))


@given(HEADERS, st.binary(max_size=200))
def test_round_trip(header: Header, payload: bytes) -> None:
    assert unpack(pack(header, payload), header.fingerprint) == (header, payload)


def test_a_short_header_costs_33_bytes() -> None:
    assert len(pack(EXAMPLE, b"")) == 33


@settings(max_examples=300)
@given(HEADERS, st.binary(max_size=60), st.data())
def test_mutated_bytes(header: Header, payload: bytes, data: st.DataObject) -> None:
    original = pack(header, payload)
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    _only_exact_or_refused(bytes(damaged), header, payload)


@settings(max_examples=300)
@given(HEADERS, st.binary(max_size=60), st.data())
def test_mutated_bytes_with_a_mended_checksum(header: Header, payload: bytes, data: st.DataObject) -> None:
    """Someone who mends the checksum may make another valid stream, but never an error of another kind."""
    damaged = bytearray(pack(header, payload)[:-4])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged += zlib.crc32(damaged).to_bytes(4, "little")
    try:
        fields, content = unpack(bytes(damaged))
    except BitstreamError:
        return
    assert pack(fields, content) == bytes(damaged)


@given(HEADERS, st.binary(max_size=60), st.data())
def test_truncated_or_extended_bytes(header: Header, payload: bytes, data: st.DataObject) -> None:
    original = pack(header, payload)
    with pytest.raises(BitstreamError):
        unpack(original[: data.draw(st.integers(0, len(original) - 1))])
    with pytest.raises(BitstreamError):
        unpack(original + data.draw(st.binary(min_size=1, max_size=8)))


@given(st.binary(max_size=100), st.booleans())
def test_foreign_bytes(data: bytes, magic: bool) -> None:
    with pytest.raises(BitstreamError):
        unpack((b"TWIR\x01" if magic else b"") + data)


def _only_exact_or_refused(data: bytes, header: Header, payload: bytes) -> None:
    with contextlib.suppress(BitstreamError):
        assert unpack(data) == (header, payload)


def test_other_model_and_other_version_say_so() -> None:
    data = pack(EXAMPLE, b"abc")
    with pytest.raises(BitstreamError, match="made by model 0123456789abcdef"):
        unpack(data, "f" * 16)
    with pytest.raises(BitstreamError, match="version 2"):
        unpack(data[:4] + b"\x02" + data[5:])


def test_claimed_sizes_are_not_believed() -> None:
    body = pack(Header("x", "0" * 16, 1, 1), b"")[:-5] + b"\xff\xff\xff\xff\x07"  # a payload of 2 GiB
    with pytest.raises(BitstreamError, match="announced"):
        unpack(body + zlib.crc32(body).to_bytes(4, "little"))


@pytest.mark.parametrize(
    "header",
    [
        Header("Ünfit", "0" * 16, 1, 1),
        Header("x", "short", 1, 1),
        Header("x", "0" * 16, -1, 1),
        Header("x", "0" * 16, 1, 1 << 31),
        Header("x", "0" * 16, 1, 1, (0,) * 257),
    ],
)
def test_pack_refuses_what_it_could_not_read_back(header: Header) -> None:
    with pytest.raises(BitstreamError):
        pack(header, b"")
