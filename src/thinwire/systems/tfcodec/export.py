"""The step functions as ONNX graphs with explicit state, and ONNX Runtime behind the streams' interface.

The graphs hold everything from the uncompressed spectrum to indices and back: power, convolutions, GRU, loop,
quantiser. Windows, Fourier transforms and the entropy coder stay outside. Indices are PyTorch's unless two codewords
lie within rounding (about 1e-6) of the same distance; a decoder follows whatever indices it gets, so that such a tie
changes one codeword and desynchronises nothing.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from thinwire.params.tfcodec import STEP_FRAMES
from thinwire.systems.tfcodec.folded import folded
from thinwire.systems.tfcodec.model import PACKETS, TfCodec

OPSET = 20


@dataclass(frozen=True)
class ExportedCodec:
    """`encoder` and `decoder`: ONNX graphs, serialised. Inputs of the first: frames (1, 4, F, 2), the uncompressed
    spectrum as Fourier transforms write it, and states; of the second: indices (1, G, 1) int64, lost (1, 1, 2) float,
    and states. Outputs: indices or frames, and the new states in the order of the inputs. `encoder_state` and
    `decoder_state` are the states to begin with.
    """

    encoder: bytes
    decoder: bytes
    encoder_state: list[np.ndarray]
    decoder_state: list[np.ndarray]
    n_fft: int
    hop_length: int
    groups: int
    codewords: int


class _EncoderStep(nn.Module):
    def __init__(self, model: TfCodec) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        indices, after = self.model.encoder_step(_swap(frames), list(state))
        return indices, *after


class _DecoderStep(nn.Module):
    def __init__(self, model: TfCodec) -> None:
        super().__init__()
        self.model = model

    def forward(self, indices: Tensor, lost: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        spectrum, after = self.model.decoder_step(indices, lost, list(state))
        return _swap(spectrum), *after


def _swap(x: Tensor) -> Tensor:
    """Spectrum (1, 2, F, 4) to frames (1, 4, F, 2) and back."""
    return x.transpose(1, 3)


def export_steps(model: TfCodec) -> ExportedCodec:
    """Both step functions of a model, in memory; the same weights give the same bytes."""
    inference, groups = folded(model), model.quantiser.groups
    before, after = inference.encoder_state(1), inference.decoder_state(1)
    frames = torch.zeros(1, STEP_FRAMES, model.n_fft // 2 + 1, 2)
    indices, lost = torch.zeros(1, groups, 1, dtype=torch.int64), torch.zeros(1, 1, PACKETS)
    return ExportedCodec(
        encoder=_graph(_EncoderStep(inference), [frames], ["frames"], "indices", before),
        decoder=_graph(_DecoderStep(inference), [indices, lost], ["indices", "lost"], "frames", after),
        encoder_state=[state.numpy() for state in before],
        decoder_state=[state.numpy() for state in after],
        n_fft=model.n_fft,
        hop_length=model.hop_length,
        groups=groups,
        codewords=model.quantiser.codewords,
    )


def _graph(step: nn.Module, given: list[Tensor], names: list[str], result: str, state: Sequence[Tensor]) -> bytes:
    """One step function as a graph; without what an exporter writes about the place where it ran."""
    inputs = [*names, *(f"state{i}" for i in range(len(state)))]
    outputs = [result, *(f"next{i}" for i in range(len(state)))]
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)  # it tells of operators of packages that are not there
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                step.eval(), (*given, *state), input_names=inputs, output_names=outputs, opset_version=OPSET,
                dynamo=True, verbose=False,
            )  # fmt: skip
    finally:
        exporter.setLevel(level)
    assert program is not None
    proto = program.model_proto
    graph = proto.graph
    named = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for part in (proto, graph, *graph.node, *named):
        part.ClearField("metadata_props")
    return proto.SerializeToString(deterministic=True)


class OnnxSteps:
    """The exported step functions in ONNX Runtime, on one thread; one object may serve many streams."""

    def __init__(self, exported: ExportedCodec) -> None:
        self.exported = exported
        self.n_fft, self.hop_length = exported.n_fft, exported.hop_length
        self.groups, self.codewords = exported.groups, exported.codewords
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._encoder, self._decoder = (
            onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
            for graph in (exported.encoder, exported.decoder)
        )
        self._encoder_inputs = [node.name for node in self._encoder.get_inputs()]
        self._decoder_inputs = [node.name for node in self._decoder.get_inputs()]

    def encoder_state(self) -> list[np.ndarray]:
        return self.exported.encoder_state

    def encode(self, spectrum: Tensor, state: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
        given = [_swap(spectrum).contiguous().numpy(), *state]
        indices, *after = self._encoder.run(None, dict(zip(self._encoder_inputs, given, strict=True)))
        return indices[0, :, 0], after

    def decoder_state(self) -> list[np.ndarray]:
        return self.exported.decoder_state

    def decode(
        self, indices: np.ndarray, lost: np.ndarray, state: list[np.ndarray]
    ) -> tuple[Tensor, list[np.ndarray]]:  # fmt: skip
        given = [indices[None, :, None], lost[None, None].astype(np.float32), *state]
        frames, *after = self._decoder.run(None, dict(zip(self._decoder_inputs, given, strict=True)))
        return _swap(torch.from_numpy(frames)), after
