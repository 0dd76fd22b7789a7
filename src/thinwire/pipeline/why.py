"""Why a stage is stale: which parameter, file, module, command or output differs from the last run, and how."""

from __future__ import annotations

import difflib
import hashlib
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thinwire.pipeline import code
from thinwire.pipeline.graph import Graph
from thinwire.pipeline.meaning import digest
from thinwire.pipeline.sources import SOURCES

ABSENT = "(absent)"
DIFF_LINES = 12  # of a file's difference that are shown
HISTORY = 60  # commits searched for the version that the last run saw


@dataclass(frozen=True)
class Reason:
    """One difference between a stage's last run and now: its kind, one line, and for text files the changed lines."""

    kind: str  # parameter | dependency | output | command | never run
    text: str
    difference: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stale:
    """A stage that `dvc repro` would run: its own reasons, and the stale stages whose outputs it reads."""

    stage: str
    reasons: list[Reason] = field(default_factory=list)
    waits_for: list[str] = field(default_factory=list)


def parameter_changes(old: Any, new: Any, key: str) -> list[str]:
    """`key: old -> new` for every leaf that differs between two parameter values."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = list(dict.fromkeys([*old, *new]))
        parts = [parameter_changes(old.get(n, ABSENT), new.get(n, ABSENT), f"{key}.{n}") for n in names]
        return [line for part in parts for line in part]
    return [] if old == new else [f"{key}: {old} -> {new}"]


def _git(*arguments: str) -> bytes | None:
    try:
        return subprocess.run(["git", *arguments], capture_output=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return None


def _has_hash(content: bytes, path: str, known: str) -> bool:
    """Whether a file's content has a hash: DVC's own, or of a module that of what it means."""
    if hashlib.md5(content).hexdigest() == known:
        return True
    try:
        return path.endswith(".py") and digest(content) == known
    except SyntaxError:  # in some commit
        return False


def _locked_text(path: str, md5: str) -> str | None:
    """The text of a file as the last run saw it, if git or DVC's cache still has a version with that hash."""
    cached = Path(".dvc/cache/files/md5") / md5[:2] / md5[2:]
    if cached.is_file():
        return cached.read_text("utf-8", "replace")
    commits = (_git("rev-list", f"--max-count={HISTORY}", "HEAD", "--", path) or b"").decode().split()
    for commit in commits:
        blob = _git("show", f"{commit}:{path}")
        if blob is not None and _has_hash(blob, path, md5):
            return blob.decode("utf-8", "replace")
    return None


def file_difference(path: str, md5: str) -> tuple[str, ...]:
    """The lines in which a text file differs from the last run's version; empty where that is unknown or not text."""
    now = Path(path)
    if not now.is_file() or now.stat().st_size > 1_000_000 or b"\0" in now.read_bytes()[:4096]:
        return ()
    old = _locked_text(path, md5)
    if old is None:
        return ()
    unified = difflib.unified_diff(old.splitlines(), now.read_text("utf-8", "replace").splitlines(), lineterm="", n=0)
    lines = [line for line in unified if not line.startswith(("---", "+++"))]
    rest = len(lines) - DIFF_LINES
    return (*lines[:DIFF_LINES], *([f"... {rest} more lines"] if rest > 0 else []))


def _file_reason(path: str, how: str, locked: dict[str, str]) -> Reason:
    md5 = locked.get(path, "")
    known = f" (was {md5[:8]})" if md5 else ""
    if how == "deleted":
        return Reason("dependency", f"{path}: not there now{known}")
    if how == "new":
        return Reason("dependency", f"{path}: new in `deps`, or its folder was never hashed")
    what = "folder" if Path(path).is_dir() else "module" if path.endswith(".py") else "file"
    return Reason("dependency", f"{path}: {what} changed{known}", file_difference(path, md5) if md5 else ())


def module_changes(path: str, md5: str, now: str | None) -> list[Reason]:
    """The modules in which a stage's code differs from the last run's; `path`, `md5`: its list in `build/code`, and the
    hash of that list at the last run; `now`: the list for the code as it is, None for a stage that has none.
    """
    if now is None or hashlib.md5(now.encode()).hexdigest() == md5:
        return []
    before = _locked_text(path, md5)
    if before is None:
        return [Reason("dependency", f"{path}: modules changed (which ones is unknown: DVC's cache lost the old list)")]
    old, new = (dict(line.split("  ")[::-1] for line in text.splitlines()) for text in (before, now))
    reasons = [Reason("dependency", f"{name}: no longer used, or not there now") for name in old if name not in new]
    for name, found in new.items():
        if name not in old:
            reasons.append(Reason("dependency", f"{name}: module newly used"))
        elif found != old[name]:
            reasons.append(_file_reason(name, "modified", {name: old[name]}))
    return reasons


def _code_of(graph: Graph, stage: str) -> str | None:
    """The list of modules that a stage depends on."""
    return next((path for path in graph.dependencies(stage) if path.startswith(f"{code.CODE}/")), None)


def _reasons(graph: Graph, stage: str, changes: list[Any]) -> list[Reason]:
    entry = graph.lock.get(stage)
    if entry is None:
        return [Reason("never run", "it has never run with this name (no entry in dvc.lock)")]
    locked = {item["path"]: item.get("md5", "") for item in entry.get("deps", [])}
    reasons: list[Reason] = []
    for change in changes:
        if change == "changed command":
            reasons.append(Reason("command", f"command: {entry.get('cmd')} -> {graph.command(stage)}"))
        elif isinstance(change, str):
            reasons.append(Reason("command", change))
        else:
            for path, how in change.get("changed outs", {}).items():
                reasons.append(Reason("output", f"{path}: output {how} since it was made"))
            for path, how in change.get("changed deps", {}).items():
                if isinstance(how, dict):
                    reasons += _parameter_reasons(graph, path, how, entry)
                else:
                    reasons.append(_file_reason(path, how, locked))
    return reasons


def _parameter_reasons(graph: Graph, path: str, keys: dict[str, str], entry: dict[str, Any]) -> list[Reason]:
    recorded = entry.get("params", {}).get(path, {})
    lines: list[str] = []
    for key in keys:
        now = graph.parameter(path, key, ABSENT)
        lines += parameter_changes(recorded.get(key, ABSENT), now, key) or [f"{key}: {keys[key]}"]
    return [Reason("parameter", line) for line in lines]


def explain(targets: list[str] | None = None, root: Path = Path()) -> list[Stale]:
    """Every stale stage (or, for targets, those and what they wait for) in the order in which they would run.

    Raises PipelineError for a stage that is not in `dvc.yaml`.
    """
    graph = Graph.read(root)
    wanted = graph.needed(targets or [])
    changed = graph.changed()
    lists = code.listings(notebooks=SOURCES) if "code" in graph.order else {}
    stale: dict[str, Stale] = {}
    for stage in graph.order:
        produced_by = {path: name for name in graph.before[stage] for path in graph.outputs(name)}
        waits = sorted(name for name in graph.before[stage] if name in stale)
        own = _reasons(graph, stage, changed[stage]) if stage in changed else []
        if path := _code_of(graph, stage):
            # What the stage `code` would write is known without running it, so nothing has to wait for it.
            waits = [name for name in waits if name != "code"]
            own = [reason for reason in own if not reason.text.startswith(f"{path}: ")]
            locked = {item["path"]: item.get("md5", "") for item in graph.lock.get(stage, {}).get("deps", [])}
            own += module_changes(path, locked[path], lists.get(Path(path))) if path in locked else []
        # A missing or changed input that a stale stage will make again is that stage's matter.
        own = [reason for reason in own if not _made_again(reason, produced_by, waits)]
        if own or waits:
            stale[stage] = Stale(stage, own, waits)
    return [item for name, item in stale.items() if name in wanted]


def _made_again(reason: Reason, produced_by: dict[str, str], waits: list[str]) -> bool:
    path = reason.text.split(": ", 1)[0]
    makers = [name for out, name in produced_by.items() if path == out or path.startswith(out + "/")]
    return reason.kind == "dependency" and any(name in waits for name in makers)


def report(stale: list[Stale], diffs: bool = True) -> str:
    """The explanation as text."""
    if not stale:
        return "everything is up to date"
    lines: list[str] = []
    for item in stale:
        if item.reasons:
            lines.append(f"{item.stage} is stale:")
            for reason in item.reasons:
                lines.append(f"  {reason.kind:10s} {reason.text}")
                lines += [f"    {line}" for line in (reason.difference if diffs else ())]
    waiting = [item for item in stale if not item.reasons]
    if waiting:
        lines.append("after them, if what they make differs:")
        lines += [f"  {item.stage} (reads from {', '.join(item.waits_for)})" for item in waiting]
    return "\n".join(lines)
