"""`thinwire follow RUN`: a trained coder on the capacity trace."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("follow", help="let a trained coder follow the channel's capacity")
    parser.add_argument("run", help="a row of `runs`")


def run(args: argparse.Namespace) -> int:
    """Write data/channel/<run>.parquet."""
    from thinwire.evaluation.ndpca.stage import follow_channel
    from thinwire.params import load_params

    follow_channel(load_params(), args.run)
    return 0
