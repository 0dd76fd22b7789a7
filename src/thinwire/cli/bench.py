"""`thinwire bench`: run the repository's benchmarks/ folder."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("bench", help="measure speed and memory into reports/benchmarks.json")
    parser.add_argument("--quick", action="store_true", help="few repetitions: only a look whether all can be measured")
    parser.add_argument("--out", type=Path, default=Path("reports/benchmarks.json"))


def run(args: argparse.Namespace) -> int:
    """Start `python -m benchmarks`; raises PipelineError where there is no such folder."""
    from thinwire.errors import PipelineError

    if not Path("benchmarks/__main__.py").is_file():
        raise PipelineError("benchmarks/: not there; run the command in the repository's root")
    command = [sys.executable, "-m", "benchmarks", "--out", str(args.out)]
    return subprocess.run(command + ["--quick"] * args.quick).returncode
