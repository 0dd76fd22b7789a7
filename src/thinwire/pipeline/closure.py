"""Which modules of the package a stage really uses: the `deps` it must name in `dvc.yaml`.

`python -m thinwire.pipeline.closure train` prints them for one subcommand, `... notebooks/p/x.ipynb` for a notebook.
"""

from __future__ import annotations

import ast
import json
import sys
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


def command_closure(command: str, source: Path = SOURCE) -> set[Path]:
    """The files behind `thinwire <subcommand>`."""
    return import_closure([f"{PACKAGE}.cli.{command.replace('-', '_')}"], source)


def notebook_closure(path: Path, source: Path = SOURCE) -> set[Path]:
    """The files behind a notebook's code cells (lines of magic left out)."""
    modules: set[str] = set()
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            lines = "".join(cell["source"]).splitlines()
            code = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)
            modules |= imported(code, "", source)
    return import_closure(modules, source)


if __name__ == "__main__":
    files: set[Path] = set()
    for argument in sys.argv[1:]:
        files |= notebook_closure(Path(argument)) if argument.endswith(".ipynb") else command_closure(argument)
    print("\n".join(f"      - {path}" for path in sorted(files)))
