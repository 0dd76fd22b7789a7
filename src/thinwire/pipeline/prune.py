"""Outputs that no stage or run of today makes: DVC leaves them in the workspace and in `dvc.lock`."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from thinwire.artifacts import atomic_path
from thinwire.pipeline.graph import Graph

RUN_FOLDERS = ("models", "results")


@dataclass(frozen=True)
class Leftovers:
    """Paths (relative to the root) and entries of `dvc.lock` that no stage of today makes."""

    paths: list[str]
    entries: list[str]


def find_leftovers(root: Path = Path()) -> Leftovers:
    """Outputs of stages that are gone, and folders below `models/` and `results/` that belong to no run."""
    graph = Graph.read(root)
    made = {path for stage in graph.order for path in graph.outputs(stage)}
    entries = sorted(set(graph.lock) - set(graph.order))
    old = {out["path"] for entry in entries for out in graph.lock[entry].get("outs", [])}
    for folder in RUN_FOLDERS:
        old |= {str(path.relative_to(root)) for path in (root / folder).glob("*") if path.is_dir()}
    # A folder that holds, or lies in, what a stage of today makes is none.
    gone = [path for path in sorted(old) if not any(_overlap(path, other) for other in made)]
    return Leftovers([path for path in gone if (root / path).exists()], entries)


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


def remove(leftovers: Leftovers, root: Path = Path()) -> None:
    """Delete the paths and take the entries out of `dvc.lock`, whose other lines stay as they are."""
    for name in leftovers.paths:
        path = root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    lock = root / "dvc.lock"
    if leftovers.entries:
        text = _without_entries(lock.read_text("utf-8"), set(leftovers.entries))
        with atomic_path(lock) as temporary:
            temporary.write_text(text, "utf-8")


def _without_entries(text: str, entries: set[str]) -> str:
    """`dvc.lock` less some stages: each stands as a block under `  <name>:`."""
    kept: list[str] = []
    dropping = False
    for line in text.splitlines(keepends=True):
        if not line.startswith("   "):  # a stage's or the file's own line ends a block
            dropping = line.startswith("  ") and line.strip().rstrip(":").strip("'\"") in entries
        if not dropping:
            kept.append(line)
    return "".join(kept)
