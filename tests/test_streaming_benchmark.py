"""The streaming benchmark measures every codec that is there with a tiny model; no time is ever asserted."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
import yaml

from thinwire.params import Params, parse_params
from thinwire.params.tfcodec import Settings, TfRow, TfShape
from thinwire.pipeline.presets import apply_preset
from thinwire.systems.tfcodec.model import TfCodec

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import streaming  # noqa: E402
from benchmarks.measurement import Scale  # noqa: E402

TINY = Scale(repetitions=2, steps=1, session_s=8.0, sessions=1)


@pytest.fixture
def params(tmp_path, monkeypatch) -> Params:
    read = parse_params(yaml.safe_load(apply_preset("smoke", ROOT / "params.yaml", ROOT / "presets")))
    monkeypatch.chdir(tmp_path)
    return read


def tiny_codec() -> TfCodec:
    torch.manual_seed(0)
    shape = TfShape(channels=(2, 2, 3, 3, 3), tcm_hidden=6, tcm_dilations=[1, 2], latent=12, predictor_hidden=4)
    row = TfRow(after="-", steps=1, kbps=1.0, groups=3, codewords=8, predictor="conv")
    return TfCodec(Settings(shape=shape), row)


def test_every_codec_is_measured_packet_by_packet(params, monkeypatch):
    monkeypatch.setattr(streaming, "ENCODEC_S", 1.0)
    rows = {row.name: row for row in streaming.streaming(params, TINY, tiny_codec)}
    codecs = (("stream", ""), ("stream", "_torch"), ("encodec", ""), ("opus", ""))
    ways = [f"{codec}_{way}{end}" for codec, end in codecs for way in ("encode", "decode")]
    assert list(rows) == [*ways, "stream_different_bits"]
    assert (rows["stream_encode"].target, rows["stream_decode"].target) == (25.0, 20.0)
    installed = importlib.util.find_spec("encodec") is not None
    for name in ways:
        assert (rows[name].value is not None) == (installed or not name.startswith("encodec")), rows[name]
    assert rows["stream_different_bits"].value is None and rows["stream_different_bits"].note


def test_the_paper_codec_has_the_papers_size():
    """Section V-F: 2.11 + 3.44 + 0.82 = 6.37 million parameters, codebooks apart."""
    sizes = {name: value.numel() for name, value in streaming.paper_codec().named_parameters()}
    assert round(sum(size for name, size in sizes.items() if not name.startswith("quantiser")) / 1e6, 2) == 6.37
