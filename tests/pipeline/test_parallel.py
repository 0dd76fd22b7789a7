"""`thinwire repro -j N`: what is stale runs, in order; a failure stops new stages and names its log."""

from __future__ import annotations

import pytest

from thinwire.errors import PipelineError
from thinwire.pipeline.graph import read_lock
from thinwire.pipeline.parallel import repro


def test_two_runs_side_by_side_then_their_table(project, edit, call, capsys):
    edit("params.yaml", "steps: 1", "steps: 7")
    edit("params.yaml", "steps: 2", "steps: 8")
    outcomes = repro(2)
    assert {o.stage for o in outcomes[:2]} == {"train@a", "train@b"} and outcomes[2].stage == "table"
    assert [o.how for o in outcomes] == ["ran"] * 3
    assert "7,8" in (project / "reports/table.json").read_text()
    assert read_lock()["train@b"]["params"]["params.yaml"]["runs.b"] == {"steps": 8}
    assert "[3/3]     ran      table" in capsys.readouterr().out
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
