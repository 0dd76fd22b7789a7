"""SIGKILL in the middle of training, and the same weights all the same."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
import tiny_workspace
from tiny_workspace import train_in, train_slowly


def kill_in_the_middle(folder: Path, name: str) -> int:
    """Train in a process of its own and kill that once it has saved its state; returns the exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tiny_workspace", "thinwire.training.stage", "lightning.fabric"])
    process = context.Process(target=train_slowly, args=(folder, name, 0.1))
    process.start()
    deadline = time.monotonic() + 60
    while not list((folder / "resume").glob("*/resume.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(random.uniform(0.0, 0.5))
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    return process.exitcode or 0


@pytest.mark.parametrize("name", ["agnostic", "aware", "score"])
def test_killed_and_started_again(scored: Path, tmp_path: Path, name: str) -> None:
    whole = Path(shutil.copytree(scored, tmp_path / "whole"))
    broken = Path(shutil.copytree(scored, tmp_path / "broken"))
    for folder in (whole, broken):
        if name == "score":
            shutil.rmtree(folder / "models" / "score")
    assert kill_in_the_middle(broken, name) == -signal.SIGKILL
    assert not (broken / "models" / name).exists()
    assert len(list((broken / "resume").glob("*/resume.safetensors"))) == 1
    again, expected = train_in(broken, name), train_in(whole, name)
    files = ["model.safetensors", "card.json", "curves.tsv"]
    files += ["critic.safetensors"] if name == "aware" else []
    for file in files:
        assert (again / file).read_bytes() == (expected / file).read_bytes(), file
    assert not list((broken / "resume").iterdir())


def test_helper_is_this_folder_s() -> None:
    assert Path(tiny_workspace.__file__).parent == Path(__file__).parent
