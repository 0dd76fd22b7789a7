"""Weights and resume state in safetensors and JSON: written whole or not at all, never unpickled."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from thinwire.artifacts import atomic_path
from thinwire.errors import CheckpointError


def save_weights(path: Path, module: nn.Module, half: bool = False) -> None:
    """Write a module's state; `half` stores floating-point tensors in fp16."""
    state = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    if half:
        state = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    save_tensors(path, state)


def save_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write named tensors atomically."""
    with atomic_path(path) as temporary:
        save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, temporary)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read named tensors; raises CheckpointError for a file that is missing or damaged."""
    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path}: no such weights; run `dvc repro`, or `thinwire train-long` for weights/"
        ) from error
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not a safetensors file ({error}); delete it and make it again") from error


def load_weights(path: Path, module: nn.Module) -> None:
    """Load weights into a module of the same shapes; raises CheckpointError naming the first tensor that
    does not fit.
    """
    tensors = load_tensors(path)
    problem = misfit(tensors, module)
    if problem:
        raise CheckpointError(f"{path}: weights of another model: {problem}")
    module.load_state_dict({name: value.to(module.state_dict()[name].dtype) for name, value in tensors.items()})


def misfit(tensors: dict[str, Tensor], module: nn.Module) -> str | None:
    """Why tensors do not fit a module: the first missing, unknown or differently shaped name; None when they fit."""
    wanted = module.state_dict()
    for name in sorted(wanted.keys() | tensors.keys()):
        if name not in tensors:
            return f"{name} is missing"
        if name not in wanted:
            return f"{name} is unknown to the model"
        if tensors[name].shape != wanted[name].shape:
            return f"{name} has shape {tuple(tensors[name].shape)}, the model wants {tuple(wanted[name].shape)}"
    return None


@dataclass
class Checkpoint:
    """Everything a killed run needs to go on as if nothing had happened."""

    tensors: dict[str, Tensor]
    scalars: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write tensors and scalars into one file (scalars as a JSON tensor), so that both are of the same step."""
        text = torch.frombuffer(bytearray(json.dumps(self.scalars, sort_keys=True).encode()), dtype=torch.uint8)
        save_tensors(path, self.tensors | {"__scalars__": text})

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read what `save` wrote; raises CheckpointError."""
        tensors = load_tensors(path)
        if "__scalars__" not in tensors:
            raise CheckpointError(f"{path}: not a resume state; delete it to start the run anew")
        scalars = json.loads(bytes(tensors.pop("__scalars__").numpy()).decode())
        return cls(tensors, scalars)


def flatten_optimizer(prefix: str, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Optimiser moments as named tensors."""
    state = optimizer.state_dict()["state"]
    return {
        f"{prefix}/{index}/{name}": torch.as_tensor(v) for index, values in state.items() for name, v in values.items()
    }


def restore_optimizer(prefix: str, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put moments written by `flatten_optimizer` back."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith(prefix + "/"):
            _, index, name = key.split("/")
            state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
