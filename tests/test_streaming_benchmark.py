"""The streaming benchmark measures every codec that is there with a tiny model; no time is ever asserted."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from benchmarks import streaming
from benchmarks.measurement import Scale

from thinwire.params import Params
from thinwire.params.tfcodec import Settings, TfRow, TfShape
from thinwire.systems.tfcodec.model import TfCodec

TINY = Scale(repetitions=2, steps=1, session_s=8.0, sessions=1)


@pytest.fixture
def params(smoke_params, tmp_path, monkeypatch) -> Params:
    """At smoke scale, in a folder without models and data."""
    monkeypatch.chdir(tmp_path)
    return smoke_params


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
