"""The one command line: every DVC stage and every everyday tool is a subcommand of `thinwire`."""

from __future__ import annotations

import argparse
import errno
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from thinwire.errors import ThinwireError

# Name -> help. Only the chosen subcommand's module (`thinwire.cli.<name>`, dashes as underscores) is imported.
COMMANDS = {
    "setup": "make torchaudio fit the installed torch, and look whether the environment is whole",
    "simulate": "stage: make a small corpus in the original's layout",
    "extract": "stage: cut a corpus into the one segment table",
    "join": "stage: chunks of several corpora in one segment folder",
    "train": "stage: train a row of `runs`",
    "train-long": "make reference weights in hours, on this machine or another",
    "evaluate": "stage: measure a trained run on the test items",
    "classic": "stage: measure codecs in use on the test clips",
    "compare": "stage: measure what a paper's systems are compared with",
    "complexity": "stage: count what a codec costs",
    "follow": "stage: let a trained coder follow the channel's capacity",
    "sources": "stage: clean copies of the notebooks",
    "code": "stage: the modules that each stage runs, with their hashes",
    "notebook": "stage: execute one notebook into reports/",
    "scoreboard": "stage: gather the verdicts of all notebooks",
    "site": "stage: the report's pages",
    "corpora": "which corpora are set, what was found, what is missing",
    "doctor": "check interpreter, kernel, disk, torch, corpora, GPU, git and DVC settings",
    "preset": "write a preset's values into params.yaml",
    "why": "what makes a stage stale, with the difference",
    "prune": "list or delete outputs of runs and stages that are no longer there",
    "repro": "like `dvc repro`, with independent stages side by side",
    "real": "the same graph on real recordings, reports into reports/real/",
    "export": "write the folder that an edge device needs of a trained codec",
    "serve": "decode streams of `thinwire send` and run a task on them",
    "send": "stream audio files to `thinwire serve` as an edge device does",
    "bench": "measure speed and memory",
}


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="thinwire", description="Speech over a thin wire: stages and tools.")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        if name == chosen:
            _module(name).add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=text)
    return parser


def _module(name: str):
    return importlib.import_module(f"thinwire.cli.{name.replace('-', '_')}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns its exit status (1: a check failed, 2: an error, in one line, 130: interrupted)."""
    argv = list(sys.argv[1:] if argv is None else argv)
    chosen = argv[0] if argv and argv[0] in COMMANDS else None
    try:
        arguments = _parser(chosen).parse_args(argv)
        _refuse_another_copy()
        if chosen != "setup":
            from thinwire.pipeline import torchaudio_fix

            torchaudio_fix.ensure()
        return int(_module(arguments.command).run(arguments) or 0)
    except ThinwireError as error:
        return _complain(str(error))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return _complain(f"{error.filename or 'disk'}: the disk is full; free space and run the command again")
    except KeyboardInterrupt:
        return 130


def _refuse_another_copy() -> None:
    """The code that runs is that of the folder it runs in, where there is any: a stage of another copy's code would be
    recorded as this one's.
    """
    here, own = Path("src/thinwire"), Path(__file__).resolve().parents[1]
    if (here / "__init__.py").is_file() and here.resolve() != own:
        raise ThinwireError(
            f"this folder has its own {here}, but the command would run {own}; take this folder's environment "
            "(`make env`, `source .venv/bin/activate`)"
        )


def _complain(text: str) -> int:
    print(f"thinwire: {' '.join(text.split())}", file=sys.stderr)
    return 2
