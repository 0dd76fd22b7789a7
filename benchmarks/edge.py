"""AUCOM's edge side for a minute of audio on one thread, each codec alone in a process, beside EnCodec and DAC."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.edge_process import MINUTE_S, PIECE_S, TAU
from benchmarks.measurement import Measurement, Scale, Timing, milliseconds
from benchmarks.streaming import noise
from thinwire.audio import SAMPLE_RATE
from thinwire.errors import ParamError
from thinwire.kaldi import fbank
from thinwire.params import Params
from thinwire.params.aucom import AucomRow
from thinwire.params.aucom_codec import Settings
from thinwire.systems.aucom.bitstream import as_chunks
from thinwire.systems.aucom.codec_net import AuComNet
from thinwire.systems.aucom.export import export_encoder
from thinwire.systems.aucom.neural_codecs import neural_codec
from thinwire.training.adapters.aucom_codec import tables_of

ROOT = Path(__file__).resolve().parents[1]
MINUTE_MS, MEMORY_MB = 100.0, 200.0
GATE_MS = 1.0  # AUCOM section 5.5.2
NEURAL = ("encodec", "dac_16k")
TIMEOUT_S = 900
PARTS = {
    "fbank": "mel features",
    "encoder": "features to symbols",
    "coder": "symbols to bytes",
}


def paper_net() -> AuComNet:
    """Version 1 with 80 mels, which is the paper's size, with random weights."""
    torch.manual_seed(0)
    return AuComNet(Settings(), AucomRow(after="", steps=1)).eval().requires_grad_(False)


def edge(params: Params, scale: Scale, make: Callable[[], AuComNet] = paper_net) -> list[Measurement]:
    """Samples to bytes with its parts and its memory, then the neural waveform codecs."""
    torch.set_num_threads(1)
    net, audio = make(), noise(params.seed, MINUTE_S * SAMPLE_RATE)
    with tempfile.TemporaryDirectory() as folder:
        _leave(Path(folder), net, audio)
        found = _alone("mel", folder, scale.repetitions)
    size = sum(value.numel() for value in net.encoder.parameters()) / 1e3
    note = f"ONNX Runtime, {size:.1f} k parameters, random weights, Huffman, tau {TAU:g}, without torch"
    what = "AUCOM v1, a minute of audio:"
    rows = [_time("edge_minute", f"{what} samples to bytes", found, "minute", MINUTE_MS, note, scale)]
    rows += [_time(f"edge_{name}", f"{what} {part}", found, name, None, note, scale) for name, part in PARTS.items()]
    rows.append(_time("edge_gate", "AUCOM's gate, 1 s of background", found, "gate", GATE_MS, "NumPy", scale))
    rows.append(_memory("edge_memory", f"{what} memory of the process", found, MEMORY_MB, note))
    for name in NEURAL:
        rows += waveform(name)
    return rows


def _leave(folder: Path, net: AuComNet, audio: np.ndarray) -> None:
    """What the process reads; tables are made of the audio itself."""
    chunks = torch.from_numpy(as_chunks(fbank(audio[None], net.n_mels)[0], net.chunk_frames))
    net.fit_statistics(chunks)
    tensors = {name: tensor.numpy() for name, tensor in tables_of(net, chunks, [TAU]).items()}
    (folder / "encoder.onnx").write_bytes(export_encoder(net))
    np.savez(folder / "counts.npz", taus=tensors["taus"], counts=tensors["counts"])
    np.save(folder / "audio.npy", audio)


def waveform(name: str) -> list[Measurement]:
    """A neural waveform codec at its real size; a minute of it lasts long, so it is coded once."""
    once, what = Scale(repetitions=1), f"{name}, a minute of audio: "
    try:
        neural_codec(name)
        found = _alone("waveform", name, once.repetitions)
    except (ParamError, subprocess.TimeoutExpired) as error:
        why = str(error) if isinstance(error, ParamError) else f"not done after {TIMEOUT_S} s; the machine is busy"
        return [
            Measurement(f"{name}_minute", f"{what}encode", None, "ms", note=why),
            Measurement(f"{name}_memory", f"{what}memory of the process", None, "MB", note=why),
        ]
    size = found["parameters"] / 1e6
    note = f"{found['title']}, PyTorch, {size:.2f} M parameters in the encoder, random weights, {PIECE_S} s at once"
    return [
        _time(f"{name}_minute", f"{what}encode", found, "minute", None, note, once),
        _memory(f"{name}_memory", f"{what}memory of the process", found, None, note),
    ]


def _alone(*arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.edge_process", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=TIMEOUT_S)
    return json.loads(done.stdout.splitlines()[-1])


def _time(
    name: str, what: str, found: dict[str, Any], part: str, target: float | None, note: str, scale: Scale
) -> Measurement:
    return milliseconds(name, what, Timing(**found["times"][part]), scale, target, note)


def _memory(name: str, what: str, found: dict[str, Any], target: float | None, note: str) -> Measurement:
    return Measurement(name, what, found["peak_mb"], "MB", target, peak_mb=found["peak_mb"], note=note)
