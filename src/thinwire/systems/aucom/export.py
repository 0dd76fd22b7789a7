"""AuComNet's encoder as an ONNX graph: from features to the normalised latent, with the tables inside.

The graph is written node by node, in the form that ONNX Runtime is quick at: an LSTM in one node, squares and quotients
instead of powers and reciprocal roots, and the image between the two convolutions in tiles that stay in the cache. The
same weights give the same bytes.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from thinwire.nn.gdn import Gdn
from thinwire.systems.aucom.codec_net import KERNEL, AuComNet

OPSET, IR_VERSION = 20, 9
TILE = 25
"""Columns of the latent, a second, that are worked on together."""
_DIRECTIONS = ("", "_reverse")


def export_encoder(net: AuComNet) -> bytes:
    """The encoder: input `f` (1, H, L), natural log-mel features; output `r` (1, rows, L / 4), the normalised latent.

    Raises CheckpointError for a model without normalisation tables.
    """
    tables = net.normalisation.tables
    weights = {name: value.detach().cpu().numpy() for name, value in net.encoder.state_dict().items()}
    graph = _Graph()
    mean, std = (graph.constant(value.cpu().numpy()) for value in (net.feature_mean[:, None], net.feature_std))
    x = graph.node("Div", [graph.node("Sub", ["f", mean]), std])
    x = graph.node("Transpose", [x], perm=[2, 0, 1])
    x = graph.node("LSTM", [x, *_lstm(graph, weights)], direction="bidirectional", hidden_size=_hidden(weights))
    x = graph.node("Transpose", [x], perm=[2, 1, 3, 0])  # (L, 2, B, H_s) to (B, 2, H_s, L)
    x = graph.node("Reshape", [x, graph.constant(np.array([0, 1, -1, net.chunk_frames]))])
    x = _convolve(graph, x, weights, net)
    x = graph.node("Reshape", [x, graph.constant(np.array([0, net.rows, -1]))])
    x = graph.node("Sub", [x, graph.constant(tables.mu.cpu().numpy())])
    graph.node("Div", [x, graph.constant(tables.sigma.cpu().numpy())], out="r")
    return graph.serialised([1, net.n_mels, net.chunk_frames], [1, net.rows, net.columns])


class _Graph:
    """Nodes and constants, collected."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: np.ndarray) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], out: str = "", **attributes: Any) -> str:
        out = out or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [out], **attributes))
        return out

    def part(self, x: str, begin: list[int], size: list[int]) -> str:
        """A block of x's last axes."""
        axes = np.arange(-len(size), 0)
        return self.node("Slice", [x, *map(self.constant, (np.array(begin), np.add(begin, size), axes))])

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
    return [graph.constant(np.stack(value)) for value in values.values()]


def _convolve(graph: _Graph, x: str, weights: dict[str, np.ndarray], net: AuComNet) -> str:
    """The convolutions with GDN between them: image x (1, 1, 2 H_s, L) to (1, M, rows / M, L / 4).

    The second convolution takes every second place of what it sees, so each of its taps meets every second row and
    column only. These four lattices are computed apart: the first convolution with twice its stride, GDN, and what each
    place gives to each of the lattice's taps, as products of places with constant matrices; a shift and a sum of these
    are the second convolution. One to two channels, computed directly, would leave the registers empty.
    """
    size, edge = [net.rows // net.channels, net.columns], KERNEL // 2
    x = graph.node("Pad", [x, graph.constant(np.array([0, 0, edge, edge] * 2))])
    kernel = [graph.constant(weights[f"widen.{part}"]) for part in ("weight", "bias")]
    gdn: Gdn = net.encoder.gdn
    divisor = [graph.constant(value.detach().cpu().numpy()) for value in (gdn.gamma.T, gdn.beta)]
    taken = []
    for row, column in product(range(2), range(2)):
        taps = list(product(range(row, KERNEL, 2), range(column, KERNEL, 2)))
        matrix = graph.constant(np.concatenate([weights["narrow.weight"][:, :, i, j] for i, j in taps]).T)
        tiles = []
        for start in range(0, net.columns, TILE):
            places = [size[0], min(TILE, net.columns - start)]
            seen = [4 * count - 4 + KERNEL for count in places]
            y = graph.part(x, [2 * row, 4 * start + 2 * column], seen)
            y = graph.node("Conv", [y, *kernel], kernel_shape=[KERNEL] * 2, strides=[4, 4])
            y = graph.node("Transpose", [y], perm=[0, 2, 3, 1])
            y = graph.node("Reshape", [y, graph.constant(np.array([-1, len(gdn.beta)]))])
            norm = graph.node("Gemm", [graph.node("Mul", [y, y]), *divisor])
            y = graph.node("MatMul", [graph.node("Div", [y, graph.node("Sqrt", [norm])]), matrix])
            y = graph.node("Transpose", [y], perm=[1, 0])
            tiles.append(graph.node("Reshape", [y, graph.constant(np.array([1, -1, *places]))]))
        y = graph.node("Concat", tiles, axis=3)
        y = graph.node("Pad", [y, graph.constant(np.array([0, 0, 1, 1] * 2))])
        for tap, (i, j) in enumerate(taps):
            begin = [tap * net.channels, i // 2, j // 2]
            taken.append(graph.part(y, begin, [net.channels, *size]))
    bias = graph.constant(weights["narrow.bias"][:, None, None])
    return graph.node("Add", [graph.node("Sum", taken), bias])
