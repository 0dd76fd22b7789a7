"""`thinwire doctor`."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Declare the subcommand."""
    subparsers.add_parser("doctor", help="check interpreter, kernel, disk, torch, corpora, GPU, git and DVC settings")


def run(args: argparse.Namespace) -> int:
    """Print one line a check; 1 when one failed."""
    from thinwire.pipeline.doctor import examine

    found = examine()
    for check in found:
        print(check.line())
    return int(any(check.state == "fail" for check in found))
