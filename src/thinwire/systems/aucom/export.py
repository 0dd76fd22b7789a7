"""AuComNet's encoder as an ONNX graph: from features to the normalised latent, with the tables inside.

The graph is written node by node, in the form that ONNX Runtime is quick at: an LSTM in one node, squares and quotients
instead of powers and reciprocal roots, a convolution to few channels as a product and a sum. The same weights give the
same bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from thinwire.nn.gdn import Gdn
from thinwire.systems.aucom.codec_net import KERNEL, AuComNet

OPSET, IR_VERSION = 20, 9
_DIRECTIONS = ("", "_reverse")


def export_encoder(net: AuComNet) -> bytes:
    """The encoder: input `f` (1, H, L), natural log-mel features; output `r` (1, rows, L / 4), the normalised latent.

    Raises CheckpointError for a model without normalisation tables.
    """
    tables = net.normalisation.tables
    weights = {name: value.detach().cpu().numpy() for name, value in net.encoder.state_dict().items()}
    std = net.feature_std.cpu().numpy()
    graph = _Graph()
    mean = graph.constant("mean", net.feature_mean.cpu().numpy()[:, None])
    x = graph.node("Div", [graph.node("Sub", ["f", mean]), graph.constant("std", std)])
    x = graph.node("Transpose", [x], perm=[2, 0, 1])
    x = graph.node("LSTM", [x, *_lstm(graph, weights)], direction="bidirectional", hidden_size=_hidden(weights))
    x = graph.node("Transpose", [x], perm=[2, 1, 3, 0])  # (L, 2, B, H_s) to (B, 2, H_s, L)
    x = graph.node("Reshape", [x, graph.constant("image", np.array([0, 1, -1, net.chunk_frames], np.int64))])
    kernel = [graph.constant(f"widen_{part}", weights[f"widen.{part}"]) for part in ("weight", "bias")]
    x = graph.node("Conv", [x, *kernel], kernel_shape=[KERNEL] * 2, strides=[2, 2], pads=[KERNEL // 2] * 4)
    gdn: Gdn = net.encoder.gdn
    gamma = graph.constant("gamma", gdn.gamma.detach().cpu().numpy()[:, :, None, None])
    beta = graph.constant("beta", gdn.beta.detach().cpu().numpy())
    norm = graph.node("Conv", [graph.node("Mul", [x, x]), gamma, beta], kernel_shape=[1, 1])
    size = (net.rows // net.channels * 2, net.chunk_frames // 2)
    x = _narrow(graph, graph.node("Div", [x, graph.node("Sqrt", [norm])]), weights, size)
    x = graph.node("Reshape", [x, graph.constant("shape", np.array([0, net.rows, -1], np.int64))])
    x = graph.node("Sub", [x, graph.constant("mu", tables.mu.cpu().numpy())])
    graph.node("Div", [x, graph.constant("sigma", tables.sigma.cpu().numpy())], out="r")
    return graph.serialised([1, net.n_mels, net.chunk_frames], [1, net.rows, net.columns])


class _Graph:
    """Nodes and constants, collected."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], out: str = "", **attributes: Any) -> str:
        out = out or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [out], **attributes))
        return out

    def serialised(self, given: list[int], result: list[int]) -> bytes:
        f, r = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in
                (("f", given), ("r", result)))  # fmt: skip
        graph = helper.make_graph(self.nodes, "aucom_encoder", [f], [r], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)


def _hidden(weights: dict[str, np.ndarray]) -> int:
    return weights["lstm.weight_hh_l0"].shape[1]


def _lstm(graph: _Graph, weights: dict[str, np.ndarray]) -> list[str]:
    """W, R and B of ONNX's LSTM, whose gates come as input, output, forget, cell; PyTorch's as input, forget, cell,
    output.
    """

    def gates(name: str) -> list[np.ndarray]:
        parts = (np.split(weights[f"lstm.{name}_l0{direction}"], 4) for direction in _DIRECTIONS)
        return [np.concatenate([i, o, f, g]) for i, f, g, o in parts]

    biases = [np.concatenate(pair) for pair in zip(gates("bias_ih"), gates("bias_hh"), strict=True)]
    values = {"W": gates("weight_ih"), "R": gates("weight_hh"), "B": biases}
    return [graph.constant(f"lstm_{name}", np.stack(value)) for name, value in values.items()]


def _narrow(graph: _Graph, x: str, weights: dict[str, np.ndarray], size: tuple[int, int]) -> str:
    """The second convolution, of an image of `size`: what each place gives to each tap is one matrix product, of which
    the taps then take every second place. A convolution to one or two channels would leave the registers empty.
    """
    weight = weights["narrow.weight"]
    channels, edge, whole = len(weight), KERNEL // 2, KERNEL * KERNEL * len(weight)
    matrix = weight.transpose(2, 3, 0, 1).reshape(whole, -1, 1, 1)
    given = graph.node("Conv", [x, graph.constant("narrow_weight", matrix)], kernel_shape=[1, 1])
    given = graph.node("Pad", [given, graph.constant("edge", np.array([0, 0, edge, edge] * 2, np.int64))])
    axes, steps = graph.constant("axes", np.array([1, 2, 3])), graph.constant("steps", np.array([1, 2, 2]))
    taken = []
    for tap, (i, j) in enumerate(np.ndindex(KERNEL, KERNEL)):
        first = np.array([tap * channels, i, j])
        bounds = (graph.constant(f"first{tap}", first), graph.constant(f"end{tap}", first + [channels, *size]))
        taken.append(graph.node("Slice", [given, *bounds, axes, steps]))
    bias = graph.constant("narrow_bias", weights["narrow.bias"][:, None, None])
    return graph.node("Add", [graph.node("Sum", taken), bias])
