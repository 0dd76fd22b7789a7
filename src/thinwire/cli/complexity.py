"""`thinwire complexity PAPER`: what a paper's codecs cost, here and at the paper's size."""

from __future__ import annotations

import argparse

MEASURES = {"tfcodec": "evaluate_complexity", "aucom": "measure_complexity"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("complexity", help="count parameters and operations of a paper's codecs")
    parser.add_argument("paper", choices=sorted(MEASURES))


def run(args: argparse.Namespace) -> int:
    """Write results/complexity (TF-Codec, with delays) or results/aucom_complexity."""
    import importlib

    from thinwire.params import load_params

    # Found by name, so that no paper's stages depend on another's code.
    module = importlib.import_module(f"thinwire.evaluation.{args.paper}.complexity")
    getattr(module, MEASURES[args.paper])(load_params())
    return 0
