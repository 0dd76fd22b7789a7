"""Frames: there and back, whatever is not one, and what a claimed length costs."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinwire.errors import BitstreamError
from thinwire.serving.protocol import (
    FRAME_BYTES,
    MAX_PAYLOAD,
    MAX_SEQ,
    MOST_BYTES,
    TOKEN_BYTES,
    Fault,
    Frame,
    Hello,
    Kind,
    ServingError,
    error_frame,
    error_of,
    pack_frame,
    pack_hello,
    parse_hello,
    parse_result,
    read_frame,
)

NUMBERS = st.integers(0, MAX_SEQ)
FRAMES = st.sampled_from(Kind).flatmap(
    lambda kind: st.builds(Frame, st.just(kind), NUMBERS, NUMBERS, st.binary(max_size=min(600, MOST_BYTES[kind])))
)


def read_all(data: bytes, stall_s: float | None = None, more: bool = False) -> list[Frame]:
    """Frames of a connection that brings `data` and ends, or then says nothing `more`; raises as `read_frame` does."""

    async def read() -> list[Frame]:
        reader = asyncio.StreamReader(limit=1 << 14)
        reader.feed_data(data)
        if not more:
            reader.feed_eof()
        frames: list[Frame] = []
        while more or not reader.at_eof():
            frames.append(await read_frame(reader, stall_s, stall_s))
        return frames

    return asyncio.run(read())


@given(st.lists(FRAMES, max_size=4))
def test_frames_come_back_as_they_were_sent(frames: list[Frame]) -> None:
    data = b"".join(map(pack_frame, frames))
    assert len(data) == sum(FRAME_BYTES + len(frame.payload) for frame in frames)
    assert read_all(data) == frames


@given(FRAMES, st.data())
def test_a_damaged_or_cut_frame_is_never_taken_for_one(frame: Frame, draw: st.DataObject) -> None:
    whole = pack_frame(frame)
    data = bytearray(whole)
    place = draw.draw(st.integers(0, len(data) - 1))
    data[place] ^= draw.draw(st.integers(1, 255))
    with pytest.raises((BitstreamError, asyncio.IncompleteReadError)):
        read_all(bytes(data))
    if place:
        with pytest.raises(asyncio.IncompleteReadError):
            read_all(whole[:place])


@given(st.binary(min_size=1, max_size=200))
def test_strange_bytes_are_no_frames(data: bytes) -> None:
    with pytest.raises((BitstreamError, asyncio.IncompleteReadError)):
        read_all(data)


def test_a_claimed_length_is_neither_reserved_nor_waited_for() -> None:
    too_long = (MAX_PAYLOAD + 1).to_bytes(4, "big") + bytes([Kind.CHUNK]) + bytes(8)
    with pytest.raises(BitstreamError, match="there is no such frame"):
        read_all(too_long, more=True)
    # Who has no stream yet cannot keep a place by a long greeting.
    for kind, most in MOST_BYTES.items():
        with pytest.raises(BitstreamError, match="there is no such frame"):
            read_all((most + 1).to_bytes(4, "big") + bytes([kind]) + bytes(8), more=True)
    assert MOST_BYTES[Kind.HELLO] < 100
    longest = MAX_PAYLOAD.to_bytes(4, "big") + bytes([Kind.CHUNK]) + bytes(8 + 1000)
    tracemalloc.start()
    with pytest.raises(TimeoutError):
        read_all(longest, stall_s=0.05, more=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MAX_PAYLOAD // 2


def test_what_no_frame_can_carry_is_refused_before_it_is_sent() -> None:
    long = [Frame(kind, payload=bytes(most + 1)) for kind, most in MOST_BYTES.items()]
    for frame in (*long, Frame(Kind.CHUNK, MAX_SEQ + 1)):
        with pytest.raises(BitstreamError, match="shorter"):
            pack_frame(frame)


def test_greetings_and_errors_come_back_as_they_were_sent() -> None:
    for hello in (Hello("00ff" * 4), Hello("a" * 16, bytes(range(TOKEN_BYTES)))):
        assert parse_hello(pack_hello(hello)) == hello
    error = error_of(error_frame(Fault.BUSY, "all places are taken"))
    assert error.fault is Fault.BUSY and "all places are taken" in str(error)
    assert error_of(Frame(Kind.ERROR, payload=b"\xff\xfe")).fault is None


@given(st.binary(max_size=40))
def test_a_greeting_of_other_bytes_is_refused(payload: bytes) -> None:
    try:
        assert pack_hello(parse_hello(payload)) == payload
    except ServingError as error:
        assert error.fault is Fault.FOREIGN and payload[0] != 1
    except BitstreamError:
        assert len(payload) not in (9, 9 + TOKEN_BYTES)


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff", b"[1]", b"7"])
def test_answers_that_are_no_mappings_are_refused(payload: bytes) -> None:
    assert parse_result(b'{"x": 1}') == {"x": 1}
    with pytest.raises(BitstreamError, match="answer"):
        parse_result(payload)
