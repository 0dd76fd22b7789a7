"""`thinwire repro -j N [STAGE ...]`."""

from __future__ import annotations

import argparse
import os
import signal


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("repro", help="like `dvc repro`, with independent stages side by side")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1, help="stages at once")
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="default: every stage")


def run(args: argparse.Namespace) -> int:
    """Run what is stale."""
    from thinwire.pipeline.parallel import repro

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's end is an interrupt: the stages end too
    repro(max(1, args.jobs), args.stages)
    return 0
