"""The edge benchmark measures a tiny codec in a process of its own, without torch there; no time is ever asserted."""

from __future__ import annotations

import pytest
import torch
from benchmarks import edge
from benchmarks.measurement import Scale

from thinwire.errors import ParamError
from thinwire.params.aucom import AucomRow
from thinwire.params.aucom_codec import Settings
from thinwire.systems.aucom.codec_net import AuComNet

TINY = Scale(repetitions=2)


class Seeded:
    """All of the parameters that the benchmark looks at."""

    seed = 0


def tiny_net() -> AuComNet:
    torch.manual_seed(0)
    settings = Settings(spectrum={"n_mels": 16}, channels=4)
    return AuComNet(settings, AucomRow(after="", steps=1)).eval().requires_grad_(False)


def absent(name: str) -> None:
    raise ParamError(f"codec {name!r}: cannot be imported")


def test_parts_and_memory_are_measured_without_torch(monkeypatch):
    monkeypatch.setattr(edge, "neural_codec", absent)
    left: dict[str, object] = {}
    alone = edge._alone
    monkeypatch.setattr(edge, "_alone", lambda *arguments: left.setdefault("found", alone(*arguments)))
    rows = {row.name: row for row in edge.edge(Seeded(), TINY, tiny_net)}  # type: ignore[arg-type]
    own = ["edge_minute", "edge_fbank", "edge_encoder", "edge_coder", "edge_gate", "edge_memory"]
    others = [f"{name}_{what}" for name in edge.NEURAL for what in ("minute", "memory")]
    assert list(rows) == own + others
    assert all(rows[name].value for name in own)
    assert (rows["edge_minute"].target, rows["edge_memory"].target) == (100.0, 200.0)
    assert all(rows[name].value is None and "cannot be imported" in rows[name].note for name in others)
    found = left["found"]
    assert isinstance(found, dict) and found["torch"] is False and found["bytes"] > 100


def test_a_codec_that_does_not_end_is_said_so(monkeypatch):
    def endless(*arguments: object) -> None:
        raise edge.subprocess.TimeoutExpired("codec", edge.TIMEOUT_S)

    monkeypatch.setattr(edge, "neural_codec", lambda name: None)
    monkeypatch.setattr(edge, "_alone", endless)
    assert [(row.value, "not done" in row.note) for row in edge.waveform("dac_16k")] == [(None, True)] * 2


def test_the_benchmarked_encoder_has_the_papers_size():
    """Table 3: 65.00 k parameters."""
    size = sum(value.numel() for value in edge.paper_net().encoder.parameters())
    assert size == pytest.approx(65_000, rel=0.005)
