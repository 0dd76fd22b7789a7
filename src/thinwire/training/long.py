"""`train-long`: reference weights from hours of the same loop, on this machine or on a bare one with a GPU.

Segment folders are already small shards (FLAC) that can be carried; `train_long` needs nothing of the
pipeline but these, and runs until its hours or the run's steps are over, taking up where it stopped.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import thinwire
from thinwire.artifacts import fingerprint, read_json, write_json
from thinwire.errors import ParamError
from thinwire.nn.trainable import Trainable, count_parameters
from thinwire.params import Params
from thinwire.params.base import Training
from thinwire.seeding import derive_seed, seed_everything
from thinwire.training.build import DATA, Splits, adapter_of, load_splits
from thinwire.training.guard import sole_writer
from thinwire.training.loop import Loop
from thinwire.training.stage import RESUME, prepare_system, stop_signal, take_over
from thinwire.training.state import save_weights


def train_long(
    params: Params, name: str, hours: float, steps: int, folders: list[Path], out: Path, note: str, settings: Training,
    start: Path | None = None, refit: str = "",
) -> Path:  # fmt: skip
    """Train a run's model for `steps` steps or `hours`, whichever ends first, and write weights/<run>.safetensors and
    .json.

    `start` names weights of another run of the same system: what fits of them is taken over; `refit` names a part
    that is then fitted to training items (TF-Codec: codebooks, loop). Start it again with the same arguments to go on.
    The schedule of the learning rate belongs to `steps`. Raises ParamError when there is nothing to train on, or
    nothing to fit.
    """
    if hours <= 0 or steps < 1:
        raise ParamError(f"train-long {name}: needs hours above 0 and at least one step, found {hours} and {steps}")
    run = params.run(name)
    folders = folders or [DATA / run.data]
    seed = derive_seed(params.seed, name, "long")
    seed_everything(seed)
    splits = load_splits(params, name, folders)
    former = {"after": "data"} if start is not None and not run.after.startswith("models/score") else {}
    scratch = params.with_run(name, run.model_copy(update={"init": "scratch"} | former))
    system, began_as = prepare_system(scratch, name, splits, seed)
    if start is not None:
        began_as = take_over(system, start, began_as)
    if refit:
        if not hasattr(adapter_of(run.system), "refit"):
            raise ParamError(f"train-long {name} --refit: system `{run.system}` has nothing to fit; leave it out")
        try:
            adapter_of(run.system).refit(system, splits, refit)  # type: ignore[attr-defined]
        except (ParamError, ValueError) as error:
            raise ParamError(f"train-long {name} --refit {refit}: {error}") from error
        began_as += f", {refit} fitted anew"
    key = fingerprint(
        getattr(params.systems, run.system).model_dump(),
        run.model_dump(exclude={"init", "steps"}),
        settings.model_dump(),
        steps,
        *(folder / "segments.parquet" for folder in folders),
        *([start] if start is not None else []),
        *([refit] if refit else []),
    )
    folder = RESUME / f"long-{name}-{key}"
    deadline = time.monotonic() + hours * 3600.0
    interrupted = stop_signal()
    with sole_writer(folder):
        loop = Loop(system, splits, settings, steps, seed, folder, f"train-long {name}")
        try:
            loop.run(lambda: interrupted() or time.monotonic() > deadline)
        finally:
            if loop.fabric.global_rank == 0 and loop.outcome.rows:
                write_weights(out, name, loop, params, splits, folders, note, began_as, start)
    return out / f"{name}.safetensors"


def write_weights(
    out: Path, name: str, loop: Loop, params: Params, splits: Splits, folders: list[Path], note: str, began_as: str,
    start: Path | None,
) -> None:  # fmt: skip
    """fp16 weights and their card: how they were made, by which code, on what, for how long, with which result."""
    model = loop.raw.deployed()
    own = {key: value.clone() for key, value in model.state_dict().items()}
    model.load_state_dict(loop.best)
    save_weights(out / f"{name}.safetensors", model, half=True)
    sound = heard(params, name, loop.raw, splits)
    model.load_state_dict(own)
    package = Path(thinwire.__file__).parent
    code = sorted(
        p for room in ("nn", "systems", "tasks", "training", "signal") for p in (package / room).rglob("*.py")
    )
    rows = [row for row in loop.outcome.rows if row["split"] == "dev"]
    best = next(row for row in rows if row["step"] == loop.outcome.best_step)
    stride = max(1, len(rows) // 50)
    write_json(
        out / f"{name}.json",
        {
            "run": name,
            "parameters": {
                "run": params.run(name).model_dump(),
                "system": getattr(params.systems, params.run(name).system).model_dump(),
            },
            "training": loop.settings.model_dump(),
            "parameter_count": count_parameters(model),
            "version": thinwire.__version__,
            "code": fingerprint(*code),
            "data": {
                "folders": [f.name for f in folders],
                "fingerprint": fingerprint(*(f / "segments.parquet" for f in folders)),
                "items": len(loop.train),
                "note": note,
                "training_ids": splits.seen,
            },  # fmt: skip
            "start": began_as,
            **training_before(start),
            "steps": loop.done,
            "planned_steps": loop.steps,
            "best_step": loop.outcome.best_step,
            "hours_seen": loop.outcome.seconds_seen / 3600.0,
            "wall_hours": loop.outcome.wall_s / 3600.0,
            "device": str(loop.fabric.device.type),
            "precision": loop.settings.precision,
            "torch": torch.__version__.split("+")[0],
            "made": datetime.now(UTC).date().isoformat(),
            "validation": {k: v for k, v in best.items() if k not in ("step", "split")},
            **sound,
            "curve": [short_row(row) for row in rows[::stride]],
        },
    )


def heard(params: Params, name: str, system: Trainable, splits: Splits) -> dict[str, dict[str, float]]:
    """The card's `heard`: what the kept weights sound like on dev items. Nothing for a system that makes no waveforms,
    and on a machine without the packages that judge them.
    """
    adapter = adapter_of(params.run(name).system)
    if not hasattr(adapter, "heard"):
        return {}
    try:
        scores = adapter.heard(system, splits)
    except ImportError:
        return {}
    return {"heard": short(scores)}


def short_row(row: dict[str, Any]) -> dict[str, float]:
    """A validation as cards keep it: its step and every quantity by name, to four significant digits."""
    return {"step": row["step"]} | short({name: row[name] for name in row if name not in ("step", "split")})


def short(values: dict[str, float]) -> dict[str, float]:
    """Values to four significant digits, whole numbers as they are."""
    return {name: v if isinstance(v, int) else float(f"{v:.4g}") for name, v in values.items()}


def training_before(start: Path | None) -> dict[str, float]:
    """Training of the weights that a training starts from, with all that went before, by their card."""
    card = {} if start is None or not start.with_suffix(".json").is_file() else read_json(start.with_suffix(".json"))
    return {f"{key}_before": card.get(key, 0) + card.get(f"{key}_before", 0) for key in ("hours_seen", "steps")}
