"""`thinwire scoreboard`: the stage that gathers the verdicts of all notebooks."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Declare the subcommand."""
    subparsers.add_parser(
        "scoreboard", help="write reports/scoreboard.json and reports/README.md from the notebooks' verdicts"
    )


def run(args: argparse.Namespace) -> int:
    """Write the scoreboard and print how many claims got which verdict."""
    from thinwire.pipeline.scoreboard import counts, write_scoreboard

    board = write_scoreboard()
    for verdict, number in counts(board.rows).items():
        print(f"{number:4d} {verdict}")
    return 0
