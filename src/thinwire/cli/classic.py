"""`thinwire classic`: codecs in use, on the test clips."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    subparsers.add_parser("classic", help="measure Opus, AMR-NB and others on the test clips into results/classic")


def run(args: argparse.Namespace) -> int:
    """Write results/classic."""
    from thinwire.evaluation.tfcodec.classic import evaluate_classic
    from thinwire.params import load_params

    evaluate_classic(load_params())
    return 0
