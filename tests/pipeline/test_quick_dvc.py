"""DVC with a quick lock and parameters parsed once: the same bytes, and it sees what plain DVC sees."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from thinwire.pipeline.graph import read_lock
from thinwire.pipeline.quick_dvc import PARSED, lock_text

QUICK = (sys.executable, "-m", "thinwire.pipeline.quick_dvc")
HASHES = st.integers(0, 2**128 - 1).map("{:032x}".format) | st.integers(0, 10**32 - 1).map("{:032d}".format)
PATHS = st.from_regex(r"[a-zA-Z0-9_./@:=+~^ -]{0,12}", fullmatch=True)  # lines of under 80 letters


def _nested(words: st.SearchStrategy[str]) -> st.SearchStrategy[dict]:
    plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words | HASHES
    inside = st.recursive(
        plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4), max_leaves=12
    )
    return st.dictionaries(words, inside, min_size=1, max_size=4)


@given(_nested(PATHS))
def test_a_lock_has_the_bytes_that_dvc_writes(data: dict) -> None:
    from dvc.utils.serialize import dumps_yaml, loads_yaml

    text = dumps_yaml({"stages": data})
    assert lock_text(loads_yaml(text)) == text


@given(_nested(st.text(st.characters(exclude_categories=("Cs", "Cn", "Co")), max_size=60)))
def test_any_words_are_read_back_as_they_were(data: dict) -> None:
    from dvc.utils.serialize import loads_yaml

    assert loads_yaml(lock_text(data)) == data


def test_this_workbooks_lock_comes_through(root: Path) -> None:
    from dvc.utils.serialize import loads_yaml

    text = (root / "dvc.lock").read_text("utf-8")
    assert lock_text(loads_yaml(text)) == text


def test_an_edited_parameter_runs_its_stage_and_leaves_the_lock_of_plain_dvc(project, edit, call) -> None:
    assert "Running stage" not in call(*QUICK, "repro", cwd=project).stdout
    edit("params.yaml", "steps: 1 ", "steps: 7 ")  # of the same size
    edit("params.yaml", "steps: 2", "steps: null")
    told = call(*QUICK, "repro", cwd=project).stdout
    assert [name for name in ("train@a", "train@b", "table") if f"Running stage '{name}'" in told] == [
        "train@a", "train@b", "table",
    ]  # fmt: skip
    quick = (project / "dvc.lock").read_bytes()
    assert read_lock()["train@b"]["params"]["params.yaml"]["runs.b"] == {"steps": None}
    assert "Running stage" not in call("dvc", "repro", cwd=project).stdout
    call("dvc", "repro", "-f", cwd=project)
    assert (project / "dvc.lock").read_bytes() == quick


def test_comments_of_other_files_are_kept_and_errors_are_dvcs_own(project, edit, call) -> None:
    edit("params.yaml", "steps: 2", "steps: 13")
    failed = call(*QUICK, "repro", cwd=project, check=False)
    assert failed.returncode == 255 and "failed to reproduce 'train@b'" in failed.stderr
    edit("dvc.yaml", "stages:\n", "stages:\n  # a remark\n")
    call(*QUICK, "stage", "add", "-q", "-n", "more", "-o", "more.txt", "echo more > more.txt", cwd=project)
    assert "# a remark" in (project / "dvc.yaml").read_text()


def test_a_lock_of_other_hands_or_a_damaged_memory_is_parsed_anew(project, call) -> None:
    call(*QUICK, "repro", "-f", cwd=project)
    text, memory = (project / "dvc.lock").read_text(), project / PARSED
    assert memory.exists()
    (project / "dvc.lock").write_text(text.replace("steps: 2", "steps: 5"))  # as a checkout of another commit would
    assert "'train@b' is cached" in call(*QUICK, "repro", cwd=project).stdout
    for damaged in ("", "[1]", '{"md5": 1}', memory.read_text()[:-9]):
        memory.write_text(damaged)
        assert "Running stage" not in call(*QUICK, "repro", cwd=project).stdout
    assert (project / "dvc.lock").read_text() == text
