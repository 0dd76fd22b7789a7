"""`thinwire code`: the stage between the package and the stages that run it."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    subparsers.add_parser("code", help="list the modules that each stage runs, with their hashes, in build/code/")


def run(args: argparse.Namespace) -> int:
    """Write the lists."""
    from thinwire.pipeline import code

    print(f"{code.write_listings()} lists of modules -> {code.CODE}")
    return 0
