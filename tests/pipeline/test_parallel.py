"""`thinwire repro -j N`: what is stale runs, in order; a failure stops new stages and names its log."""

from __future__ import annotations

import pytest
from dvc.lock import LockError

from thinwire.errors import PipelineError
from thinwire.pipeline.graph import Graph, read_lock
from thinwire.pipeline.parallel import repro


def test_two_runs_side_by_side_then_their_table(project, edit, call, capsys):
    edit("params.yaml", "steps: 1", "steps: 7")
    edit("params.yaml", "steps: 2", "steps: 8")
    outcomes = repro(2)
    assert {o.stage for o in outcomes[:2]} == {"train@a", "train@b"} and outcomes[2].stage == "table"
    assert [o.how for o in outcomes] == ["ran"] * 3
    assert "7,8" in (project / "reports/table.json").read_text()
    assert read_lock()["train@b"]["params"]["params.yaml"]["runs.b"] == {"steps": 8}
    assert "[3/3]     ran       table" in capsys.readouterr().out
    assert repro(2) == []
    assert "Running stage" not in call("dvc", "repro", cwd=project).stdout


def test_a_failure_names_the_stage_and_its_log(project, edit, capfd):
    edit("params.yaml", "steps: 2", "steps: 13")
    with pytest.raises(PipelineError, match=r"stage train@b failed.*build/logs/train@b.log"):
        repro(2)
    assert "thirteen is too many" in capfd.readouterr().err
    assert read_lock()["train@b"]["params"]["params.yaml"]["runs.b"] == {"steps": 2}


def test_targets_leave_the_rest_alone(project, edit):
    edit("params.yaml", "steps: 1", "steps: 7")
    edit("params.yaml", "steps: 2", "steps: 8")
    assert [o.stage for o in repro(1, ["train@a"])] == ["train@a"]


def test_lists_of_code_are_made_first_and_spare_what_they_do_not_change(project, edit, call):
    made = "stages:\n  code:\n    cmd: mkdir -p build/code && head -n 1 train.py > build/code/train.txt\n"
    edit("dvc.yaml", "stages:\n", f"{made}    deps:\n      - train.py\n    outs:\n      - build/code/train.txt\n")
    edit("dvc.yaml", "        - train.py\n", "        - build/code/train.txt\n")
    call("dvc", "repro", "-q", cwd=project)
    edit("train.py", "two = 2", "two = 3")
    assert [o.stage for o in repro(2)] == ["code"]
    edit("train.py", "one = 1", "one = 2")
    assert [o.stage for o in repro(1) if o.how == "ran"] == ["code", "train@a", "train@b"]


def test_a_second_run_in_the_same_folder_is_one_line(project, monkeypatch):
    graph = Graph.read(project)
    stage = next(iter(graph.repo.index.stages))

    def busy(*_: object) -> None:
        raise LockError("'models/x' is busy,\n it is being blocked by:\n  (PID 7)")

    monkeypatch.setattr(type(stage), "status", busy)
    with pytest.raises(
        PipelineError, match=r"another run is at work in this folder.*'models/x' is busy, it is"
    ) as found:
        graph.changed()
    assert "\n" not in str(found.value)
