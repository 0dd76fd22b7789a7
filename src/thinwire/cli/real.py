"""`thinwire real`: the pipeline on the bank of real recordings."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("real", help="the same graph on real recordings, reports into reports/real/")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="stages at once")


def run(args: argparse.Namespace) -> int:
    """Run it and say where the reports are."""
    from thinwire.pipeline.real import run_real

    print(run_real(max(1, args.jobs)))
    return 0
