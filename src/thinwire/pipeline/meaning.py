"""What a module says to the interpreter, as one hash: comments, docstrings and layout are left out.

They change no output, so an edit of them must make nothing stale: a word in a docstring would else retrain every model
whose code it stands in.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache

STATEMENTS = ("body", "orelse", "finalbody")


@cache  # a module stands in dozens of lists
def digest(source: bytes) -> str:
    """MD5 of a module's syntax tree, the same under every supported Python (`ast.dump` is not). Raises SyntaxError."""
    said: list[str] = []
    _tell(ast.parse(source), said)
    return hashlib.md5("\n".join(said).encode()).hexdigest()


def _idle(node: object) -> bool:
    """A string that stands as a statement: a docstring, or one in the place of a comment."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _tell(node: ast.AST, said: list[str]) -> None:
    said.append(type(node).__name__)
    for name, value in ast.iter_fields(node):
        items = value if isinstance(value, list) else [value]
        if name in STATEMENTS:
            items = [item for item in items if not _idle(item)]
        if not items or value is None:  # fields that only newer versions have are empty where nobody uses them
            continue
        said.append(f"{name} {len(items)}")
        for item in items:
            if isinstance(item, ast.AST):
                _tell(item, said)
            else:
                said.append(ascii(item))
