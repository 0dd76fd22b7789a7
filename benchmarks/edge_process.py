"""`python -m benchmarks.edge_process`: one codec alone in a process, so that its peak of memory is its own.

`mel FOLDER REPETITIONS`: the edge side of AUCOM without torch, of the `encoder.onnx`, `counts.npz` and `audio.npy` in a
folder. `waveform NAME REPETITIONS`: the encoder of a neural waveform codec. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measurement import Timing, peak_mb, repeat
from thinwire.audio import SAMPLE_RATE

TAU = 2.0
"""The paper's, with Huffman codes."""
MINUTE_S = 60
PIECE_S = 5
"""Seconds that a waveform codec gets at once, AUCOM's chunk; with a whole minute DAC would need some 10 GB."""


def mel(folder: str, repetitions: int) -> dict[str, Any]:
    """Times of the whole and of its parts, bytes of a minute, peak of memory."""
    from thinwire.systems.aucom.bitstream import Bitstream
    from thinwire.systems.aucom.edge import EdgeCodec, EdgeEncoder
    from thinwire.systems.aucom.gate import LONGEST_S, NoiseGate
    from thinwire.systems.aucom.tables import tables_at

    with np.load(Path(folder) / "counts.npz") as counts:
        tables = tables_at(dict(counts), TAU)
    encoder = EdgeEncoder(Path(folder) / "encoder.onnx")
    bitstream = Bitstream(tables, "0" * 16, "huffman", encoder.columns, encoder.chunk_frames)
    codec, audio = EdgeCodec(encoder, bitstream, TAU), np.load(Path(folder) / "audio.npy")
    features = codec.features(audio)
    symbols, background = codec.symbols(features), audio[: int(LONGEST_S * SAMPLE_RATE)]
    calls: dict[str, Callable[[], object]] = {
        "minute": lambda: codec.encode(audio),
        "fbank": lambda: codec.features(audio),
        "encoder": lambda: codec.symbols(features),
        "coder": lambda: bitstream.pack(symbols, features.shape[1]),
        "gate": lambda: NoiseGate().is_noisy(background),
    }
    times = {name: asdict(repeat(lambda _, call=call: call(), repetitions, 2)) for name, call in calls.items()}  # type: ignore[misc]
    return {"times": times, "bytes": len(codec.encode(audio)), "peak_mb": peak_mb(), "torch": "torch" in sys.modules}


def waveform(name: str, repetitions: int) -> dict[str, Any]:
    """Time of `encode` for a minute, peak of memory."""
    import torch

    from thinwire.systems.aucom.neural_codecs import neural_codec

    torch.set_num_threads(1)
    torch.manual_seed(0)
    codec = neural_codec(name)
    samples = PIECE_S * codec.sample_rate // codec.hop_length * codec.hop_length
    x = 0.05 * torch.randn(1, 1, samples)
    with torch.inference_mode():
        timing: Timing = repeat(lambda _: [codec.encode(x) for _ in range(MINUTE_S // PIECE_S)], repetitions)
    parameters = sum(value.numel() for value in codec.encoder.parameters())
    return {"title": codec.title, "times": {"minute": asdict(timing)}, "parameters": parameters, "peak_mb": peak_mb()}


if __name__ == "__main__":
    kind, what, repetitions = sys.argv[1:]
    print(json.dumps((mel if kind == "mel" else waveform)(what, int(repetitions))))
