"""The exported encoder against PyTorch, and that the edge needs no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from thinwire.errors import CheckpointError
from thinwire.params.aucom import AucomRow
from thinwire.params.aucom_codec import AucomFbank, Settings
from thinwire.systems.aucom.codec_net import AuComNet
from thinwire.systems.aucom.edge import EdgeEncoder
from thinwire.systems.aucom.export import export_encoder

SETTINGS = Settings(spectrum=AucomFbank(n_mels=16), chunk_s=0.8, channels=6)


def make_net(variant: str = "v1", settings: Settings = SETTINGS) -> AuComNet:
    """A network whose every weight counts."""
    torch.manual_seed(0)
    net = AuComNet(settings, AucomRow(after="-", steps=1, variant=variant)).eval()  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in net.encoder.parameters():
            value.add_(0.2 * torch.randn(value.shape, generator=generator))
    net.feature_mean.uniform_(-8, -4, generator=generator)
    net.feature_std.fill_(4.0)
    shape = (net.rows, net.columns)
    net.normalisation.attach(torch.randn(shape, generator=generator), 0.1 + torch.rand(shape, generator=generator))
    return net.requires_grad_(False)


def material(net: AuComNet, items: int = 3) -> torch.Tensor:
    draw = torch.Generator().manual_seed(2)
    return -6.0 + 4.0 * torch.randn(items, net.n_mels, net.chunk_frames, generator=draw)


@pytest.mark.parametrize("variant", ["v1", "v2", "v3"])
def test_the_graph_gives_pytorchs_latent_and_symbols(variant: str) -> None:
    net = make_net(variant)
    edge, f = EdgeEncoder(export_encoder(net)), material(net)
    assert (edge.n_mels, edge.chunk_frames, edge.rows, edge.columns) == (16, 80, net.rows, 20)
    theirs = net.normalise(net.encode_latent(f)).numpy()
    ours = edge.normalised(f.numpy())
    assert ours.dtype == np.float32 and np.abs(ours - theirs).max() < 1e-4
    for tau in (1.0, 2.5):
        symbols, expected = edge.symbols(f.numpy(), tau), net.symbols(f, tau).numpy()
        assert symbols.dtype == np.int32 and len(np.unique(symbols)) > 4
        tie = np.abs(np.abs(theirs / tau - np.trunc(theirs / tau)) - 0.5) < 1e-4
        assert np.array_equal(symbols[~tie], expected[~tie]) and tie.mean() < 0.01


def test_the_papers_size_fits() -> None:
    net = make_net(settings=Settings())
    f = material(net, 1)
    theirs = net.normalise(net.encode_latent(f)).numpy()
    assert np.abs(EdgeEncoder(export_encoder(net)).normalised(f.numpy()) - theirs).max() < 1e-3


def test_the_same_weights_give_the_same_valid_bytes() -> None:
    first, again = export_encoder(make_net()), export_encoder(make_net())
    assert first == again
    onnx.checker.check_model(onnx.load_from_string(first), full_check=True)


def test_no_chunks_are_no_symbols() -> None:
    net = make_net()
    assert EdgeEncoder(export_encoder(net)).symbols(np.zeros((0, 16, 80))).shape == (0, net.rows, 20)


def test_a_model_without_tables_is_refused() -> None:
    with pytest.raises(CheckpointError, match="tables"):
        export_encoder(AuComNet(SETTINGS, AucomRow(after="-", steps=1)))


def test_other_bytes_and_shapes_are_refused() -> None:
    with pytest.raises(CheckpointError, match="not an exported encoder"):
        EdgeEncoder(b"no graph")
    with pytest.raises(ValueError, match="features must be"):
        EdgeEncoder(export_encoder(make_net())).symbols(np.zeros((1, 16, 79)))


def test_the_edge_runs_from_a_file_without_torch(tmp_path: Path) -> None:
    net = make_net()
    path = tmp_path / "encoder.onnx"
    path.write_bytes(export_encoder(net))
    code = (
        "import sys, numpy as np\n"
        "from thinwire.kaldi import fbank\n"
        "from thinwire.systems.aucom.edge import EdgeEncoder\n"
        f"f = fbank(np.sin(np.arange(12800, dtype=np.float32))[None], 16)\n"
        f"symbols = EdgeEncoder({str(path)!r}).symbols(f)\n"
        "assert 'torch' not in sys.modules\n"
        "print(symbols.shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == f"(1, {net.rows}, 20)", done.stderr
