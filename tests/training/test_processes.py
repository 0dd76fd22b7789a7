"""Two CPU processes train one model (gloo), launched by the command itself or found running as torchrun leaves them."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from tiny_workspace import train_and_leave

from thinwire.training.state import load_tensors

SCRIPT = """
import sys
sys.path.insert(0, {here!r})
from tiny_workspace import train_and_leave
train_and_leave({folder!r}, {name!r}, {{}})
"""


def launched_by_itself(folder: Path, name: str) -> None:
    """As `thinwire train` does it with training.devices: 2; the launcher runs the script once more."""
    tree = yaml.safe_load((folder / "params.yaml").read_text())
    tree["training"]["devices"] = 2
    (folder / "params.yaml").write_text(yaml.safe_dump(tree))
    script = folder / "train.py"
    script.write_text(SCRIPT.format(here=str(Path(__file__).parent), folder=str(folder), name=name))
    alone = {k: v for k, v in os.environ.items() if k not in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "NODE_RANK")}
    done = subprocess.run(
        [sys.executable, str(script)], env=alone | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}, cwd=folder,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def as_torchrun_would(folder: Path, name: str) -> None:
    """Two processes with torchrun's variables (its start-up costs more than the training)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"TORCHELASTIC_RUN_ID": "test", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2",
              "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "CUDA_VISIBLE_DEVICES": ""}  # fmt: skip
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tiny_workspace", "thinwire.training.stage", "lightning.fabric"])
    processes = [
        context.Process(target=train_and_leave, args=(folder, name, shared | {"RANK": rank, "LOCAL_RANK": rank}))
        for rank in ("0", "1")
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        if process.is_alive():
            process.kill()
    assert [process.exitcode for process in processes] == [0, 0]


@pytest.mark.parametrize(("launch", "name"), [(launched_by_itself, "agnostic"), (as_torchrun_would, "aware")])
def test_two_processes_end_with_equal_weights(scored: Path, tmp_path: Path, launch, name: str) -> None:  # type: ignore[no-untyped-def]
    folder = Path(shutil.copytree(scored, tmp_path / "workspace"))
    launch(folder, name)
    ranks = [load_tensors(folder / f"rank{rank}of2.safetensors") for rank in range(2)]
    assert ranks[0].keys() == ranks[1].keys()
    assert all(torch.equal(ranks[0][key], ranks[1][key]) for key in ranks[0])
    assert name == "agnostic" or any(key.startswith("critic/") for key in ranks[0])
    assert (folder / "models" / name / "model.safetensors").is_file()
    assert not list((folder / "resume").iterdir())
