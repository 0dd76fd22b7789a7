"""Indices as bytes: a whole file in one container, or two packets for each 40 ms step (section V).

A packet stands alone: number (3 bytes, big-endian: 2 * step, + 1 for the second half), the entropy-coded indices of one
half of the groups, and a CRC-16 of both (2 bytes) that starts from a hash of format version, model and coder. So a
packet that is damaged, or made by another model, version or coder, does not open, and none of the three costs a byte.
Stream-wide facts (model, coder, length) are agreed on beforehand, as a session's set-up does. At 50 packets a second
the 5 bytes are 2 kbit/s, which is why the header is always shown apart.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from thinwire.audio import SAMPLE_RATE
from thinwire.coding.container import MAX_INTEGER, VERSION, Header, pack, unpack
from thinwire.coding.entropy import MAX_SYMBOLS, decode_symbols, encode_symbols
from thinwire.coding.quantise import IntegerTable
from thinwire.errors import BitstreamError
from thinwire.params.tfcodec import STEP_FRAMES
from thinwire.signal.causal_stft import frames_of

CODEC = "tfcodec"
PACKET_HEADER_BYTES = 5
MAX_PACKET_STEPS = 1 << 23
"""What a packet number's 24 bits hold: 93 hours."""
MAX_FILE_STEPS = 1 << 18
"""Of one container, 2.9 hours: a few bytes can claim no more work than that."""
IndexCoder = Literal["range", "huffman"]


def packet_groups(groups: int) -> tuple[slice, slice]:
    """Which of G groups a step's two packets carry: the first half of them, rounded up, and the rest."""
    return slice(0, (groups + 1) // 2), slice((groups + 1) // 2, groups)


@dataclass(frozen=True)
class Packet:
    """A packet that opened: its place and the indices (groups of its half,), int64."""

    step: int
    half: int
    indices: np.ndarray


@dataclass(frozen=True)
class Received:
    """What a receiver makes of packets: `indices` (G, S) int64, zero where `lost` (S, 2) bool; and how many packets
    were `damaged`, `duplicates`, or numbered `beyond` the stream's end, all of which count for nothing.
    """

    indices: np.ndarray
    lost: np.ndarray
    damaged: int
    duplicates: int
    beyond: int


class Bitstream:
    """Indices (G, S) to bytes and back, with one table a group; the model behind them is known by its fingerprint.

    The coder, "range" or "huffman", is written into a container; for packets it is part of the set-up.
    """

    def __init__(
        self, tables: Sequence[IntegerTable], fingerprint: str, hop_length: int, coder: IndexCoder = "range"
    ) -> None:
        self.tables, self.fingerprint, self.hop_length, self.coder = list(tables), fingerprint, hop_length, coder
        self.halves = packet_groups(len(self.tables))
        setup = f"{CODEC}/{VERSION}/{fingerprint}/{coder}"
        self._crc_start = int.from_bytes(hashlib.sha256(setup.encode()).digest()[:2], "big")

    def steps_of(self, samples: int) -> int:
        """S of audio of `samples` samples."""
        return frames_of(samples, self.hop_length) // STEP_FRAMES

    def payload(self, indices: np.ndarray) -> bytes:
        """Entropy-coded indices (G, S) of a whole file, group by group: long runs of one table are coded fastest."""
        return encode_symbols(indices.ravel(), self._run_tables(indices.shape[1]), self.coder)

    def pack(self, indices: np.ndarray, samples: int) -> bytes:
        """A container of the indices (G, S) of `samples` samples at 16 kHz; its one size is the coder's number.

        Raises BitstreamError for audio that is empty or too long for one container, ValueError for indices that are not
        those of as many samples.
        """
        self.check_length(samples)
        if indices.shape != (len(self.tables), self.steps_of(samples)):
            raise ValueError(f"indices of shape {indices.shape} are not those of {samples} samples")
        header = Header(CODEC, self.fingerprint, samples, SAMPLE_RATE, (get_args(IndexCoder).index(self.coder),))
        return pack(header, self.payload(indices))

    def unpack(self, data: bytes) -> tuple[np.ndarray, int]:
        """Indices (G, S) and samples of a container, whichever coder wrote it. Inverse of `pack`.

        Raises BitstreamError, and nothing else, for bytes that are not this model's or not what `pack` writes.
        """
        header, payload = unpack(data, self.fingerprint)
        coders = get_args(IndexCoder)
        if header.codec != CODEC or header.sample_rate != SAMPLE_RATE or len(header.sizes) != 1:
            raise BitstreamError(
                f"bitstream of codec {header.codec!r} at {header.sample_rate} Hz with {len(header.sizes)} sizes is not "
                f"one of {CODEC!r}, which has {SAMPLE_RATE} Hz and one size"
            )
        if header.sizes[0] >= len(coders):
            raise BitstreamError(f"bitstream names entropy coder {header.sizes[0]}, known are 0 to {len(coders) - 1}")
        self.check_length(header.samples)
        groups, steps = len(self.tables), self.steps_of(header.samples)
        symbols = decode_symbols(payload, self._run_tables(steps), groups * steps, coders[header.sizes[0]])
        return symbols.reshape(groups, steps), header.samples

    def packets(self, indices: np.ndarray, first_step: int = 0) -> list[bytes]:
        """The packets of indices (G, S) in order, two a step, numbered from step `first_step`.

        Raises BitstreamError past the last step that a packet's number can hold.
        """
        if first_step + indices.shape[1] > MAX_PACKET_STEPS:
            raise BitstreamError(f"step {MAX_PACKET_STEPS} is past the last of a packet stream; start a new stream")
        packets = []
        for step, column in enumerate(indices.T, first_step):
            for half, groups in enumerate(self.halves):
                number = (2 * step + half).to_bytes(3, "big")
                packets.append(self._seal(number + encode_symbols(column[groups], self.tables[groups], self.coder)))
        return packets

    def open_packet(self, data: bytes) -> Packet:
        """Place and indices of a packet; raises BitstreamError, and nothing else, for a damaged or foreign one."""
        if len(data) < PACKET_HEADER_BYTES:
            raise BitstreamError(f"packet of {len(data)} bytes; the header alone has {PACKET_HEADER_BYTES}")
        data = bytes(data)
        if self._seal(data[:-2]) != data:
            raise BitstreamError(f"packet of {len(data)} bytes fails its checksum; it is damaged or of another model")
        step, half = divmod(int.from_bytes(data[:3], "big"), 2)
        tables = self.tables[self.halves[half]]
        return Packet(step, half, decode_symbols(data[3:-2], tables, len(tables), self.coder))

    def receive(self, packets: Iterable[bytes], steps: int) -> Received:
        """What arrives of a stream of S = `steps` steps, in any order. A place for which no packet opens is lost; of
        several for one place the first to arrive that opens counts.
        """
        indices = np.zeros((len(self.tables), steps), np.int64)
        lost = np.ones((steps, 2), bool)
        damaged = duplicates = beyond = 0
        for data in packets:
            try:
                packet = self.open_packet(data)
            except BitstreamError:
                damaged += 1
                continue
            if packet.step >= steps:
                beyond += 1
            elif not lost[packet.step, packet.half]:
                duplicates += 1
            else:
                indices[self.halves[packet.half], packet.step] = packet.indices
                lost[packet.step, packet.half] = False
        return Received(indices, lost, damaged, duplicates, beyond)

    def _run_tables(self, steps: int) -> list[IntegerTable]:
        return [table for table in self.tables for _ in range(steps)]

    def _seal(self, body: bytes) -> bytes:
        return body + binascii.crc_hqx(body, self._crc_start).to_bytes(2, "big")

    def check_length(self, samples: int) -> None:
        """Raises BitstreamError for so many samples as one container does not hold."""
        most = min(MAX_FILE_STEPS, MAX_SYMBOLS // len(self.tables))
        if not 1 <= samples <= MAX_INTEGER or self.steps_of(samples) > most:
            seconds = most * STEP_FRAMES * self.hop_length // SAMPLE_RATE
            raise BitstreamError(f"{samples} samples: a bitstream holds 1 sample to {seconds} s; code it in parts")
