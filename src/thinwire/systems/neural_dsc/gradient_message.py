"""The messages of gradient coders: fields of bits one after another, filled up to whole bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from thinwire.errors import BitstreamError

_FLOATS: dict[int, tuple[type[np.floating], float]] = {16: (np.float16, 65504.0), 32: (np.float32, 3.4e38)}


def pack_fields(fields: Sequence[tuple[int, int]]) -> bytes:
    """Pairs (value, bits), highest bit first, filled up with zero bits to whole bytes."""
    number, total = 0, 0
    for value, bits in fields:
        if not 0 <= value < 1 << bits:
            raise ValueError(f"{value} does not fit {bits} bits")
        number, total = number << bits | value, total + bits
    filled = -total % 8
    return (number << filled).to_bytes((total + filled) // 8, "big")


class FieldReader:
    """Reads what `pack_fields` wrote; raises BitstreamError at the end of the bytes."""

    def __init__(self, data: bytes) -> None:
        self._number, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, bits: int) -> int:
        """The next field of so many bits."""
        if bits > self._left:
            raise BitstreamError("the message of a gradient ends early; it is damaged")
        self._left -= bits
        return self._number >> self._left & (1 << bits) - 1

    def take_float(self, bits: int) -> float:
        """The next field as a finite float of 16 or 32 bits."""
        value = float(np.frombuffer(self.take(bits).to_bytes(bits // 8, "little"), _FLOATS[bits][0])[0])
        if not math.isfinite(value):
            raise BitstreamError("the message of a gradient holds a value that is not finite; it is damaged")
        return value

    def finish(self) -> None:
        """Check that nothing but a byte's filling is left."""
        if self._left > 7 or self._number & (1 << self._left) - 1:
            raise BitstreamError("the message of a gradient goes on behind its end; it is damaged")


def float_field(value: float, bits: int) -> tuple[int, int]:
    """A field of a float of 16 or 32 bits; what is too large becomes the largest."""
    kind, limit = _FLOATS[bits]
    return int.from_bytes(kind(np.clip(value, -limit, limit)).tobytes(), "little"), bits


def rank_of(places: Sequence[int] | np.ndarray) -> int:
    """The number of an ascending set of places among all sets of its size, 0 to C(n, k) - 1 (Cover 1973)."""
    return sum(math.comb(int(place), number) for number, place in enumerate(places, 1))


def places_of(rank: int, count: int, values: int) -> list[int]:
    """The ascending set of `count` places below `values` that `rank_of` gives this number."""
    found, place = [], values
    for number in range(count, 0, -1):
        low, high = number - 1, place  # C(low, number) <= rank < C(high, number)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if math.comb(middle, number) <= rank else (low, middle)
        rank -= math.comb(low, number)
        place = low
        found.append(low)
    return found[::-1]
