"""Frames between an edge device and its server.

A frame: payload length (4 bytes), kind (1), `seq` (4), `ack` (4), all big-endian, the payload, and the CRC32 of all
that precedes it (4). A conversation: HELLO with the stream's model and, on a further connection of the stream, its
token; WELCOME with the token and the number of the first chunk that the server has not had; then CHUNKs in order, each
answered by a RESULT of the same number, and END when the sender has every result. `ack` tells the server from which
number on results are still wanted, so what it keeps is bounded: no chunk is WINDOW or more ahead of `ack`. A side that
cannot go on says ERROR and closes.

The paper has no protocol (it speaks of streaming over ZigBee, LoRa and mobile uplinks, section 5.5.3): reading.
"""

from __future__ import annotations

import asyncio
import json
import struct
import zlib
from collections.abc import Awaitable, Collection
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

from thinwire.errors import BitstreamError, ThinwireError

VERSION = 1
WINDOW = 8
"""Chunks under way at most: 40 s of audio in chunks of 5 s."""
MAX_PAYLOAD = 1 << 17
"""Bytes of a chunk at most: 5 s at 210 kbit/s."""
MAX_RESULT = 1 << 14
"""Bytes of an answer at most."""
MAX_SEQ = (1 << 31) - 1
TOKEN_BYTES = 16
FRAME_BYTES = 17
"""What a frame adds to its payload."""
_HEADER = struct.Struct(">IBII")
_PIECE = 256

T = TypeVar("T")


class Kind(IntEnum):
    """What a frame is."""

    HELLO = 1
    WELCOME = 2
    CHUNK = 3
    RESULT = 4
    END = 5
    ERROR = 6


MOST_BYTES = {
    Kind.HELLO: 64,
    Kind.WELCOME: 64,
    Kind.CHUNK: MAX_PAYLOAD,
    Kind.RESULT: MAX_RESULT,
    Kind.END: 0,
    Kind.ERROR: 512,
}
"""Bytes of a payload at most: only who has a stream may send long frames."""


class Fault(IntEnum):
    """Why a side cannot go on; after all but FOREIGN a further connection may go better."""

    MALFORMED = 1
    SLOW = 2
    BUSY = 3
    FOREIGN = 4


class ServingError(ThinwireError):
    """A server that cannot be reached or that refuses; `fault` is what it said, if it said anything."""

    def __init__(self, text: str, fault: Fault | None = None) -> None:
        super().__init__(text)
        self.fault = fault


@dataclass(frozen=True)
class Frame:
    """A frame: its kind, chunk number, the first number whose result is still wanted, and its payload."""

    kind: Kind
    seq: int = 0
    ack: int = 0
    payload: bytes = b""


@dataclass(frozen=True)
class Hello:
    """A HELLO's payload: the model's fingerprint (16 hex digits), and the token (16 bytes; empty for a new stream)."""

    model: str
    token: bytes = b""


def pack_frame(frame: Frame) -> bytes:
    """Bytes of a frame; raises BitstreamError for a payload or number that none can carry."""
    most = MOST_BYTES[frame.kind]
    if len(frame.payload) > most or not (0 <= frame.seq <= MAX_SEQ and 0 <= frame.ack <= MAX_SEQ):
        raise BitstreamError(
            f"{frame.kind.name} of {len(frame.payload)} bytes, seq {frame.seq}, ack {frame.ack}: at most {most} bytes "
            f"and numbers of 0 to {MAX_SEQ} are allowed; send shorter chunks"
        )
    body = _HEADER.pack(len(frame.payload), frame.kind, frame.seq, frame.ack) + frame.payload
    return body + zlib.crc32(body).to_bytes(4, "big")


async def read_frame(
    reader: asyncio.StreamReader,
    idle_s: float | None = None,
    stall_s: float | None = None,
    due: Collection[Kind] = tuple(Kind),
) -> Frame:
    """The next frame of a connection. No more is held than has arrived, whatever length a header claims.

    Raises BitstreamError for bytes that are no frame, and, before its payload comes, for a kind that is not `due`;
    asyncio.IncompleteReadError where the connection ends; TimeoutError where the header takes more than `idle_s`, or
    the next 256 bytes of what follows more than `stall_s`.
    """
    header = await _within(idle_s, reader.readexactly(_HEADER.size))
    length, kind, seq, ack = _HEADER.unpack(header)
    if kind not in Kind.__members__.values() or length > MOST_BYTES[Kind(kind)] or max(seq, ack) > MAX_SEQ:
        raise BitstreamError(f"frame of {length} bytes, kind {kind}, seq {seq}, ack {ack}: there is no such frame")
    if kind not in due:
        raise BitstreamError(f"{Kind(kind).name} came where {' or '.join(one.name for one in due)} was due")
    rest = bytearray()
    while (missing := length + 4 - len(rest)) > 0:
        rest += await _within(stall_s, reader.readexactly(min(missing, _PIECE)))
    payload = bytes(rest[:length])
    if zlib.crc32(payload, zlib.crc32(header)) != int.from_bytes(rest[length:], "big"):
        raise BitstreamError(f"frame of {length} bytes fails its checksum; it was damaged on the way")
    return Frame(Kind(kind), seq, ack, payload)


async def _within(seconds: float | None, reading: Awaitable[T]) -> T:
    async with asyncio.timeout(seconds):
        return await reading


def pack_hello(hello: Hello) -> bytes:
    """Payload of a HELLO: version (1 byte), model (8), token."""
    return bytes([VERSION]) + bytes.fromhex(hello.model) + hello.token


def parse_hello(payload: bytes) -> Hello:
    """Inverse of `pack_hello`; raises BitstreamError for another length, ServingError for another version."""
    if payload[:1] and payload[0] != VERSION:
        raise ServingError(f"protocol version {payload[0]} is not {VERSION}; use the same release", Fault.FOREIGN)
    if len(payload) not in (9, 9 + TOKEN_BYTES):
        raise BitstreamError(f"HELLO of {len(payload)} bytes; it has 9, or {9 + TOKEN_BYTES} with a token")
    return Hello(payload[1:9].hex(), payload[9:])


def error_frame(fault: Fault, text: str) -> Frame:
    """An ERROR: its fault (1 byte) and a line for people."""
    return Frame(Kind.ERROR, payload=bytes([fault]) + text.encode()[:500])


def error_of(frame: Frame) -> ServingError:
    """What an ERROR says."""
    known = frame.payload[:1] and frame.payload[0] in Fault.__members__.values()
    text = frame.payload[1:].decode("utf-8", "replace")
    return ServingError(f"the server refused: {text}", Fault(frame.payload[0]) if known else None)


def parse_result(payload: bytes) -> dict[str, Any]:
    """A RESULT's values; raises BitstreamError for what is no JSON mapping."""
    try:
        value = json.loads(payload)
    except ValueError as error:
        raise BitstreamError(f"the server's answer of {len(payload)} bytes is not JSON") from error
    if not isinstance(value, dict):
        raise BitstreamError(f"the server's answer is a {type(value).__name__}, not a mapping")
    return value
