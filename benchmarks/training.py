"""Training: steps a second of the loop, and the largest memory of whole `train` stages."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.measurement import Measurement, Scale, peak_mb, repeat
from thinwire.nn.trainable import Trainable
from thinwire.params import Params
from thinwire.systems.ndpca.representation import CHANNELS, frames_of
from thinwire.systems.ndpca.system import NdpcaSystem
from thinwire.tasks.enhancement import Enhancer, EnhancerTraining
from thinwire.training.build import Splits
from thinwire.training.loop import Loop, TensorData
from thinwire.training.stage import train

RUNS = {"agnostic": "e4_ndpca_agnostic", "aware": "e4_ndpca_aware", "score": "score"}
MICS, SAMPLES = 4, 16_000


def random_data(params: Params, name: str) -> TensorData:
    """A batch-sized split of positive noise in the shape of a run's data."""
    run = params.run(name)
    spectrum = getattr(params.systems, run.system).spectrum
    count, channels = params.training_of(name).batch, CHANNELS[run.representation]
    bins, frames = spectrum.n_fft // 2 + 1, frames_of(SAMPLES, spectrum)
    draw = torch.Generator().manual_seed(params.seed)
    sizes = {
        "noisy": (count, MICS, channels, bins, frames),
        "clean": (count, channels, bins, frames),
        "phase": (count, bins, frames),
    }
    return TensorData({key: torch.randn(size, generator=draw).abs().half() for key, size in sizes.items()})


def steps(params: Params, scale: Scale, kind: str) -> list[Measurement]:
    """Optimiser steps a second of one kind of run, its discriminator's included, on one thread, without validation."""
    torch.set_num_threads(1)
    name = RUNS[kind]
    data = random_data(params, name)
    task = Enhancer(params.systems.score).eval().requires_grad_(False) if kind == "aware" else None
    torch.manual_seed(params.seed)
    if kind == "score":
        system: Trainable = EnhancerTraining(params.systems.score)
    else:
        system = NdpcaSystem(params.systems.ndpca, params.run(name), MICS, SAMPLES, task)
    with tempfile.TemporaryDirectory() as folder:
        settings = params.training_of(name)
        splits = Splits(data, data, {}, {}, 1.0)
        loop = Loop(system, splits, settings, 10_000, params.seed, Path(folder), f"bench {name}")
        loop.raw.train()
        timing = repeat(loop.step, scale.steps, warm_up=1)
    what = f"optimiser steps per second of runs.{name}, batches of {settings.batch}"
    note = f"random data, one thread; {1.0 / timing.cpu_s:.3g} per CPU second"
    value = 1.0 / timing.wall_s
    return [Measurement(f"train_steps_{kind}", what, value, "step/s", None, "higher", scale.steps, peak_mb(), note)]


def stage(params: Params, scale: Scale, kind: str) -> list[Measurement]:
    """Largest memory of a `train` stage on the extracted corpus: its data, validation, the fitting set, two steps."""
    name = RUNS[kind]
    run = params.run(name)
    needed = [Path("data/segments") / run.data / "segments.parquet", Path("weights/scratch.safetensors")]
    if run.setting == "aware":
        needed.append(Path(run.after) / "model.safetensors")
    missing = [str(path) for path in needed if not path.is_file()]
    what = f"largest memory of `thinwire train {name}`"
    if missing:
        return [Measurement(f"train_memory_{kind}", what, None, "MB", note=f"{missing[0]} is not there yet")]
    short = run.model_copy(update={"steps": 2, "init": "scratch"})
    with elsewhere(["data", "weights", *(["models"] if run.setting == "aware" else [])]):
        train(params.with_run(name, short), name)
    return [Measurement(f"train_memory_{kind}", what, peak_mb(), "MB", note="two steps on the whole training split")]


@contextlib.contextmanager
def elsewhere(shared: list[str]) -> Iterator[None]:
    """Work in a temporary folder that sees some of this one's, entry by entry, so that nothing is written here."""
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        for name in shared:
            (Path(folder) / name).mkdir()
            for entry in (home / name).iterdir():
                place = Path(folder) / name / entry.name
                if name == "models":  # a stage replaces its own folder, which must be one
                    shutil.copytree(entry, place)
                else:
                    place.symlink_to(entry)
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(home)
