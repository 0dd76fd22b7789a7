"""Which modules of the package some code really uses: its imports, followed to the end."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = "thinwire"
SOURCE = Path("src")
# The front door: it imports a subcommand only when chosen, and what it does itself changes no output.
FRONT = {"thinwire", "thinwire.cli", "thinwire.pipeline.torchaudio_fix"}


def _only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs, functions' bodies included; imports for type checkers only are left out."""
    for child in ast.iter_child_nodes(tree):
        if not _only_for_types(child):
            yield child
            yield from _nodes(child)


class Modules:
    """The package's modules below a source folder; each file is parsed once."""

    def __init__(self, source: Path = SOURCE) -> None:
        self.source = source
        self._direct: dict[str, set[str]] = {}
        self._bare: dict[str, bool] = {}

    def file_of(self, module: str) -> Path | None:
        """A module's file, None where there is no such module."""
        path = self.source.joinpath(*module.split("."))
        return next((found for found in (path.with_suffix(".py"), path / "__init__.py") if found.is_file()), None)

    def imported(self, tree: ast.AST, package: str) -> set[str]:
        """The modules of this project that code imports, anywhere in it; `package` resolves relative imports."""
        found: set[str] = set()
        for node in _nodes(tree):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                parts = package.split(".")
                base = parts[: len(parts) - node.level + 1] if node.level else []
                name = ".".join([*base, *([node.module] if node.module else [])])
                found.add(name)
                found.update(f"{name}.{alias.name}" for alias in node.names)
        return {name for name in found if name.split(".")[0] == PACKAGE and self.file_of(name)}

    def _read(self, module: str, path: Path) -> set[str]:
        if module not in self._direct:
            tree = ast.parse(path.read_text("utf-8"))
            parent = module.rpartition(".")[0]
            package = module if path.name == "__init__.py" else parent
            self._direct[module] = self.imported(tree, package) | {package} | ({parent} if "." in package else set())
            # A bare `__init__.py`, no more than a docstring, can change nothing.
            self._bare[module] = all(isinstance(node, ast.Expr) for node in tree.body)
        return self._direct[module]

    def closure(self, entries: Iterable[str]) -> set[Path]:
        """The files of all modules that some modules import, directly or not, with the packages they lie in."""
        seen: set[str] = set()
        waiting = list(entries)
        while waiting:
            module = waiting.pop()
            path = self.file_of(module)
            if module in seen or module in FRONT or path is None:
                continue
            seen.add(module)
            waiting += self._read(module, path)
        return {path for module in seen if (path := self.file_of(module)) and not self._bare[module]}

    def behind_command(self, command: str, also: Iterable[str] = ()) -> set[Path]:
        """The files behind `thinwire <subcommand>`, and behind modules that it picks by name."""
        return self.closure([f"{PACKAGE}.cli.{command.replace('-', '_')}", *also])

    def behind_notebook(self, path: Path) -> set[Path]:
        """The files behind a notebook's code cells (lines of magic left out)."""
        modules: set[str] = set()
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                lines = "".join(cell["source"]).splitlines()
                code = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)
                modules |= self.imported(ast.parse(code), "")
        return self.closure(modules)
