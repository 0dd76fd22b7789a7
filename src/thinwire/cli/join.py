"""`thinwire join`: chunks of several corpora in one segment folder."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    subparsers.add_parser("join", help="chunks of the corpora in corpora.universal, into data/segments/universal")


def run(args: argparse.Namespace) -> int:
    """Write data/segments/universal; the old one stands until the new one is complete."""
    from thinwire.artifacts import atomic_path
    from thinwire.corpora.registry import corpus_of, segments_folder
    from thinwire.corpora.universal import join
    from thinwire.params import load_params

    settings = load_params().corpora.universal
    folders = {name: segments_folder(corpus_of(name).name) for name in settings.corpora}
    with atomic_path(segments_folder("universal"), directory=True) as folder:
        join(folders, folder, settings)
    return 0
