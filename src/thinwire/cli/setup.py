"""`thinwire setup`: what a new environment needs once."""

from __future__ import annotations

import argparse

from thinwire.pipeline import torchaudio_fix


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Declare the subcommand."""
    subparsers.add_parser("setup", help="make torchaudio fit the installed torch and try the import")


def run(args: argparse.Namespace) -> int:
    """Make `import torchaudio` work, prove it by importing it, and say which builds are there."""
    from thinwire.pipeline.doctor import check_torch

    torchaudio_fix.ensure()
    check = check_torch()
    print(check.line())
    return 0 if check.state != "fail" else 1
