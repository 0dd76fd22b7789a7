"""`thinwire evaluate RUN`: measure a trained run on the test items."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("evaluate", help="measure a trained run on the test items into results/<run>")
    parser.add_argument("run")


def run(args: argparse.Namespace) -> int:
    import importlib

    from thinwire.params import load_params

    params = load_params()
    params.run(args.run)
    # Each paper measures its own systems; found by name, so that no paper's stages depend on another's code.
    stage = importlib.import_module(f"thinwire.evaluation.{params.runs.paper_of(args.run)}.stage")
    stage.evaluate(params, args.run)
    return 0
