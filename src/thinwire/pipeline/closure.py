"""Which modules of the package a stage really uses: the `deps` it must name in `dvc.yaml`.

`python -m thinwire.pipeline.closure` writes them into `dvc.yaml`, wherever a stage's list is not what it uses.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = "thinwire"
SOURCE = Path("src")
# The front door: it imports a subcommand only when chosen, and what it does itself changes no output.
FRONT = {"thinwire", "thinwire.cli", "thinwire.pipeline.torchaudio_fix"}


def _file_of(module: str, source: Path) -> Path | None:
    path = source.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _has_code(path: Path) -> bool:
    """Whether a file holds more than a docstring: a bare `__init__.py` can make nothing stale."""
    return any(not isinstance(node, ast.Expr) for node in ast.parse(path.read_text("utf-8")).body)


def _only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs, functions' bodies included; imports for type checkers only are left out."""
    for child in ast.iter_child_nodes(tree):
        if not _only_for_types(child):
            yield child
            yield from _nodes(child)


def imported(text: str, package: str, source: Path = SOURCE) -> set[str]:
    """The modules of this project that a module's text imports, anywhere in it; `package` resolves relative imports."""
    found: set[str] = set()
    for node in _nodes(ast.parse(text)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = parts[: len(parts) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            found.add(name)
            found.update(f"{name}.{alias.name}" for alias in node.names)
    return {name for name in found if name.split(".")[0] == PACKAGE and _file_of(name, source)}


def import_closure(entries: Iterable[str], source: Path = SOURCE) -> set[Path]:
    """The files of all modules that some modules import, directly or not, with the packages they lie in."""
    seen: set[str] = set()
    waiting = list(entries)
    while waiting:
        module = waiting.pop()
        path = _file_of(module, source)
        if module in seen or path is None:
            continue
        seen.add(module)
        if module in FRONT:
            continue
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        waiting += [package, *imported(path.read_text("utf-8"), package, source)]
        waiting += [package.rpartition(".")[0]] if "." in package else []
    return {path for module in seen - FRONT if (path := _file_of(module, source)) and _has_code(path)}


def chosen(command: str, stage: str, systems: Iterable[str] = ()) -> list[str]:
    """The modules that a subcommand picks by name, which no `import` in it shows: a corpus' extractor or simulator, a
    system's adapter in the training loop, a paper's evaluation. A stage's paper is what follows the `_` in its name.
    """
    paper = stage.split("@")[0].partition("_")[2]
    if command == "extract":
        from thinwire.corpora.registry import CORPORA

        return [f"{PACKAGE}.corpora.{corpus.extractor}" for corpus in CORPORA.values()]
    if command == "simulate":
        from thinwire.corpora import simulate

        return [f"{simulate.__name__}.{corpus}" for corpus in simulate.CORPORA]
    if command == "complexity":
        return [f"{PACKAGE}.evaluation.{paper}.complexity"]
    if command not in ("train", "evaluate", "follow"):
        return []
    adapters = [f"{PACKAGE}.training.adapters.{system}" for system in systems]
    return [*adapters, f"{PACKAGE}.evaluation.{paper}.stage"] if command == "evaluate" else adapters


def command_closure(command: str, source: Path = SOURCE, also: Iterable[str] = ()) -> set[Path]:
    """The files behind `thinwire <subcommand>`, and behind modules that it picks by name."""
    return import_closure([f"{PACKAGE}.cli.{command.replace('-', '_')}", *also], source)


def stage_closure(command: str, stage: str, systems: Iterable[str] = (), source: Path = SOURCE) -> set[Path]:
    """The files behind a stage of `dvc.yaml`, by its command; `systems`: those of its rows."""
    words = command.split()
    subcommand = words[words.index(PACKAGE) + 1]
    found = command_closure(subcommand, source, chosen(subcommand, stage, systems))
    if subcommand == "notebook":
        from thinwire.pipeline.sources import SOURCES

        found |= notebook_closure(SOURCES / f"{words[words.index(PACKAGE) + 2]}.ipynb", source)
    return found


def notebook_closure(path: Path, source: Path = SOURCE) -> set[Path]:
    """The files behind a notebook's code cells (lines of magic left out)."""
    modules: set[str] = set()
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            lines = "".join(cell["source"]).splitlines()
            code = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)
            modules |= imported(code, "", source)
    return import_closure(modules, source)


def rewrite(text: str, runs: dict[str, dict[str, dict[str, str]]], source: Path = SOURCE) -> str:
    """The text of `dvc.yaml` with every stage's list of modules made what it uses; `runs` as in `params.yaml`."""
    blocks = re.split(r"(?m)^(?=  [a-z_0-9]+:$)", text)
    for index, block in enumerate(blocks):
        name = re.match(r"  ([a-z_0-9]+):", block)
        command = re.search(r"(?m)^ +cmd: (.*)$", block)
        first = re.search(r"(?m)^( +)- src/", block)
        if name and command and first:
            paper = name[1].partition("_")[2]
            systems = sorted({row["system"] for row in runs.get(paper, {}).values()})
            lines = (f"{first[1]}- {path}\n" for path in sorted(stage_closure(command[1], name[1], systems, source)))
            rest = re.sub(r"(?m)^ +- src/.*\n", "", block)
            blocks[index] = rest[: first.start()] + "".join(lines) + rest[first.start() :]
    return "".join(blocks)


if __name__ == "__main__":
    import yaml

    pipeline = Path("dvc.yaml")
    tables = yaml.safe_load(Path("params.yaml").read_text("utf-8"))["runs"]
    pipeline.write_text(rewrite(pipeline.read_text("utf-8"), tables), "utf-8")
