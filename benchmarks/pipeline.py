"""A `dvc repro` with nothing to do, and the last full run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.measurement import Measurement, Scale, repeat
from thinwire.pipeline import quick_dvc
from thinwire.pipeline.working_copy import environment_for

RUN_TIME = Path("reports/run_time.json")
STALE = ("Running stage", "is cached")
COMMANDS = {
    "noop_repro": ("`dvc repro` with nothing to do", "dvc"),
    "noop_make_repro": ("the same with the lock kept parsed, as `make repro` does it", quick_dvc.__name__),
}
LONGEST_S = 5.0
RUN_S = {"full_run": 3600.0, "wing_ndpca": 900.0, "wing_tfcodec": 1200.0, "wing_aucom": 900.0, "wing_neural_dsc": 600.0}
RUN_MB = {"full_run": 8e3, "wing_ndpca": 4e3, "wing_tfcodec": 6e3, "wing_aucom": 6e3, "wing_neural_dsc": 4e3}


def _repro(module: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, "repro", *options]
    return subprocess.run(command, capture_output=True, text=True, env=environment_for(Path()))


def nothing_to_do(scale: Scale) -> list[Measurement]:
    """Seconds of `dvc repro` on an up-to-date working copy; on one that is not, nothing is run and nothing measured."""
    looked = _repro("dvc", "--dry")
    if looked.returncode or any(mark in looked.stdout for mark in STALE):
        why = "stages are stale; `dvc repro` first" if looked.returncode == 0 else "DVC is busy or refuses; `dvc repro`"
        return [Measurement(name, what, None, "s", LONGEST_S, note=why) for name, (what, _) in COMMANDS.items()]
    return [
        Measurement(name, what, _seconds(module, scale.sessions), "s", LONGEST_S, repetitions=scale.sessions)
        for name, (what, module) in COMMANDS.items()
    ]


def _seconds(module: str, times: int) -> float:
    return repeat(lambda _: _repro(module), times).wall_s


def full_run(path: Path = RUN_TIME) -> list[Measurement]:
    """The last full default run, as reports/run_time.json tells it: `seconds` and `peak_mb` of the whole (`full_run`)
    and of each wing (`wing_<wing>`), and a `note`.
    """
    told: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {"note": f"{path} is not there"}
    note = str(told.get("note", ""))
    rows = []
    for name, longest in RUN_S.items():
        what = (
            "`make repro JOBS=2` from nothing at the default scale" if name == "full_run" else "its stages in that run"
        )
        seconds, memory = (told.get(kind, {}).get(name) for kind in ("seconds", "peak_mb"))
        rows.append(Measurement(name, what, seconds, "s", longest, note=note))
        rows.append(Measurement(f"{name}_memory", f"{what}, most memory", memory, "MB", RUN_MB[name], note=note))
    return rows
