"""`thinwire notebook PAPER/NAME`: a figure stage."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("notebook", help="execute one notebook of build/notebooks/ into reports/")
    parser.add_argument("name", metavar="PAPER/NAME", help="as below notebooks/, without .ipynb")
    parser.add_argument("-p", dest="parameters", nargs=2, action="append", default=[], metavar=("KEY", "VALUE"),
                        help="a parameter of the notebook; the value is read as YAML")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Execute the notebook and say where its page is."""
    import yaml

    from thinwire.pipeline.nbrun import execute

    made = execute(args.name, {key: yaml.safe_load(value) for key, value in args.parameters})
    print(made.page)
    return 0
