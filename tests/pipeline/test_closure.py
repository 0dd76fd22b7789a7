"""The modules behind a command or a notebook, found by their imports."""

from __future__ import annotations

import ast
import json
from pathlib import Path

from thinwire.pipeline.closure import Modules

FILES = {
    "__init__.py": '"""Doc."""\n',
    "errors.py": "class E(Exception): pass\n",
    "cli/__init__.py": "import thinwire.errors\n",
    "cli/make_it.py": "def run():\n    from thinwire.room import thing\n",
    "room/__init__.py": "from .base import Base\n",
    "room/base.py": "from typing import TYPE_CHECKING\nBase = 1\nif TYPE_CHECKING:\n    import thinwire.errors\n",
    "room/thing.py": "from .. import deep\nimport numpy\n",
    "deep.py": "",
    "unused.py": "x = 1\n",
}


def _package(folder: Path) -> Path:
    for name, text in FILES.items():
        path = folder / "src/thinwire" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "src"


def test_lazy_relative_and_package_imports_are_found_and_type_only_ones_are_not(tmp_path):
    source = _package(tmp_path)
    (source / "thinwire/deep.py").write_text("from thinwire.errors import E\n")
    names = {str(path.relative_to(source / "thinwire")) for path in Modules(source).behind_command("make-it")}
    assert names == {"cli/make_it.py", "room/__init__.py", "room/base.py", "room/thing.py", "deep.py", "errors.py"}


def test_a_notebook_counts_its_code_cells_without_magic(tmp_path):
    source = _package(tmp_path)
    cells = [
        {"cell_type": "markdown", "source": ["import thinwire.unused"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "from thinwire.room import base"]},
    ]
    (tmp_path / "x.ipynb").write_text(json.dumps({"cells": cells}))
    names = {path.name for path in Modules(source).behind_notebook(tmp_path / "x.ipynb")}
    assert names == {"__init__.py", "base.py"}
    tree = ast.parse("import os, thinwire.unused as u")
    assert Modules(source).imported(tree, "thinwire") == {"thinwire.unused"}
