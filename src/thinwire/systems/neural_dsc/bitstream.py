"""Indices of one item as bytes: packed with equal bits, or range-coded with the tables of a prior, in the container.

The container's one size names the item that the side information must belong to; without one nothing is named. What an
item's shape is goes with the model, whose fingerprint the container carries.
"""

from __future__ import annotations

import hashlib

import numpy as np

from thinwire.coding.adaptive import decode_adaptive
from thinwire.coding.container import Header, pack, unpack
from thinwire.coding.entropy import encode_symbols
from thinwire.errors import BitstreamError, ParamError
from thinwire.systems.neural_dsc.prior import StepwisePrior

CODEC = "ndsc"


def item_number(item: str) -> int:
    """31 bits of a hash of an item's name."""
    return int.from_bytes(hashlib.sha256(item.encode()).digest()[:4], "big") >> 1


def pack_fixed(indices: np.ndarray, bits: int) -> bytes:
    """Indices (n,) below 2^bits, highest bit first, filled up with zero bits to whole bytes.

    Raises ValueError for an index that needs more bits.
    """
    if indices.size and not 0 <= indices.min() <= indices.max() < 1 << bits:
        raise ValueError(f"indices {indices.min()} to {indices.max()} do not fit {bits} bits")
    return np.packbits(indices[:, None] >> np.arange(bits)[::-1] & 1).tobytes()


def unpack_fixed(data: bytes, bits: int, count: int) -> np.ndarray:
    """The inverse of `pack_fixed`, (count,) int64; raises BitstreamError for bytes that it does not write."""
    if len(data) != (count * bits + 7) // 8:
        raise BitstreamError(f"{len(data)} bytes are not {count} indices of {bits} bits; the bitstream is damaged")
    each = np.unpackbits(np.frombuffer(data, np.uint8))
    if each[count * bits :].any():
        raise BitstreamError("bits after the last index are not zero; the bitstream is damaged")
    return each[: count * bits].reshape(count, bits).astype(np.int64) @ (1 << np.arange(bits)[::-1])


class Bitstream:
    """Indices (L,) of `bits` bits each to bytes and back; the model and prior behind them are known by `fingerprint`.

    Raises ParamError for a prior of other positions or codewords.
    """

    def __init__(self, bits: int, positions: int, prior: StepwisePrior | None, fingerprint: str) -> None:
        if prior is not None and (prior.positions, prior.codewords) != (positions, 1 << bits):
            raise ParamError(
                f"a prior over {prior.positions} positions of {prior.codewords} codewords does not fit a codec of "
                f"{positions} and {1 << bits}; take the prior that was trained after it"
            )
        self.bits, self.positions, self.prior, self.fingerprint = bits, positions, prior, fingerprint

    @property
    def fixed_bits(self) -> int:
        """Bits of an item in codes of one length."""
        return self.bits * self.positions

    def payloads(self, indices: np.ndarray) -> list[bytes]:
        """The coded indices of each of n items (n, L)."""
        if self.prior is None:
            return [pack_fixed(item, self.bits) for item in indices]
        tables = self.prior.tables(indices)
        return [encode_symbols(item, own) for item, own in zip(indices, tables, strict=True)]

    def pack(self, indices: np.ndarray, item: str = "") -> bytes:
        """A container of one item's indices (L,), in the name of `item`."""
        return self.contain(self.payloads(indices[None])[0], item)

    def contain(self, payload: bytes, item: str = "") -> bytes:
        """A container of one of `payloads`, in the name of `item`."""
        return pack(Header(CODEC, self.fingerprint, self.positions, 0, (item_number(item),) if item else ()), payload)

    def header_bytes(self, payload: bytes, item: str = "") -> int:
        """Bytes that the container adds to a payload."""
        return len(self.contain(payload, item)) - len(payload)

    def unpack(self, data: bytes, item: str | None = None) -> np.ndarray:
        """Indices (L,) int64 of a container; with `item`, only of one that names that item or none at all ("": none).

        Raises BitstreamError for bytes that are not this model's or not what `pack` writes, ParamError for those of
        another item.
        """
        header, payload = unpack(data, self.fingerprint)
        if header.codec != CODEC or header.samples != self.positions or header.sample_rate or len(header.sizes) > 1:
            raise BitstreamError(
                f"bitstream of codec {header.codec!r} with {header.samples} symbols and {len(header.sizes)} sizes is "
                f"not one of {CODEC!r} with {self.positions}"
            )
        if item == "" and header.sizes:
            raise ParamError(
                "the bytes name the item that they were made from, the side information names none; say whose it is "
                "(`item`), or ask for another's (`other_item`)"
            )
        if item and header.sizes and header.sizes[0] != item_number(item):
            raise ParamError(
                f"the side information is that of {item!r}, the bytes were made from another item; give the item's "
                "own, or ask for another's (`other_item`)"
            )
        if self.prior is None:
            return unpack_fixed(payload, self.bits, self.positions)
        prior, cache = self.prior, self.prior.begin()
        return decode_adaptive(payload, lambda before: prior.next_table(before, cache), self.positions)
