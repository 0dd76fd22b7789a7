"""`thinwire train RUN`: train one row of `runs`."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("train", help="train one row of `runs` into models/<run>")
    parser.add_argument("run")


def run(args: argparse.Namespace) -> int:
    from thinwire.params import load_params
    from thinwire.training.stage import train

    train(load_params(), args.run)
    return 0
