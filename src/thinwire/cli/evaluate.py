"""`thinwire evaluate RUN`: measure a trained run on the test items."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("evaluate", help="measure a trained run on the test items into results/<run>")
    parser.add_argument("run")


def run(args: argparse.Namespace) -> int:
    from thinwire.evaluation.stage import evaluate
    from thinwire.params import load_params

    evaluate(load_params(), args.run)
    return 0
