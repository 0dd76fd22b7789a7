"""SIGKILL in the middle of training, and the same weights all the same."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import tiny_workspace
from tiny_workspace import train_in, train_slowly


def process_of(work: Callable[..., object], *arguments: object) -> ForkServerProcess:
    """A started process of its own, as a stage has; whatever tests before did to libraries in this one is not there."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tiny_workspace", "thinwire.training.stage", "lightning.fabric"])
    process = context.Process(target=work, args=arguments)
    process.start()
    return process


def train_apart(folder: Path, name: str) -> Path:
    """Train to the end; returns models/<run>."""
    process = process_of(train_in, folder, name)
    process.join()
    assert process.exitcode == 0
    return folder / "models" / name


def kill_in_the_middle(folder: Path, name: str) -> int:
    """Begin to train and kill that once it has saved its state; returns the exit code."""
    process = process_of(train_slowly, folder, name, 0.1)
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
    again, expected = train_apart(broken, name), train_apart(whole, name)
    files = ["model.safetensors", "card.json", "curves.tsv"]
    files += ["critic.safetensors"] if name == "aware" else []
    for file in files:
        assert (again / file).read_bytes() == (expected / file).read_bytes(), file
    assert not list((broken / "resume").iterdir())


def test_helper_is_this_folder_s() -> None:
    assert Path(tiny_workspace.__file__).parent == Path(__file__).parent
