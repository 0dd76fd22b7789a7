"""A scratch DVC project with the shape of the real one: material, runs by `foreach`, a table that names its runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PARAMS = """# the knobs
runs:
  a:
    steps: 1    # few
  b:
    steps: 2
"""
STAGES = """
stages:
  clips:
    cmd: {python} make.py clips
    deps:
      - make.py
    outs:
      - data/clips
  train:
    foreach: ${{runs}}
    do:
      cmd: {python} make.py train ${{key}}
      params:
        - runs.${{key}}
      deps:
        - data/clips
        - train.py
      outs:
        - models/${{key}}
  table:
    cmd: {python} make.py table
    deps:
      - models/a
      - models/b
    metrics:
      - reports/table.json:
          cache: false
"""
MAKE = """
import pathlib, sys, yaml
kind, *rest = sys.argv[1:]
if kind == "clips":
    pathlib.Path("data/clips").mkdir(parents=True)
    pathlib.Path("data/clips/x").write_text("clips")
elif kind == "train":
    steps = yaml.safe_load(open("params.yaml"))["runs"][rest[0]]["steps"]
    if steps == 13:
        sys.exit("thirteen is too many")
    folder = pathlib.Path("models", rest[0])
    folder.mkdir(parents=True)
    (folder / "steps").write_text(str(steps))
else:
    pathlib.Path("reports").mkdir(exist_ok=True)
    text = ",".join(pathlib.Path("models", run, "steps").read_text() for run in "ab")
    pathlib.Path("reports/table.json").write_text('{"steps": "' + text + '"}')
"""


def _call(*command: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command in a project; its output is in the error of a test that fails by it."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment |= {"DVC_NO_ANALYTICS": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)} -> {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def _commit(folder: Path) -> None:
    """Make a git repository of a folder, or add a commit to it."""
    _call("git", "init", "-q", cwd=folder)
    _call("git", "add", "-A", cwd=folder)
    _call("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "t", cwd=folder)


@pytest.fixture(scope="session")
def call() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`call(*command, cwd, check=True)` with this environment on PATH; a failure's output is in the test's error."""
    return _call


@pytest.fixture(scope="session")
def commit() -> Callable[[Path], None]:
    """`commit(folder)` makes a git repository of a folder, or adds a commit to it."""
    return _commit


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
    _call("git", "init", "-q", cwd=folder)
    _call("dvc", "init", "-q", cwd=folder)
    _call("dvc", "repro", "-q", cwd=folder)
    _commit(folder)
    return folder


@pytest.fixture
def project(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of the built scratch project, as the working directory."""
    _call("cp", "-a", str(built), str(tmp_path / "project"), cwd=tmp_path)
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
