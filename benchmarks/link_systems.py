"""What is sent over the link: AUCOM's three versions, MP3 and AAC at rates of theirs, PCM, and a minute of audio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.edge_process import MINUTE_S, PIECE_S, TAU
from benchmarks.streaming import noise
from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.universal import chunks_of
from thinwire.errors import CheckpointError, ParamError, PipelineError
from thinwire.kaldi import fbank
from thinwire.params import Params
from thinwire.params.aucom import AucomRow
from thinwire.segments import SegmentStore
from thinwire.systems.aucom.bitstream import Bitstream, as_chunks
from thinwire.systems.aucom.codec_net import AuComNet
from thinwire.systems.aucom.edge import EdgeCodec, EdgeEncoder
from thinwire.systems.aucom.export import export_encoder
from thinwire.systems.aucom.tables import tables_at
from thinwire.systems.classic import CODECS
from thinwire.training.adapters.aucom_codec import load_coder, tables_of
from thinwire.training.build import DATA

AUCOM = {"aucom_v1": "v1", "aucom_v2": "v2", "aucom_v3": "v3"}
CLASSIC = {"mp3_64": ("mp3", 64.0), "mp3_8": ("mp3", 8.0), "aac_12": ("aac", 12.0)}
"""The paper's MP3, and the lowest rates that there are."""
PIECE = PIECE_S * SAMPLE_RATE

Encode = Callable[[np.ndarray], bytes]


@dataclass(frozen=True)
class System:
    """A codec: `start(chunks)` begins a stream of so many chunks of `chunk_samples`; `gated`: with AUCOM's gate."""

    name: str
    what: str
    chunk_samples: int
    start: Callable[[int], Encode]
    gated: bool = False


def minute(params: Params) -> tuple[np.ndarray, str]:
    """A minute of speech of test talkers, or of noise where there is none yet, and which."""
    try:
        chunks = chunks_of(SegmentStore(DATA / "librispeech").load("eval"), PIECE)
    except PipelineError:
        chunks = np.zeros((0, PIECE), np.float32)
    if not len(chunks):
        return noise(params.seed, MINUTE_S * SAMPLE_RATE), "noise, as there are no segments yet"
    return np.resize(chunks, MINUTE_S * SAMPLE_RATE), "speech of test talkers"


def systems(params: Params, audio: np.ndarray) -> dict[str, System]:
    """All of them by name."""
    found = [aucom(params, name, audio) for name in AUCOM]
    for name, (codec, kbps) in CLASSIC.items():
        what = f"{CODECS[codec].title}, {kbps:g} kbit/s, without container"
        found.append(System(name, what, PIECE, partial(classic, codec, kbps)))
    # In halves: 5 s do not fit a frame.
    found.append(System("pcm", "PCM, 16 bits", PIECE // 2, lambda chunks: pcm))
    return {system.name: system for system in found}


def aucom(params: Params, name: str, audio: np.ndarray) -> System:
    """A trained run at TAU with Huffman codes; where there is none, an untrained net with tables of `audio` itself."""
    try:
        coder = load_coder(params, name, TAU)
        net, bitstream, kind = coder.net, coder.bitstream, "trained"
    except (CheckpointError, ParamError, PipelineError):
        net, bitstream = untrained(params, AUCOM[name], audio)
        kind = "untrained"
    assert isinstance(net, AuComNet)
    codec = EdgeCodec(EdgeEncoder(export_encoder(net)), bitstream, TAU)
    what = f"AUCOM {AUCOM[name]} ({kind}), tau {TAU:g}, Huffman"
    return System(name, what, codec.chunk_samples, lambda chunks: codec.encode, gated=True)


def untrained(params: Params, variant: str, audio: np.ndarray) -> tuple[AuComNet, Bitstream]:
    """A net with random weights, and what codes its symbols of `audio`."""
    torch.manual_seed(params.seed)
    row = AucomRow(after="", steps=1, variant=variant)  # type: ignore[arg-type]
    net = AuComNet(params.systems.aucom_codec, row).eval().requires_grad_(False)
    chunks = torch.from_numpy(as_chunks(fbank(audio[None], net.n_mels)[0], net.chunk_frames))
    net.fit_statistics(chunks)
    tensors = {key: value.numpy() for key, value in tables_of(net, chunks, [TAU]).items()}
    return net, Bitstream(tables_at(tensors, TAU), "0" * 16, "huffman", net.columns, net.chunk_frames)


def classic(name: str, kbps: float, chunks: int) -> Encode:
    """A codec of FFmpeg as a stream: the packets that each chunk completes, with the last one those that are left."""
    import av

    codec = CODECS[name]
    encoder: Any = av.CodecContext.create(codec.encoder, "w")
    encoder.sample_rate, encoder.layout, encoder.format = codec.sample_rate, "mono", "fltp"
    encoder.bit_rate, encoder.options = round(1000 * kbps), codec.options
    encoder.time_base = Fraction(1, codec.sample_rate)
    encoder.open()
    left, begin = chunks, 0

    def encode(audio: np.ndarray) -> bytes:
        nonlocal left, begin
        frame = av.AudioFrame.from_ndarray(audio[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = codec.sample_rate, begin, encoder.time_base
        left, begin = left - 1, begin + len(audio)
        packets = encoder.encode(frame)
        return b"".join(map(bytes, packets if left else packets + encoder.encode(None)))

    return encode


def pcm(audio: np.ndarray) -> bytes:
    """Samples as 16-bit integers."""
    return (np.clip(audio, -1.0, 1.0 - 2.0**-15) * 32768.0).round().astype("<i2").tobytes()
