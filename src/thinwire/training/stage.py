"""The `train` stage: build, take up reference weights, loop, leave a models/<run> folder."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import thinwire
from thinwire.artifacts import atomic_path, fingerprint, write_json
from thinwire.errors import CheckpointError, PipelineError
from thinwire.nn.trainable import Trainable
from thinwire.params import Params
from thinwire.seeding import derive_seed, seed_everything
from thinwire.systems.ndpca.model import encode_all
from thinwire.systems.ndpca.modules import count_parameters
from thinwire.systems.ndpca.representation import magnitude_of
from thinwire.systems.ndpca.system import NdpcaSystem
from thinwire.training.build import DATA, MODELS, Splits, build_system, load_enhancer, load_splits
from thinwire.training.guard import orphan_check, sole_writer
from thinwire.training.loop import Loop, TensorData
from thinwire.training.state import load_tensors, misfit, save_tensors, save_weights

WEIGHTS = Path("weights")
RESUME = Path("resume")


def take_up(system: Trainable, init: str, weights: Path = WEIGHTS) -> str:
    """Load weights/<init>.safetensors into the deployed model; returns what was done, for the card.

    Weights of other shapes are not used and the reason is returned; an unknown name raises CheckpointError.
    """
    path = weights / f"{init}.safetensors"
    tensors = load_tensors(path)
    if not tensors:
        return "scratch"
    problem = misfit(tensors, system.deployed())
    if problem:
        return f"scratch ({init} does not fit: {problem})"
    model = system.deployed()
    model.load_state_dict({name: value.to(model.state_dict()[name].dtype) for name, value in tensors.items()})
    return init


def prepare_system(params: Params, name: str, splits: Splits, seed: int) -> tuple[Trainable, str]:
    """The system of a run, initialised, standardised and started from its `init`; with a word on what it
    started from.
    """
    run = params.run(name)
    task = load_enhancer(params, Path(run.after)) if run.setting == "aware" else None
    system = build_system(params, name, splits.mics, splits.samples, derive_seed(seed, "init"), task)
    if isinstance(system, NdpcaSystem):
        system.model.fit_statistics(splits.train.tensors["noisy"], splits.train.tensors["clean"])
    return system, take_up(system, run.init)


def run_fingerprint(params: Params, name: str) -> str:
    """What resume state belongs to: parameters, code and data."""
    run = params.run(name)
    package = Path(thinwire.__file__).parent
    code = sorted(
        p for room in ("nn", "systems", "tasks", "training", "signal") for p in (package / room).rglob("*.py")
    )
    inputs = [DATA / run.data / "segments.parquet", WEIGHTS / f"{run.init}.safetensors"]
    if run.setting == "aware":
        inputs.append(Path(run.after) / "model.safetensors")
    settings = [
        params.seed,
        run.model_dump(),
        getattr(params.systems, run.system).model_dump(),
        params.training_of(name).model_dump(),
    ]
    return fingerprint(*settings, *code, *(p for p in inputs if p.is_file()))


def stop_signal() -> Callable[[], bool]:
    """Turn SIGINT and SIGTERM into a flag, so that the loop saves before it ends; orphans stop too."""
    flag: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: flag.append(received))
    orphaned = orphan_check()
    return lambda: bool(flag) or orphaned()


def train(params: Params, name: str) -> None:
    """Train a run and write models/<name>: model.safetensors, config.json, curves.tsv, card.json."""
    run = params.run(name)
    if not (WEIGHTS / f"{run.init}.safetensors").is_file():
        raise CheckpointError(
            f"params.yaml: runs.{name}.init: weights/{run.init}.safetensors is not there; use `scratch`"
        )
    seed = derive_seed(params.seed, name if run.seed else "runs", run.seed)
    seed_everything(seed)
    folder = RESUME / f"{name}-{run_fingerprint(params, name)}"
    stop = stop_signal()
    with sole_writer(folder):
        splits = load_splits(params, name)
        system, started_from = prepare_system(params, name, splits, seed)
        settings = params.training_of(name)
        loop = Loop(
            system, splits.train, splits.dev, settings, run.steps, seed, splits.segment_s, folder, f"train {name}"
        )
        loop.run(stop)
        if loop.done < loop.steps:
            raise PipelineError(
                f"train {name}: stopped at step {loop.done} of {loop.steps}, state saved; run again to go on"
            )
        write_model(MODELS / name, loop, params, name, splits, started_from)
    if loop.fabric.global_rank == 0:
        shutil.rmtree(folder, ignore_errors=True)


def write_model(folder: Path, loop: Loop, params: Params, name: str, splits: Splits, started_from: str) -> None:
    """Write a models/<run> folder from a finished loop (rank 0 only)."""
    if loop.fabric.global_rank:
        return
    model = loop.raw.deployed()
    model.load_state_dict(loop.best)
    with atomic_path(folder, directory=True) as temporary:
        save_weights(temporary / "model.safetensors", model)
        if loop.critic is not None:
            state = {name.removeprefix("_forward_module."): value for name, value in loop.critic.state_dict().items()}
            save_tensors(temporary / "critic.safetensors", state)
        if isinstance(loop.raw, NdpcaSystem):
            save_tensors(temporary / "latents.safetensors", fitting_set(loop.raw, loop.train))
        config = {"run": params.run(name).model_dump(), "mics": splits.mics, "samples": splits.samples}
        config["spectrum"] = getattr(params.systems, params.run(name).system).spectrum.model_dump()
        write_json(temporary / "config.json", config)
        loop.curves().to_csv(temporary / "curves.tsv", sep="\t", index=False, float_format="%.6g")
        write_json(temporary / "card.json", card(loop, params, name, started_from))


def fitting_set(system: NdpcaSystem, train: TensorData) -> dict[str, torch.Tensor]:
    """What bottlenecks are fitted on (facts 1.3): latents z0, z1, ... of every training item; and the mean clean
    magnitude a bin.
    """
    latents = encode_all(system.model.eval(), train.tensors["noisy"])
    mean = magnitude_of(train.tensors["clean"].float(), system.run.representation).mean((0, 2))
    return {f"z{i}": torch.from_numpy(z) for i, z in enumerate(latents)} | {"mean_spectrum": mean}


def card(loop: Loop, params: Params, name: str, started_from: str) -> dict[str, Any]:
    """What a model is and how much training it had; free of times, so that equal runs give equal bytes."""
    run = params.run(name)
    best = next(r for r in loop.outcome.rows if r["step"] == loop.outcome.best_step and r["split"] == "dev")
    before: dict[str, Any] = {"hours_seen": 0.0, "steps": 0}
    if started_from == run.init and run.init != "scratch":
        before = json.loads((WEIGHTS / f"{run.init}.json").read_text("utf-8"))
    model = loop.raw.deployed()
    return {
        "run": name,
        "system": run.system,
        "parameters": {part: count_parameters(module) for part, module in model.named_children()},
        "init": started_from,
        "init_steps": before["steps"],
        "init_hours_seen": before["hours_seen"],
        "steps": run.steps,
        "batch": loop.settings.batch,
        "hours_seen": loop.outcome.seconds_seen / 3600.0,
        "training_items": len(loop.train),
        "best_step": loop.outcome.best_step,
        "validation": {k: v for k, v in best.items() if k not in ("step", "split")},
        "torch": torch.__version__.split("+")[0],
        "device": loop.fabric.device.type,
    }
