"""`thinwire site`: the stage that makes reports/index.html."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Declare the subcommand."""
    subparsers.add_parser("site", help="write reports/index.html: scoreboard, figures, and links to notebooks and data")


def run(args: argparse.Namespace) -> int:
    """Write the page and say where it is."""
    from thinwire.pipeline.site import write_site

    print(write_site())
    return 0
