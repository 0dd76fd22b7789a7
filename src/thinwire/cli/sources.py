"""`thinwire sources`: the stage between the notebooks people edit and the stages that execute them."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("sources", help="write clean copies of the notebooks to build/notebooks/")
    parser.add_argument("--in-place", action="store_true", help="strip notebooks/ itself instead, before a commit")


def run(args: argparse.Namespace) -> int:
    """Write the copies, or strip the notebooks themselves."""
    from thinwire.pipeline import sources

    if args.in_place:
        for path in sources.strip_in_place():
            print(f"stripped {path}")
    else:
        print(f"{sources.write_sources()} notebooks -> {sources.COPIES}")
    return 0
