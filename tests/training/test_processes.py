"""Two CPU processes train one model (gloo), launched by the command itself or by torchrun."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from thinwire.training.state import load_tensors

# The stage, with one thing more: each process leaves the weights that it ends with.
SCRIPT = """
import sys
from thinwire.params import load_params
from thinwire.training import stage
from thinwire.training.state import save_tensors
from pathlib import Path

def leave(folder, loop, *rest, own=stage.write_model):
    tensors = dict(loop.raw.state_dict()) | {"best/" + k: v for k, v in loop.best.items()}
    if loop.judge is not None:
        tensors |= {"critic/" + k: v for k, v in loop.judge.state_dict().items()}
    save_tensors(Path(f"rank{loop.fabric.global_rank}of{loop.fabric.world_size}.safetensors"), tensors)
    own(folder, loop, *rest)

stage.write_model = leave
stage.train(load_params(), sys.argv[1])
"""


def run_in(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("LOCAL_RANK", "RANK", "WORLD_SIZE", "NODE_RANK")}
    environment = clean | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("launcher", "name"), [("own", "agnostic"), ("torchrun", "aware")])
def test_two_processes_end_with_equal_weights(scored: Path, tmp_path: Path, launcher: str, name: str) -> None:
    folder = Path(shutil.copytree(scored, tmp_path / "workspace"))
    (folder / "train.py").write_text(SCRIPT)
    if launcher == "own":
        tree = yaml.safe_load((folder / "params.yaml").read_text())
        tree["training"]["devices"] = 2
        (folder / "params.yaml").write_text(yaml.safe_dump(tree))
        command = [sys.executable, "train.py", name]
    else:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2",
                   "train.py", name]  # fmt: skip
    done = run_in(folder, command)
    assert done.returncode == 0, done.stderr
    ranks = [load_tensors(folder / f"rank{rank}of2.safetensors") for rank in range(2)]
    assert ranks[0].keys() == ranks[1].keys()
    assert all(torch.equal(ranks[0][key], ranks[1][key]) for key in ranks[0])
    assert name == "agnostic" or any(key.startswith("critic/") for key in ranks[0])
    assert (folder / "models" / name / "model.safetensors").is_file()
    assert not list((folder / "resume").iterdir())
