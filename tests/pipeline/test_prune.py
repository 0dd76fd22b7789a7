"""`thinwire prune`: outputs of a removed run go, everything else stays."""

from __future__ import annotations

from thinwire.pipeline.graph import read_lock
from thinwire.pipeline.prune import find_leftovers, remove


def test_nothing_is_left_over_after_a_run(project):
    found = find_leftovers()
    assert (found.paths, found.entries) == ([], [])


def test_a_removed_run_leaves_its_model_and_lock_entry(project, edit):
    edit("params.yaml", "  b:\n    steps: 2\n", "")
    edit("dvc.yaml", "      - models/b\n", "")
    (project / "results/old").mkdir(parents=True)
    before = read_lock()
    found = find_leftovers()
    assert found.paths == ["models/b", "results/old"] and found.entries == ["train@b"]
    assert (project / "models/b").is_dir()  # a list alone deletes nothing
    remove(found)
    assert not (project / "models/b").exists() and (project / "models/a/steps").exists()
    assert read_lock() == {name: entry for name, entry in before.items() if name != "train@b"}
    again = find_leftovers()
    assert (again.paths, again.entries) == ([], [])


def test_a_renamed_stage_keeps_what_it_still_makes(project, edit):
    edit("dvc.yaml", "  clips:\n", "  material:\n")
    found = find_leftovers()
    assert found.paths == [] and found.entries == ["clips"]
