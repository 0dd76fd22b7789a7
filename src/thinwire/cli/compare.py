"""`thinwire compare PAPER`: what a paper's systems are compared with, on their test items."""

from __future__ import annotations

import argparse

PAPERS = ("aucom", "neural_dsc")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("compare", help="measure what a paper's systems are compared with")
    parser.add_argument("paper", choices=PAPERS)


def run(args: argparse.Namespace) -> int:
    """Write results/aucom_compared (interpolation, waveform codecs) or results/neural_dsc_compared (theory, syndrome
    codes, gradient coders).
    """
    import importlib

    from thinwire.params import load_params

    # Found by name, so that no paper's stages depend on another's code.
    importlib.import_module(f"thinwire.evaluation.{args.paper}.compared").compare(load_params())
    return 0
