"""`thinwire simulate CORPUS`: make a small corpus in the original's layout."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser("simulate", help="make a small corpus in the original's layout")
    parser.add_argument("corpus", help="the corpus whose layout it has: chime6, dns, librispeech ...")
    parser.add_argument("--out", type=Path, default=None, help="folder to write (default: data/sim/CORPUS)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the corpus, or a note where `corpora.<corpus>.root` names the real one."""
    from thinwire.artifacts import atomic_path
    from thinwire.corpora.simulate import simulate
    from thinwire.params import load_params

    params = load_params("params.yaml")
    root = getattr(params.corpora, args.corpus).root
    target = args.out or Path("data/sim") / args.corpus
    with atomic_path(target, directory=True) as folder:
        if root is None:
            simulate(args.corpus, params.simulate, params.seed, folder)
        else:
            note = f"Nothing was simulated: corpora.{args.corpus}.root in params.yaml names the real corpus, {root}.\n"
            (folder / "README.txt").write_text(note, "utf-8")
    return 0
