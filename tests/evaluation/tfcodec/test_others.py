"""Codecs in use, and what is counted of the modules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_workspace import inside

from thinwire.artifacts import read_json
from thinwire.errors import PipelineError
from thinwire.evaluation.tfcodec import complexity
from thinwire.evaluation.tfcodec.classic import evaluate_classic
from thinwire.evaluation.tfcodec.complexity import evaluate_complexity
from thinwire.params.tfcodec import Settings, TfRow, TfShape
from thinwire.systems.tfcodec.model import TfCodec


def test_classic(bench_folder: Path) -> None:
    with inside(bench_folder) as params:
        evaluate_classic(params)
    folder = bench_folder / "results" / "classic"
    items = pd.read_parquet(folder / "items.parquet")
    assert {(row.run, row.codec, row.name) for row in items.itertuples(index=False)} == {
        ("classic", "opus_9", "opus"), ("classic", "mp3_24", "mp3"),
    }  # fmt: skip
    assert (items.groupby("codec")["segment_id"].nunique() == 2).all()
    assert items[["stoi", "si_sdr", "lsd", "lsd_4_8k", "kbps", "plcmos"]].notna().all().all()
    assert items[items["codec"] == "mp3_24"]["kbps"].to_numpy() == pytest.approx(24.0, rel=0.25)
    facts = read_json(folder / "classic.json")
    assert facts["unavailable"] == {"mp3_17": "it has no rate of 17 kbps"}
    assert set(facts["means"]) == {"opus_9", "mp3_24"}
    sounds = np.load(folder / "audio.npz")
    assert {key.split("/")[1] for key in sounds.files} == {"clean", "opus_9", "mp3_24"}


@pytest.fixture(scope="module")
def counted(bench_folder: Path) -> dict:
    with inside(bench_folder) as params:
        evaluate_complexity(params)
    return read_json(bench_folder / "results" / "complexity" / "complexity.json")


@pytest.mark.parametrize("size", ["paper", "here"])
def test_delay_and_reach(counted: dict, size: str) -> None:
    delay = counted[size]["delay_ms"]
    assert (delay["window"], delay["grouping"], delay["total"]) == (40.0, 30.0, 70.0)
    assert 69.0 <= delay["measured"] <= 70.0
    assert counted[size]["receptive_field_ms"] == pytest.approx(280.0)


def test_the_papers_counts(counted: dict) -> None:
    parts = counted["paper"]["parameters"]
    assert parts["encoder"] == 2_111_405 and parts["decoder"] == 3_436_385
    assert parts["total"] / 1e6 == pytest.approx(6.37, abs=0.005)
    judge = counted["paper"]["discriminator"]
    assert [judge[f"layer{i}"] for i in (1, 2, 3, 4)] == [8, 8, 16, 16]
    assert (judge["stride"], judge["pool"], judge["power"]) == (2, 10, 0.3)


def test_multiplications_are_those_of_the_definition() -> None:
    shape = TfShape(channels=(2, 4, 4, 4, 4), tcm_hidden=8, tcm_dilations=[1], latent=12, predictor_hidden=6)
    row = TfRow(after="", steps=1, kbps=1.0, groups=4, codewords=16, predictor="conv")
    counts = complexity.macs_per_second(TfCodec(Settings(shape=shape), row).eval().requires_grad_(False))
    frames, bins, wide = 100, [321, 161, 41, 11, 5], 20
    channels = [2, 2, 4, 4, 4, 4]
    convs = sum(a * b * 10 * f for a, b, f in zip(channels, channels[1:], bins, strict=False))
    temporal = 2 * wide * 8 + 3 * 8
    recurrent = 2 * 3 * wide * wide
    assert counts["encoder"] == frames * (convs + temporal + recurrent + wide * 12)
    assert counts["quantiser"] == 25 * 12 * 4 * 16
    assert counts["predictive"] == 25 * (2 * 4 * 48 * 6) + 2 * frames * 24 * 12


def test_a_preset_without_the_codec_is_named(tmp_path: Path) -> None:
    path = tmp_path / "paper.yaml"
    path.write_text("systems: {}\n")
    with pytest.raises(PipelineError, match="paper.yaml: systems.tfcodec"):
        complexity.paper_settings(path)
