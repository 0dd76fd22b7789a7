"""A scratch DVC project with the shape of the real one: a source, runs by `foreach`, and a table that names its runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from scratch_project import MAKE, PARAMS, STAGES, call, commit

@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scratch project after its first `dvc repro`; tests take a copy."""
    folder = tmp_path_factory.mktemp("scratch") / "project"
    folder.mkdir()
    (folder / "params.yaml").write_text(PARAMS)
    (folder / "dvc.yaml").write_text(STAGES.format(python=sys.executable))
    (folder / "make.py").write_text(MAKE)
    (folder / "train.py").write_text("one = 1\ntwo = 2\n")
    (folder / ".gitignore").write_text("/data/\n/models/\n/build/\n__pycache__/\n")
    call("git", "init", "-q", cwd=folder)
    call("dvc", "init", "-q", cwd=folder)
    call("dvc", "repro", "-q", cwd=folder)
    commit(folder)
    return folder


@pytest.fixture
def project(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of the built scratch project, as the working directory."""
    call("cp", "-a", str(built), str(tmp_path / "project"), cwd=tmp_path)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def edit(project: Path) -> Callable[[str, str, str], None]:
    """Replace text in a file of the project."""

    def replace(path: str, old: str, new: str) -> None:
        text = (project / path).read_text()
        assert old in text
        (project / path).write_text(text.replace(old, new))

    return replace
