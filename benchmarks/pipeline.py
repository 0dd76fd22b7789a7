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
FULL_RUN_S = 3600.0
WING_S = {"ndpca": 900.0, "tfcodec": 1200.0, "aucom": 900.0, "neural_dsc": 600.0}


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
    """The last full default run, as reports/run_time.json tells it: `seconds`, those of `wings`, and a `note`."""
    told: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {"note": f"{path} is not there"}
    times = {"full_run": told.get("seconds")} | {f"wing_{wing}": s for wing, s in told.get("wings", {}).items()}
    note = str(told.get("note", ""))
    rows = {"full_run": ("`make repro` from nothing at the default scale", FULL_RUN_S)} | {
        f"wing_{wing}": (f"stages `train_`, `evaluate_` and `{wing}_` of that run, side by side", longest)
        for wing, longest in WING_S.items()
    }
    return [
        Measurement(name, what, None if times.get(name) is None else float(times[name]), "s", longest, note=note)
        for name, (what, longest) in rows.items()
    ]
