"""`thinwire compare`: the systems that AUCOM is compared with, on its test items."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    subparsers.add_parser("compare", help="measure interpolation, MP3 and AAC on AUCOM's speech into results")


def run(args: argparse.Namespace) -> int:
    """Write results/aucom_compared."""
    from thinwire.evaluation.aucom.compared import compare
    from thinwire.params import load_params

    compare(load_params())
    return 0
