"""The benchmarks' runner makes its report at the smallest scale; no time is ever asserted."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from benchmarks import codec, corpora, pipeline, runner, training
from benchmarks.measurement import Measurement, Scale, peak_mb, repeat

from thinwire.segments import SegmentStore

TINY = Scale(repetitions=2, steps=1, session_s=8.0, sessions=1)
ROW = {"name", "what", "value", "unit", "target", "better", "repetitions", "peak_mb", "note", "on_clock", "met"}


@pytest.fixture
def empty(tmp_path, monkeypatch) -> Path:
    """A folder without models, data or a pipeline."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_report_has_its_schema(smoke_params, empty, monkeypatch):
    parts = {"coding": codec.coding, "stage": partial(training.stage, kind="agnostic")}
    monkeypatch.setattr(pipeline, "_repro", lambda *options: (_ for _ in ()).throw(AssertionError("never run here")))
    monkeypatch.setattr(pipeline, "nothing_to_do", lambda scale: [])
    result = runner.measure(smoke_params, TINY, parts)
    runner.write(result, empty / "reports/benchmarks.json")
    read = json.loads((empty / "reports/benchmarks.json").read_text())
    assert set(read) == {"machine", "scale", "measurements"}
    assert set(read["machine"]) == {"processor", "cpu_count", "torch", "load_before"} and read["machine"]["processor"]
    rows = {row["name"]: row for row in read["measurements"]}
    assert all(set(row) == ROW for row in rows.values())
    assert "freshly initialised" in rows["encode"]["note"] and rows["encode"]["value"] > 0
    assert rows["train_memory_agnostic"]["value"] is None and "not there" in rows["train_memory_agnostic"]["note"]
    assert rows["full_run"]["value"] is None
    assert len(runner.lines(result)) == len(rows)


def test_corpora_are_measured_in_a_temporary_folder(smoke_params, empty):
    rows = corpora.simulate(smoke_params, TINY) + corpora.extraction(smoke_params, TINY)
    assert [row.name for row in rows] == ["simulate", "extract"]
    assert all(row.value and row.better == "higher" for row in rows)
    assert not list(empty.iterdir())


def test_memory_is_that_of_a_session_of_hours(smoke_params, empty):
    settings = corpora.one_session(smoke_params, TINY.session_s)
    corpora.write_chime6(settings.simulate, settings.seed, empty / "corpus")
    corpora.make_long(empty / "corpus", TINY.session_s)
    files = list(empty.rglob("*.wav"))
    found = {(info.duration, info.channels) for info in map(sf.info, files)}
    assert found == {(9000.0, 1), (9000.0, 2)}
    corpora.extract(empty / "corpus", empty / "segments", settings.corpora.chime6, settings.seed)
    segments = SegmentStore(empty / "segments").load("train")
    starts = segments.table["start_s"].to_numpy()
    late = starts > 4500.0
    assert late.any() and np.allclose(starts[late] - (9000.0 - TINY.session_s), starts[~late], atol=0.02)
    assert np.array_equal(segments.noisy[late], segments.noisy[~late])
    (row,) = corpora.extraction_memory(smoke_params, TINY)
    assert row.name == "extract_memory" and row.value and row.better == "lower"


def test_reallocation_and_training_steps_are_measured(smoke_params, empty):
    names = [row.name for row in codec.reallocation(smoke_params, TINY)]
    assert names == ["reallocate_floats", "reallocate_bits", "reallocate_bits_first"]
    for kind in training.RUNS:
        (row,) = training.steps(smoke_params, TINY, kind)
        assert row.name == f"train_steps_{kind}" and row.value and row.unit == "step/s"


def test_a_new_budget_says_which_components_of_each_encoder(smoke_params, empty):
    found, _ = codec.load_codec(smoke_params)
    counts, *columns = codec.allocate(found.bottleneck, 5)
    assert counts.sum() == 5 and [len(c) for c in columns] == counts.tolist()


def test_a_stale_pipeline_is_not_run_and_not_measured(monkeypatch):
    import subprocess

    calls = []

    def repro(*options: str) -> subprocess.CompletedProcess[str]:
        calls.append(options)
        return subprocess.CompletedProcess([], 0, stdout="Running stage 'x':\n", stderr="")

    monkeypatch.setattr(pipeline, "_repro", repro)
    rows = pipeline.nothing_to_do(TINY)
    assert [row.name for row in rows] == list(pipeline.COMMANDS)
    assert all(row.value is None and "stale" in row.note for row in rows) and calls == [("dvc", "--dry")]


def test_the_last_full_run_is_read_from_its_file(tmp_path):
    path = tmp_path / "run_time.json"
    path.write_text(
        '{"seconds": {"full_run": 850.2, "wing_ndpca": 930}, "peak_mb": {"wing_ndpca": 3900}, "note": "2 jobs"}'
    )
    rows = {row.name: row for row in pipeline.full_run(path)}
    assert (rows["full_run"].value, rows["full_run"].note, rows["full_run"].met) == (850.2, "2 jobs", True)
    assert (rows["wing_ndpca"].value, rows["wing_ndpca"].met) == (930.0, False)
    assert (rows["wing_ndpca_memory"].value, rows["wing_ndpca_memory"].met) == (3900.0, True)
    assert rows["wing_aucom"].value is None and rows["full_run_memory"].value is None
    assert set(rows) == {f"{name}{kind}" for name in pipeline.RUN_S for kind in ("", "_memory")}


def test_medians_leave_the_warm_up_out_and_targets_have_a_side():
    seen: list[int] = []
    repeat(seen.append, 3, warm_up=2)
    assert seen == [0, 1, 2, 3, 4]
    assert Measurement("a", "", 3.0, "", 2.0, "higher").met is True
    assert Measurement("a", "", 3.0, "", 2.0, "lower").met is False
    assert Measurement("a", "", None, "", 2.0).met is None
    assert peak_mb() > 1.0
