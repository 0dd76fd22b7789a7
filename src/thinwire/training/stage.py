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
from thinwire.nn.trainable import Trainable, count_by_part
from thinwire.params import Params
from thinwire.seeding import derive_seed, seed_everything
from thinwire.training.build import DATA, MODELS, Splits, adapter_of, build_system, load_splits, model_folder
from thinwire.training.guard import orphan_check, sole_writer
from thinwire.training.loop import Loop
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
    if not path.with_suffix(".json").is_file():
        raise CheckpointError(
            f"{path.with_suffix('.json')}: not there; weights come with their card, which says how much training they "
            "had: bring it too, or train from nothing (`init: scratch`)"
        )
    model = system.deployed()
    model.load_state_dict({name: value.to(model.state_dict()[name].dtype) for name, value in tensors.items()})
    return init


def prepare_system(params: Params, name: str, splits: Splits, seed: int) -> tuple[Trainable, str]:
    """The system of a run, initialised, standardised and started from its `init`, or, where that is `scratch`, from
    the run of the same system that it comes `after`; with a word on what it started from.
    """
    run = params.run(name)
    system = build_system(params, name, splits.facts, derive_seed(seed, "init"))
    adapter_of(run.system).fit(system, splits)
    started_from = take_up(system, run.init)
    before = Path(run.after)
    if started_from.startswith("scratch") and before.parts[:1] == ("models",) and before.name != name:
        former = params.run(before.name)
        if former.system == run.system:
            started_from = take_over(system, before / "model.safetensors", started_from)
    return system, started_from


def take_over(system: Trainable, path: Path, otherwise: str) -> str:
    """Start from a former stage's weights; tensors that only one of the models has, or of another shape, stay as they
    are. Returns what was done, for the card.
    """
    model = system.deployed()
    own, former = model.state_dict(), load_tensors(path)
    shared = {name: value for name, value in former.items() if name in own and own[name].shape == value.shape}
    if not shared:
        return otherwise
    model.load_state_dict(own | {name: value.to(own[name].dtype) for name, value in shared.items()})
    return f"{path.parent.name}/{path.stem} ({len(shared)} of {len(own)} tensors)"


def run_fingerprint(params: Params, name: str) -> str:
    """What resume state belongs to: parameters, code and data."""
    run = params.run(name)
    package = Path(thinwire.__file__).parent
    code = sorted(
        p for room in ("nn", "systems", "tasks", "training", "signal") for p in (package / room).rglob("*.py")
    )
    inputs = [
        DATA / run.data / "segments.parquet",
        WEIGHTS / f"{run.init}.safetensors",
        Path(run.after) / "model.safetensors",
    ]
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
    """Train a run and write models/<name>: model.safetensors, config.json, curves.tsv, card.json, and what its
    evaluation needs; with `training.seeds` above 1 the further models in folders seed1, seed2, ... of it.
    """
    run = params.run(name)
    if not (WEIGHTS / f"{run.init}.safetensors").is_file():
        raise CheckpointError(
            f"params.yaml: runs.{params.runs.paper_of(name)}.{name}.init: weights/{run.init}.safetensors is not there; "
            "use `scratch`"
        )
    settings = params.training_of(name)
    resume = RESUME / f"{name}-{run_fingerprint(params, name)}"
    stop = stop_signal()
    finished: list[tuple[Loop, str]] = []
    with sole_writer(resume):
        splits = load_splits(params, name)
        for number in range(settings.seeds):
            seed = derive_seed(params.seed, "runs", number)
            seed_everything(seed)
            system, started_from = prepare_system(params, name, splits, seed)
            folder = resume / f"seed{number}" if number else resume
            loop = Loop(system, splits, settings, run.steps, seed, folder, f"train {name}")
            loop.run(stop)
            if loop.done < loop.steps:
                raise PipelineError(
                    f"train {name}: stopped at step {loop.done} of {loop.steps}, state saved; run again to go on"
                )
            finished.append((loop, started_from))
        write_models(name, finished, params, splits)
    if finished[0][0].fabric.global_rank == 0:
        shutil.rmtree(resume, ignore_errors=True)


def write_models(name: str, finished: list[tuple[Loop, str]], params: Params, splits: Splits) -> None:
    """Write a models/<run> folder from finished loops, one a seed (rank 0 only)."""
    if finished[0][0].fabric.global_rank:
        return
    with atomic_path(MODELS / name, directory=True) as temporary:
        for number, (loop, started_from) in enumerate(finished):
            folder = temporary / model_folder(name, number).relative_to(MODELS / name)
            folder.mkdir(exist_ok=True)
            write_model(folder, loop, params, name, splits, started_from)


def write_model(folder: Path, loop: Loop, params: Params, name: str, splits: Splits, started_from: str) -> None:
    """Write one trained model into an empty folder."""
    run, model = params.run(name), loop.raw.deployed()
    model.load_state_dict(loop.best)
    save_weights(folder / "model.safetensors", model)
    if loop.critic is not None:
        state = {key.removeprefix("_forward_module."): value for key, value in loop.critic.state_dict().items()}
        save_tensors(folder / "critic.safetensors", state)
    for file, tensors in adapter_of(run.system).derived(loop.raw, loop.train).items():
        save_tensors(folder / f"{file}.safetensors", tensors)
    config = {"run": run.model_dump(), "facts": splits.facts}
    config["spectrum"] = getattr(params.systems, run.system).spectrum.model_dump()
    write_json(folder / "config.json", config)
    loop.curves().to_csv(folder / "curves.tsv", sep="\t", index=False, float_format="%.6g")
    write_json(folder / "card.json", card(loop, params, name, started_from))


def card(loop: Loop, params: Params, name: str, started_from: str) -> dict[str, Any]:
    """What a model is and how much training it had; free of times, so that equal runs give equal bytes."""
    run = params.run(name)
    best = next(r for r in loop.outcome.rows if r["step"] == loop.outcome.best_step and r["split"] == "dev")
    before: dict[str, Any] = dict.fromkeys(("hours_seen", "steps", "hours_seen_before", "steps_before"), 0)
    if started_from == run.init and run.init != "scratch":
        before = json.loads((WEIGHTS / f"{run.init}.json").read_text("utf-8"))
    model = loop.raw.deployed()
    return {
        "run": name,
        "system": run.system,
        "parameters": count_by_part(model),
        "init": started_from,
        "init_steps": before["steps"] + before["steps_before"],
        "init_hours_seen": before["hours_seen"] + before["hours_seen_before"],
        "steps": run.steps,
        "batch": loop.settings.batch,
        "hours_seen": loop.outcome.seconds_seen / 3600.0,
        "training_items": len(loop.train),
        "best_step": loop.outcome.best_step,
        "validation": {k: v for k, v in best.items() if k not in ("step", "split")},
        "torch": torch.__version__.split("+")[0],
        "device": loop.fabric.device.type,
    }
