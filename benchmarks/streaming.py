"""TF-Codec at the paper's size, packet by packet on one thread, beside EnCodec (random weights) and Opus."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from benchmarks.measurement import Measurement, Scale, Timing, repeat
from thinwire.audio import SAMPLE_RATE
from thinwire.errors import CheckpointError, CorpusError, PipelineError
from thinwire.params import Params, parse_params
from thinwire.params.tfcodec import STEP_FRAMES
from thinwire.pipeline.presets import apply_preset
from thinwire.systems.tfcodec.bitstream import Bitstream
from thinwire.systems.tfcodec.export import OnnxSteps, export_steps
from thinwire.systems.tfcodec.model import TfCodec
from thinwire.systems.tfcodec.packet_stream import PacketDecoder, PacketEncoder
from thinwire.systems.tfcodec.streaming import CodecSteps, StreamEncoder, TorchSteps
from thinwire.systems.tfcodec.tables import tables_of
from thinwire.training.build import load_model, load_splits

ROOT = Path(__file__).resolve().parents[1]
RUN = "tf_3k_conv"
WARM_UP = 2
ENCODEC_RATE, ENCODEC_KBPS, ENCODEC_S = 24_000, 6.0, 10.0
OPUS_KBPS = 12.0
BITS_S = 60


def paper_codec() -> TfCodec:
    """The run with the convolutional predictor at the paper's size, with random weights."""
    params = parse_params(yaml.safe_load(apply_preset("paper", ROOT / "params.yaml", ROOT / "presets")))
    torch.manual_seed(params.seed)
    return TfCodec(params.systems.tfcodec, params.run(RUN)).eval().requires_grad_(False)  # type: ignore[arg-type]


def noise(seed: int, samples: int) -> np.ndarray:
    """(samples,) float32; the time that coding takes does not depend on what is coded."""
    return (0.05 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def streaming(params: Params, scale: Scale, make: Callable[[], TfCodec] = paper_codec) -> list[Measurement]:
    """Samples to packets and back with each backend, then the other codecs."""
    torch.set_num_threads(1)
    model = make()
    size = sum(value.numel() for name, value in model.named_parameters() if not name.startswith("quantiser")) / 1e6
    note = f"{size:.2f} M parameters without codebooks, random weights"
    rows = _packets(OnnxSteps(export_steps(model)), "", (25.0, 20.0), f"ONNX Runtime, {note}", params.seed, scale)
    rows += _packets(TorchSteps(model), "_torch", (None, None), f"PyTorch, {note}", params.seed, scale)
    return rows + encodec(params, scale) + opus(params, scale) + different_bits(params)


def _packets(
    steps: CodecSteps, suffix: str, targets: tuple[float | None, float | None], note: str, seed: int, scale: Scale
) -> list[Measurement]:
    counts = 10_000 // (1 + np.arange(steps.codewords)) * np.ones((steps.groups, 1), np.int64)
    bitstream = Bitstream(tables_of(counts), "0" * 16, steps.hop_length, "huffman")
    hop = STEP_FRAMES * steps.hop_length
    encoder, decoder = PacketEncoder(steps, bitstream), PacketDecoder(steps, bitstream)
    blocks = np.split(noise(seed, SAMPLE_RATE), SAMPLE_RATE // hop)
    sent: list[list[list[bytes]]] = []

    def encode(_: int) -> None:
        sent.append([encoder.push(block) for block in blocks])

    def decode(index: int) -> None:
        for packets in sent[index]:
            decoder.push(packets)

    encoding = repeat(encode, scale.repetitions, WARM_UP)
    decoding = repeat(decode, scale.repetitions, WARM_UP)
    what = f"runs.{RUN} at the paper's size, 40 ms at a time:"
    note = f"{note}; spectrum, loop, quantiser and Huffman coder (the paper's) included"
    return [
        _speed(f"stream_encode{suffix}", f"{what} samples to packets", 1.0, encoding, targets[0], note, scale),
        _speed(f"stream_decode{suffix}", f"{what} packets to samples", 1.0, decoding, targets[1], note, scale),
    ]


def encodec(params: Params, scale: Scale) -> list[Measurement]:
    """EnCodec's 24 kHz model; its package codes whole signals only, which favours it."""
    what = f"EnCodec 24 kHz, {ENCODEC_KBPS:g} kbps:"
    try:
        from encodec import EncodecModel
    except ImportError:
        why = "not installed; pip install encodec"
        ways = ("encode", "decode")
        return [Measurement(f"encodec_{way}", f"{what} {way}", None, "x real time", note=why) for way in ways]
    torch.manual_seed(params.seed)
    model = EncodecModel.encodec_model_24khz(pretrained=False).eval()
    model.set_target_bandwidth(ENCODEC_KBPS)
    x = torch.from_numpy(noise(params.seed, round(ENCODEC_S * ENCODEC_RATE)))[None, None]
    few = Scale(repetitions=min(scale.repetitions, 5))
    with torch.inference_mode():
        frames = model.encode(x)
        encoding = repeat(lambda _: model.encode(x), few.repetitions, 1)
        decoding = repeat(lambda _: model.decode(frames), few.repetitions, 1)
    size = sum(value.numel() for value in model.parameters()) / 1e6
    note = f"PyTorch, {size:.1f} M parameters, random weights, {ENCODEC_S:g} s at once, without entropy coder"
    return [
        _speed("encodec_encode", f"{what} encode", ENCODEC_S, encoding, None, note, few),
        _speed("encodec_decode", f"{what} decode", ENCODEC_S, decoding, None, note, few),
    ]


def opus(params: Params, scale: Scale) -> list[Measurement]:
    """libopus through PyAV in packets of 40 ms."""
    import av

    encoder: Any = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = SAMPLE_RATE, "mono", "flt"
    encoder.bit_rate, encoder.time_base = round(1000 * OPUS_KBPS), Fraction(1, SAMPLE_RATE)
    encoder.options = {"application": "voip", "frame_duration": "40"}
    encoder.open()
    decoder: Any = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout, decoder.extradata = SAMPLE_RATE, "mono", encoder.extradata
    hop, clock = encoder.frame_size, itertools.count()
    blocks = np.split(noise(params.seed, SAMPLE_RATE), SAMPLE_RATE // hop)
    sent: list[list[bytes]] = []

    def encode(_: int) -> None:
        packets = []
        for block in blocks:
            frame = av.AudioFrame.from_ndarray(block[None], format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, hop * next(clock), encoder.time_base
            packets += [bytes(packet) for packet in encoder.encode(frame)]
        sent.append(packets)

    def decode(index: int) -> None:
        for packet in sent[index]:
            for frame in decoder.decode(av.Packet(packet)):
                frame.to_ndarray()

    encoding = repeat(encode, scale.repetitions, WARM_UP)
    decoding = repeat(decode, scale.repetitions, WARM_UP)
    what, note = f"Opus, {OPUS_KBPS:g} kbps, 40 ms at a time:", "libopus through PyAV, FFmpeg's default complexity"
    return [
        _speed("opus_encode", f"{what} encode", 1.0, encoding, None, note, scale),
        _speed("opus_decode", f"{what} decode", 1.0, decoding, None, note, scale),
    ]


def different_bits(params: Params) -> list[Measurement]:
    """How many indices of dev clips change when the trained model encodes live, in PyTorch and exported."""
    name, what = "stream_different_bits", f"indices of runs.{RUN} that live coding changes, of a million"
    try:
        model = load_model(params, RUN)
        clips = load_splits(params, RUN).dev.tensors["clean"].float()
    except (CheckpointError, CorpusError, PipelineError) as error:
        return [Measurement(name, what, None, "ppm", 0.0, note=str(error))]
    assert isinstance(model, TfCodec)
    audio = clips.reshape(-1)[: BITS_S * SAMPLE_RATE]
    offline = model.encode(audio[None])[0].numpy()
    counts = []
    for steps in (TorchSteps(model), OnnxSteps(export_steps(model))):
        encoder = StreamEncoder(steps)
        counts.append(int((np.concatenate([encoder.push(audio.numpy()), encoder.flush()], 1) != offline).sum()))
    note = f"of {offline.size}: {counts[0]} in PyTorch, {counts[1]} exported, against the whole signal at once"
    return [Measurement(name, what, 1e6 * counts[1] / offline.size, "ppm", 0.0, note=note)]


def _speed(
    name: str, what: str, seconds: float, timing: Timing, target: float | None, note: str, scale: Scale
) -> Measurement:
    unit, value, on_clock = "x real time, CPU time", seconds / timing.cpu_s, seconds / timing.wall_s
    return Measurement(name, what, value, unit, target, "higher", scale.repetitions, note=note, on_clock=on_clock)
