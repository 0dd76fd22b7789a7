"""Audio to bytes and back: a model, its code tables, and the rates of what they write, side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from thinwire.audio import SAMPLE_RATE
from thinwire.coding.quantise import IntegerTable
from thinwire.errors import BitstreamError, CheckpointError
from thinwire.nn.fingerprint import model_fingerprint
from thinwire.params.tfcodec import STEP_FRAMES
from thinwire.signal.samples import check_rate, checked_samples
from thinwire.systems.tfcodec.bitstream import PACKET_HEADER_BYTES, Bitstream, IndexCoder, Received
from thinwire.systems.tfcodec.model import TfCodec
from thinwire.systems.tfcodec.streaming import StreamDecoder, StreamEncoder, TorchSteps
from thinwire.systems.tfcodec.tables import entropy_bits, huffman_bits

MOST_AT_ONCE = 1500
"""Steps, 60 s, that go through the model in one pass, which takes 5 to 10 MB a second; longer audio is streamed."""


@dataclass(frozen=True)
class Rates:
    """Rates of one signal in kbit/s, header apart: `nominal` (G log2 K a step, what codes of one length would take),
    `entropy` (of the symbols under the tables), `huffman` and `range` (bytes of whole-file payloads), `packets` (bytes
    of the payloads of range-coded packets) and `packet_headers`; and the container's `header_bytes`. The target of the
    rate loss stands in the run's row.
    """

    nominal: float
    entropy: float
    huffman: float
    range: float
    packets: float
    packet_headers: float
    header_bytes: int


@dataclass(frozen=True)
class StepBits:
    """Bits of 40 ms steps over some material (section IV-B): extremes, mean, and standard deviation."""

    least: int
    most: int
    mean: float
    std: float

    @classmethod
    def of(cls, bits: np.ndarray) -> StepBits:
        """Statistics of bits (S,)."""
        return cls(int(bits.min()), int(bits.max()), float(bits.mean()), float(bits.std()))


def coder_fingerprint(model: TfCodec, tables: Sequence[IntegerTable]) -> str:
    """Names weights, tables and the power, which is no weight where it is fixed: bytes decode only with all three."""
    return model_fingerprint(model, model.power.detach().cpu().numpy(), *(table.counts for table in tables))


class TfCodecCoder:
    """`encode(audio (samples,)) -> bytes`, `decode(bytes) -> audio (samples,)`; the same in packets.

    Raises CheckpointError where tables and model are not of one shape.
    """

    def __init__(
        self, model: TfCodec, tables: Sequence[IntegerTable], fingerprint: str, coder: IndexCoder = "range"
    ) -> None:
        self.model = model.eval()
        found = [len(table.counts) for table in tables]
        if found != [model.quantiser.codewords] * model.quantiser.groups:
            raise CheckpointError(
                f"tables of {found} codewords do not fit the model's {model.quantiser.groups} groups of "
                f"{model.quantiser.codewords}; take the tables that were saved with it"
            )
        self.bitstream = Bitstream(tables, fingerprint, model.hop_length, coder)

    def indices(self, audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
        """Codewords (G, S), int64, of audio (samples,), floats around -1 .. 1.

        Raises BitstreamError for another sample rate or type, more channels than one, nothing, and NaN or infinities.
        """
        check_rate(sample_rate)
        x = checked_samples(audio)
        if not x.size:
            raise BitstreamError("audio is empty; nothing was coded")
        if self.bitstream.steps_of(x.size) <= MOST_AT_ONCE:
            return self.model.encode(torch.from_numpy(x)[None])[0].numpy()
        stream = StreamEncoder(TorchSteps(self.model))
        return np.concatenate([stream.push(x), stream.flush()], 1)

    def synthesise(self, indices: np.ndarray, samples: int, lost: np.ndarray | None = None) -> np.ndarray:
        """Audio (samples,) float32 of indices (G, S), with the packets marked in `lost` (S, 2) concealed."""
        if indices.shape[1] > MOST_AT_ONCE:
            return StreamDecoder(TorchSteps(self.model)).push(indices, lost)[:samples]
        mask = None if lost is None else torch.from_numpy(lost)[None]
        return self.model.decode(torch.from_numpy(indices)[None], samples, mask)[0].numpy()

    def encode(self, audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> bytes:
        """A container of audio (samples,); raises BitstreamError as `indices` does, and for audio that is too long."""
        self.bitstream.check_length(max(1, np.size(audio)))  # before hours are coded in vain
        return self.bitstream.pack(self.indices(audio, sample_rate), len(audio))

    def decode(self, data: bytes) -> np.ndarray:
        """Audio (samples,) float32 of a container; raises BitstreamError for bytes that are not this model's."""
        return self.synthesise(*self.bitstream.unpack(data))

    def encode_packets(self, audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> list[bytes]:
        """Two packets a 40 ms step of audio (samples,); raises BitstreamError as `indices` does."""
        return self.bitstream.packets(self.indices(audio, sample_rate))

    def decode_packets(self, packets: Iterable[bytes], samples: int) -> tuple[np.ndarray, Received]:
        """Audio (samples,) of what arrived of `samples` samples' packets, in any order, and what that was. Damaged and
        missing packets are concealed as lost; no bytes raise an error.
        """
        received = self.bitstream.receive(packets, self.bitstream.steps_of(samples))
        return self.synthesise(received.indices, samples, received.lost), received

    def step_bits(self, indices: np.ndarray) -> np.ndarray:
        """Huffman bits (S,), int64, of each 40 ms step."""
        return huffman_bits(indices, self.bitstream.tables)

    def rates(self, indices: np.ndarray, seconds: float) -> Rates:
        """What indices (G, S) of `seconds` seconds of audio cost. The time is the audio's own; the last step reaches
        past its end, so the rates of short audio lie above those of the steps.
        """
        tables, fingerprint, hop = self.bitstream.tables, self.bitstream.fingerprint, self.model.hop_length
        ranged = Bitstream(tables, fingerprint, hop, "range")
        samples, payload = round(seconds * SAMPLE_RATE), ranged.payload(indices)
        packets = ranged.packets(indices)
        headers = PACKET_HEADER_BYTES * len(packets)
        step_s = STEP_FRAMES * hop / SAMPLE_RATE

        def kbps(size: float) -> float:
            return 8.0 * size / seconds / 1000.0

        return Rates(
            nominal=sum(math.log2(len(table.counts)) for table in tables) / (1000.0 * step_s),
            entropy=kbps(float(entropy_bits(indices, tables).sum()) / 8.0),
            huffman=kbps(len(Bitstream(tables, fingerprint, hop, "huffman").payload(indices))),
            range=kbps(len(payload)),
            packets=kbps(sum(map(len, packets)) - headers),
            packet_headers=kbps(headers),
            header_bytes=len(ranged.pack(indices, samples)) - len(payload),
        )
