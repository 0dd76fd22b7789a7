"""`thinwire why`: the parameter, module or output that makes a stage stale, with the difference."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import thinwire
from thinwire.errors import PipelineError
from thinwire.pipeline.meaning import digest
from thinwire.pipeline.why import explain, parameter_changes, report

LISTS = """
from pathlib import Path
from thinwire.pipeline.code import listing
Path("build/code/train.txt").write_text(listing({Path("train.py"), Path("make.py")}))
"""


def test_nothing_is_stale_after_a_run(project):
    assert explain() == []
    assert report([]) == "everything is up to date"


def test_a_parameter_is_named_with_old_and_new_value_and_dependants_wait(project, edit):
    edit("params.yaml", "steps: 2", "steps: 5")
    found = {item.stage: item for item in explain()}
    assert list(found) == ["train@b", "table"]
    assert [(r.kind, r.text) for r in found["train@b"].reasons] == [("parameter", "runs.b.steps: 2 -> 5")]
    assert found["table"].waits_for == ["train@b"] and not found["table"].reasons
    assert "table (reads from train@b)" in report(list(found.values()))


def test_a_comment_in_the_parameters_changes_nothing(project, edit):
    edit("params.yaml", "# few", "# very few")
    assert explain() == []


def test_a_module_is_shown_with_the_lines_that_changed(project, edit):
    edit("train.py", "two = 2", "two = 3")
    item = explain(["train@a"])[0]
    (reason,) = item.reasons
    assert reason.kind == "dependency" and reason.text.startswith("train.py: module changed (was ")
    assert "-two = 2" in reason.difference and "+two = 3" in reason.difference


def test_a_stage_names_the_module_behind_its_list_and_does_not_wait_for_the_list(project, edit, call, monkeypatch):
    """The stage `code` of the real graph: each stage depends on a list of modules with their hashes."""
    (project / "lists.py").write_text(LISTS)
    cmd = f"PYTHONPATH={Path(thinwire.__file__).parents[1]} {sys.executable} lists.py"
    made = f"stages:\n  code:\n    cmd: {cmd}\n    deps:\n      - train.py\n"
    edit("dvc.yaml", "stages:\n", f"{made}      - make.py\n    outs:\n      - build/code/train.txt\n")
    edit("dvc.yaml", "        - train.py\n", "        - build/code/train.txt\n")
    (project / "build/code").mkdir(parents=True)
    call("dvc", "repro", "-q", cwd=project)
    path = project / "build/code/train.txt"
    edit("train.py", "two = 2", "two = 3")
    now = f"{digest((project / 'train.py').read_bytes())}  train.py\nab  more.py\n"
    monkeypatch.setattr("thinwire.pipeline.code.listings", lambda notebooks: {path.relative_to(project): now})
    found = {item.stage: item for item in explain()}
    assert list(found) == ["code", "train@a", "train@b", "table"]
    gone, changed, new = found["train@a"].reasons
    assert gone.text.startswith("make.py: no longer used")
    assert changed.text.startswith("train.py: module changed (was ") and "+two = 3" in changed.difference
    assert new.text == "more.py: module newly used"
    assert found["train@a"].waits_for == []


def test_target_shows_only_what_it_needs(project, edit):
    edit("params.yaml", "steps: 2", "steps: 5")
    assert explain(["train@a"]) == []
    assert [item.stage for item in explain(["train"])] == ["train@b"]


def test_new_run_missing_output_and_command(project, edit):
    edit("params.yaml", "    steps: 2\n", "    steps: 2\n  c:\n    steps: 3\n")
    (project / "models/a/steps").unlink()
    edit("dvc.yaml", "make.py table", "make.py table x")
    found = {item.stage: [r.kind for r in item.reasons] for item in explain()}
    assert found["train@c"] == ["never run"]
    assert found["train@a"] == ["output"]
    assert found["table"] == ["command"]


def test_unknown_stage_is_one_line(project):
    with pytest.raises(PipelineError, match="no stage `nix`"):
        explain(["nix"])


def test_parameter_changes_descend_to_the_leaves():
    old, new = {"a": {"b": 1, "c": [1]}, "d": 2}, {"a": {"b": 3, "c": [1]}, "e": 2}
    assert parameter_changes(old, new, "k") == ["k.a.b: 1 -> 3", "k.d: 2 -> (absent)", "k.e: (absent) -> 2"]
