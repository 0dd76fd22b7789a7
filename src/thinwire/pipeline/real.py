"""The same graph on real recordings: in a copy of the working tree, with preset `real`, into `reports/real/`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from thinwire.artifacts import atomic_path
from thinwire.errors import PipelineError
from thinwire.pipeline.presets import apply_preset
from thinwire.pipeline.scoreboard import SITE
from thinwire.pipeline.working_copy import copy_tree, environment_for

BANK = "THINWIRE_REAL_DATA"  # the variable, and as ${...} its place in presets/real.yaml
PAGE = "README.md"
KEPT = ("scoreboard.json", PAGE, "figures", "tables")  # of reports/, small enough for git
LEFT_OUT = "players.png"  # large pictures of sounds that are to be heard in the notebooks
TARGET = Path("reports/real")


def bank_folder() -> Path:
    """The folder of real recordings; raises PipelineError when the variable names none."""
    value = os.environ.get(BANK, "")
    if not value or not Path(value).is_dir():
        found = f"is {value}, no folder" if value else "is not set"
        raise PipelineError(f"{BANK} {found}; set it to the bank of real recordings: `{BANK}=/path make real`")
    return Path(value).resolve()


def run_real(jobs: int, root: Path = Path()) -> Path:
    """Run the whole graph on real recordings and put its scoreboard and figures into `reports/real/`.

    The copy is deleted on success and kept for a look when a stage failed (PipelineError names it).
    """
    bank = bank_folder()
    copy = Path(tempfile.mkdtemp(prefix="thinwire-real-"))
    copy_tree(root, copy)
    text = apply_preset("real", copy / "params.yaml", copy / "presets").replace("${" + BANK + "}", str(bank))
    (copy / "params.yaml").write_text(text, "utf-8")
    command = [sys.executable, "-m", "thinwire.cli", "repro", "-j", str(jobs)]
    if subprocess.run(command, cwd=copy, env=environment_for(copy)).returncode:
        raise PipelineError(f"{copy}: the run on real recordings failed there; the stage's log is in build/logs/")
    keep(copy / "reports", root / TARGET)
    shutil.rmtree(copy)
    return root / TARGET


def keep(reports: Path, target: Path) -> None:
    """Put what is kept of a run's reports into `target`, one folder deeper than they were made for, with no site."""
    with atomic_path(target, directory=True) as temporary:
        for name in KEPT:
            if (reports / name).is_dir():
                shutil.copytree(reports / name, temporary / name, ignore=shutil.ignore_patterns(LEFT_OUT))
            else:
                shutil.copy2(reports / name, temporary / name)
        page = temporary / PAGE
        lines = page.read_text("utf-8").replace("](../", "](../../").replace(SITE, "").splitlines(keepends=True)
        page.write_text("".join(line for line in lines if not line.endswith(f"/{LEFT_OUT})\n")), "utf-8")
