"""Live coding in packets: two for each 40 ms step, in any order and with any of them missing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from thinwire.audio import SAMPLE_RATE
from thinwire.errors import BitstreamError
from thinwire.systems.tfcodec.bitstream import Bitstream
from thinwire.systems.tfcodec.streaming import CodecSteps, StreamDecoder, StreamEncoder

MAX_AHEAD = 50
"""Steps that a packet may come before its turn, 2 s: what a stranger can make the decoder hold is bounded."""


class PacketEncoder:
    """`push(samples) -> packets` of the steps that these samples complete, `flush()` for the rest.

    Raises BitstreamError for another sample rate.
    """

    def __init__(self, steps: CodecSteps, bitstream: Bitstream, sample_rate: int = SAMPLE_RATE) -> None:
        self.encoder, self.bitstream = StreamEncoder(steps, sample_rate), bitstream
        self._next, self._ended = 0, False

    def push(self, samples: np.ndarray) -> list[bytes]:
        """Packets, two a step, once samples (n,) have been added; raises BitstreamError as `StreamEncoder.push`, and
        after `flush`: a receiver goes on where it was, and so cannot begin anew with this encoder.
        """
        if self._ended:
            raise BitstreamError("this stream has ended; make a new encoder, and a new decoder at the other end")
        return self._packets(self.encoder.push(samples))

    def flush(self) -> list[bytes]:
        """The last packets of the stream, which ends it."""
        self._ended = True
        return self._packets(self.encoder.flush())

    def _packets(self, indices: np.ndarray) -> list[bytes]:
        packets = self.bitstream.packets(indices, self._next)
        self._next += indices.shape[1]
        return packets


class PacketDecoder:
    """`push(packets) -> samples`: each call plays one step of 40 ms from what has arrived by now.

    Packets may come early and in any order. One that is damaged, foreign, duplicated, more than `MAX_AHEAD` steps early
    or too late counts for nothing, and its step is concealed; no bytes raise an error.
    """

    def __init__(self, steps: CodecSteps, bitstream: Bitstream) -> None:
        self.decoder, self.bitstream = StreamDecoder(steps), bitstream
        self._waiting: dict[tuple[int, int], np.ndarray] = {}
        self._next = 0

    def push(self, packets: Iterable[bytes]) -> np.ndarray:
        """Samples (n,) float32 of the next step; `packets` are those that arrived since the last call."""
        for data in packets:
            try:
                packet = self.bitstream.open_packet(data)
            except BitstreamError:
                continue
            if 0 <= packet.step - self._next < MAX_AHEAD:
                self._waiting.setdefault((packet.step, packet.half), packet.indices)
        halves = self.bitstream.halves
        indices, lost = np.zeros((self.decoder.steps.groups, 1), np.int64), np.ones((1, len(halves)), bool)
        for half, groups in enumerate(halves):
            if (found := self._waiting.pop((self._next, half), None)) is not None:
                indices[groups, 0], lost[0, half] = found, False
        self._next += 1
        return self.decoder.push(indices, lost)
