"""`thinwire complexity`: what the low-latency codec costs, here and at the paper's size."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    subparsers.add_parser("complexity", help="count parameters and operations, and measure delay")


def run(args: argparse.Namespace) -> int:
    """Write results/complexity."""
    from thinwire.evaluation.tfcodec.complexity import evaluate_complexity
    from thinwire.params import load_params

    evaluate_complexity(load_params())
    return 0
