"""A `dvc repro` with nothing to do, and the last full run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.measurement import Measurement, Scale, repeat
from thinwire.pipeline.working_copy import environment_for

RUN_TIME = Path("reports/run_time.json")
STALE = ("Running stage", "is cached")


def _repro(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dvc", "repro", *options]
    return subprocess.run(command, capture_output=True, text=True, env=environment_for(Path()))


def nothing_to_do(scale: Scale) -> list[Measurement]:
    """Seconds of `dvc repro` on an up-to-date working copy; on one that is not, nothing is run and nothing measured."""
    what = "`dvc repro` with nothing to do"
    looked = _repro("--dry")
    if looked.returncode or any(mark in looked.stdout for mark in STALE):
        why = "stages are stale; `dvc repro` first" if looked.returncode == 0 else "DVC is busy or refuses; `dvc repro`"
        return [Measurement("noop_repro", what, None, "s", 5.0, note=why)]
    timing = repeat(lambda _: _repro(), scale.sessions)
    return [Measurement("noop_repro", what, timing.wall_s, "s", 5.0, repetitions=scale.sessions)]


def full_run(path: Path = RUN_TIME) -> list[Measurement]:
    """The last full default run, as reports/run_time.json tells it: `seconds`, and optionally `note`."""
    what, target = "`make repro` from nothing at the default scale", 900.0
    if not path.is_file():
        return [Measurement("full_run", what, None, "s", target, note=f"{path} is not there")]
    told = json.loads(path.read_text("utf-8"))
    return [Measurement("full_run", what, float(told["seconds"]), "s", target, note=str(told.get("note", "")))]
