"""`thinwire why [STAGE ...]`: the answer to "why does this run again?"."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("why", help="what makes a stage stale, with the difference")
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="default: every stale stage")


def run(args: argparse.Namespace) -> int:
    """Print the reasons; an up-to-date pipeline says so."""
    from thinwire.pipeline.why import explain, report

    print(report(explain(args.stages)))
    return 0
