"""The container that every codec's bytes travel in.

Layout: `TWIR`, version (1 byte), codec name (length byte and ASCII), model fingerprint (8 bytes), then as LEB128
integers the samples, sample rate, number of sizes, the sizes and the payload's length, the payload, and the CRC32 of
all that precedes it (4 bytes, little-endian). With three sizes this is about 33 bytes on top of the payload.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from thinwire.errors import BitstreamError

MAGIC = b"TWIR"
VERSION = 1
MAX_PAYLOAD = 1 << 26
MAX_SIZES = 256
MAX_INTEGER = (1 << 31) - 1
_NAME = re.compile(r"[a-z0-9_.-]{1,32}")
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_SMALLEST = len(MAGIC) + 1 + 2 + 8 + 4 + 4


@dataclass(frozen=True)
class Header:
    """What a decoder must know: codec name, model fingerprint (16 hex digits), length in samples, sample rate in Hz,
    and the codec's own non-negative integers."""

    codec: str
    fingerprint: str
    samples: int
    sample_rate: int
    sizes: tuple[int, ...] = ()


def pack(fields: Header, payload: bytes) -> bytes:
    """Bytes of a header and a payload; raises BitstreamError for a field outside the container's limits."""
    if not _NAME.fullmatch(fields.codec):
        raise BitstreamError(f"codec name {fields.codec!r} is not 1 to 32 of a-z, 0-9, '_', '.', '-'")
    if not _FINGERPRINT.fullmatch(fields.fingerprint):
        raise BitstreamError(f"model fingerprint {fields.fingerprint!r} is not 16 hex digits")
    if len(fields.sizes) > MAX_SIZES:
        raise BitstreamError(f"{len(fields.sizes)} sizes do not fit a container, which holds at most {MAX_SIZES}")
    if len(payload) > MAX_PAYLOAD:
        raise BitstreamError(f"payload of {len(payload)} bytes is over the limit of {MAX_PAYLOAD}; code shorter audio")
    name = fields.codec.encode("ascii")
    body = bytearray(MAGIC)
    body.append(VERSION)
    body.append(len(name))
    body += name + bytes.fromhex(fields.fingerprint)
    for value in (fields.samples, fields.sample_rate, len(fields.sizes), *fields.sizes, len(payload)):
        _put(body, int(value))
    body += payload
    body += zlib.crc32(body).to_bytes(4, "little")
    return bytes(body)


def unpack(data: bytes, fingerprint: str | None = None) -> tuple[Header, bytes]:
    """Header and payload; with `fingerprint`, only of bytes made by that model. Inverse of `pack`.

    Raises BitstreamError, and nothing else, for bytes that are damaged, truncated, foreign, of another version or of
    another model. Nothing is allocated beyond copies of the input.
    """
    data = bytes(data)
    if len(data) < len(MAGIC) or data[:4] != MAGIC:
        raise BitstreamError("not a thinwire bitstream (it does not begin with 'TWIR')")
    if len(data) < _SMALLEST:
        raise BitstreamError(f"bitstream ends after {len(data)} bytes, inside its header; it was truncated")
    if data[4] != VERSION:
        raise BitstreamError(f"bitstream has version {data[4]}, this program reads version {VERSION}; encode again")
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise BitstreamError(f"bitstream of {len(data)} bytes fails its checksum; it was damaged or truncated")
    reader = _Reader(data, 5, len(data) - 4)
    try:
        codec = reader.take(reader.take(1)[0]).decode("ascii")
    except UnicodeDecodeError as error:
        raise BitstreamError("bitstream has a codec name that is not ASCII") from error
    if not _NAME.fullmatch(codec):
        raise BitstreamError(f"bitstream has an impossible codec name {codec!r}")
    made_by = reader.take(8).hex()
    samples, sample_rate, count = reader.integer(), reader.integer(), reader.integer()
    if count > MAX_SIZES:
        raise BitstreamError(f"bitstream claims {count} sizes, at most {MAX_SIZES} are allowed")
    sizes = tuple(reader.integer() for _ in range(count))
    payload = reader.take(reader.integer())
    if reader.position != reader.end:
        raise BitstreamError(f"bitstream has {reader.end - reader.position} bytes after its payload")
    if fingerprint is not None and made_by != fingerprint:
        raise BitstreamError(f"bitstream was made by model {made_by}, not by {fingerprint}; decode with that model")
    return Header(codec, made_by, samples, sample_rate, sizes), payload


def _put(body: bytearray, value: int) -> None:
    """Append a LEB128 integer: 7 bits a byte, lowest first."""
    if not 0 <= value <= MAX_INTEGER:
        raise BitstreamError(f"integer {value} does not fit a container (0 to {MAX_INTEGER})")
    while value >= 128:
        body.append(value % 128 + 128)
        value //= 128
    body.append(value)


class _Reader:
    """A place in bytes that never reads past its end."""

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self.data, self.position, self.end = data, position, end

    def take(self, count: int) -> bytes:
        if count > self.end - self.position:
            raise BitstreamError(f"bitstream ends where {count} more bytes were announced (byte {self.position})")
        taken = self.data[self.position : self.position + count]
        self.position += count
        return taken

    def integer(self) -> int:
        value = 0
        for shift in range(0, 35, 7):
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                if value > MAX_INTEGER or (byte == 0 and shift > 0):
                    break
                return value
        raise BitstreamError(f"bitstream has an impossible integer before byte {self.position}")
