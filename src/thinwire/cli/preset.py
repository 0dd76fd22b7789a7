"""`thinwire preset NAME`: another scale of the same workbook."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("preset", help="write presets/NAME.yaml into params.yaml, keeping its comments")
    parser.add_argument("name", metavar="NAME", help="a file of presets/: smoke, default, paper, scratch")


def run(args: argparse.Namespace) -> int:
    """Write the preset and say what to do next."""
    from thinwire.pipeline.presets import write_preset

    changed = write_preset(args.name)
    print(f"params.yaml: {args.name}" + ("; `dvc repro` runs what depends on the change" if changed else " already"))
    return 0
