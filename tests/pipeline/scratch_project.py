"""The files of the scratch project, and how tests call commands in a project."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


def call(*command: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command in a project; its output is in the error of a test that fails by it."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment |= {"DVC_NO_ANALYTICS": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)} -> {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def commit(folder: Path) -> None:
    """Make a git repository of a folder, or add a commit to it."""
    call("git", "init", "-q", cwd=folder)
    call("git", "add", "-A", cwd=folder)
    call("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "t", cwd=folder)
