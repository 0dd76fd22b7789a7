"""`thinwire corpora check`: what stands where, what is missing, where to get it and under which licence."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("corpora", help="what corpora there are and what stands in their folders")
    parser.add_argument("action", choices=["check"], help="check: look at every corpus' folder")


def run(args: argparse.Namespace) -> int:
    """Print what was found; 1 when a root is set, or a simulated corpus is there, that cannot be read."""
    from thinwire.corpora.check import check_corpora
    from thinwire.params import load_params

    findings = check_corpora(load_params().corpora)
    print("\n\n".join("\n".join(finding.lines()) for finding in findings))
    return 0 if all(finding.usable for finding in findings) else 1
