"""`thinwire prune`: what removed runs left behind."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("prune", help="list outputs of runs and stages that are no longer there")
    parser.add_argument("--yes", action="store_true", help="delete them")


def run(args: argparse.Namespace) -> int:
    """List the leftovers, and delete them when told to."""
    from thinwire.pipeline.prune import find_leftovers, remove

    leftovers = find_leftovers()
    for path in leftovers.paths:
        print(f"{'deleted' if args.yes else 'left over'}: {path}")
    for entry in leftovers.entries:
        print(f"{'deleted' if args.yes else 'left over'}: {entry} in dvc.lock")
    if args.yes:
        remove(leftovers)
    elif leftovers.paths or leftovers.entries:
        print("`thinwire prune --yes` deletes them (a run that comes back is restored from the cache)")
    else:
        print("nothing left over")
    return 0
