"""Presets: partial parameter trees in `presets/` that are written into `params.yaml`, whose comments and order stay.

A preset's mapping is merged key by key. `key~: {...}` replaces the whole mapping instead, and a row of a table
under `runs` given as `null` is removed. A key that `params.yaml` does not have is refused, save new rows and what is in
a row.
`default.yaml` holds every key that another preset sets, and is written first, so nothing of the previous preset stays.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.representer import RoundTripRepresenter

from thinwire.artifacts import atomic_path
from thinwire.errors import ParamError

PRESETS = Path("presets")
REPLACE = "~"
FREE = "runs"  # its tables, one a paper, are the mappings whose keys are the reader's own


class _NullRepresenter(RoundTripRepresenter):
    """Writes `null` for what has no value. A class of its own: DVC writes by ruamel.yaml in the same process."""


_NullRepresenter.add_representer(type(None), lambda own, _: own.represent_scalar("tag:yaml.org,2002:null", "null"))


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = 10_000
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.Representer = _NullRepresenter
    return yaml


def load_tree(path: Path) -> CommentedMap:
    """Read a YAML mapping with its comments; raises ParamError naming file and line."""
    try:
        tree = _yaml().load(path.read_text("utf-8"))
    except FileNotFoundError as error:
        there = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml"))) or "nothing"
        raise ParamError(f"{path}: not there; {path.parent or '.'}/ has {there}") from error
    except YAMLError as error:
        raise ParamError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if tree is None:
        return CommentedMap()
    if not isinstance(tree, CommentedMap):
        raise ParamError(f"{path}: holds no mapping of parameters")
    return tree


def dump_tree(tree: CommentedMap) -> str:
    """The text of a tree, comments included."""
    text = io.StringIO()
    _yaml().dump(tree, text)
    return text.getvalue()


def _pop_tail(node: Any) -> str:
    """Take from a node's last leaf the lines that follow it: ruamel keeps the next section's comment there."""
    comments = _last_comments(node)
    token = comments[0][comments[1]] if comments and comments[0][comments[1]] else None
    if token is None or "\n" not in token.value:
        return ""
    here, tail = token.value.split("\n", 1)
    token.value = here + "\n" if here.strip() else "\n"
    return tail


def _push_tail(node: Any, tail: str) -> None:
    from ruamel.yaml.error import CommentMark
    from ruamel.yaml.tokens import CommentToken

    comments = _last_comments(node)
    if not tail or not comments:
        return
    slots, index = comments
    if slots[index] is None:
        slots[index] = CommentToken("\n", CommentMark(0), None)
    slots[index].value = slots[index].value.rstrip("\n") + "\n" + tail


def _last_comments(node: Any) -> tuple[list[Any], int] | None:
    """The list of comment slots of a node's last leaf, and the slot that holds what follows it."""
    holder, key = None, None
    while isinstance(node, CommentedMap | CommentedSeq) and len(node):
        holder, key = node, next(reversed(node)) if isinstance(node, CommentedMap) else len(node) - 1
        node = node[key]
    if holder is None:
        return None
    if isinstance(holder, CommentedMap):
        return holder.ca.items.setdefault(key, [None, None, None, None]), 2
    return holder.ca.items.setdefault(key, [None, None]), 0


def _set(parent: CommentedMap, key: str, value: Any) -> None:
    """Put a value in place of another, keeping the lines that followed the old one."""
    old = parent.get(key)
    tail = _pop_tail(old) if isinstance(old, CommentedMap | CommentedSeq) else None
    if tail is None and isinstance(value, CommentedMap | CommentedSeq) and key in parent.ca.items:
        token = parent.ca.items.pop(key)[2]  # of the scalar that goes
        tail = token.value.split("\n", 1)[1] if token is not None and "\n" in token.value else ""
    parent[key] = value
    if isinstance(value, CommentedMap | CommentedSeq):
        _pop_tail(value)  # the preset's own trailing lines
        _push_tail(value, tail or "")


def _delete(root: CommentedMap, parent: CommentedMap, key: str) -> None:
    """Remove a row; the lines that followed it (the next section's comment) go to the row before it."""
    rows = list(parent)
    before = rows[rows.index(key) - 1] if rows.index(key) else None
    tail = _pop_tail(parent[key])
    del parent[key]
    parent.ca.items.pop(key, None)
    if tail and before is not None:
        _push_tail(parent[before], _pop_tail(parent[before]) + tail)


def merge(tree: CommentedMap, preset: CommentedMap, where: str) -> None:
    """Write a preset's values into a tree, in place; raises ParamError naming a key that the tree does not have."""
    _merge(tree, tree, preset, where, ())


def _merge(root: CommentedMap, tree: CommentedMap, preset: CommentedMap, where: str, path: tuple[str, ...]) -> None:
    for name, value in preset.items():
        key = str(name).removesuffix(REPLACE)
        place = (*path, key)
        free = place[0] == FREE and len(place) > 2
        if key not in tree and not free:
            raise ParamError(f"{where}: {'.'.join(place)}: params.yaml has no such parameter (mistyped?)")
        if len(place) == 3 and free and value is None:
            if key in tree:
                _delete(root, tree, key)
        elif str(name).endswith(REPLACE):
            if not isinstance(value, CommentedMap):
                raise ParamError(f"{where}: {'.'.join(place)}: `{name}` wants a mapping, found {value!r}")
            _replace(root, tree, key, value)
        elif isinstance(value, CommentedMap) and isinstance(tree.get(key), CommentedMap):
            _merge(root, tree[key], value, where, place)
        elif isinstance(tree.get(key), CommentedMap):
            raise ParamError(f"{where}: {'.'.join(place)}: a mapping in params.yaml, found {value!r}")
        elif key not in tree and len(tree):
            tail = _pop_tail(tree)
            tree[key] = value
            _push_tail(tree, tail)
        elif tree.get(key) != value or key not in tree:
            _set(tree, key, value)


def _replace(root: CommentedMap, parent: CommentedMap, key: str, value: CommentedMap) -> None:
    """Make `parent[key]` equal to `value`, touching only what differs, so that comments of what stays are kept."""
    old = parent.get(key)
    if not isinstance(old, CommentedMap) or not set(old) & set(value):
        _set(parent, key, value)
        return
    for name in [name for name in old if name not in value]:
        _delete(root, old, name)
    for name, item in value.items():
        if isinstance(item, CommentedMap) and isinstance(old.get(name), CommentedMap):
            _replace(root, old, name, item)
        elif old.get(name) != item or name not in old:
            tail = _pop_tail(old) if name not in old else ""
            _set(old, name, item)
            _push_tail(old, tail)


def leaves(preset: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key path that a preset sets; a replaced mapping (`key~`) and a removed row of `runs` count as one."""
    for name, value in preset.items():
        place = (*path, str(name).removesuffix(REPLACE))
        if isinstance(value, dict) and value and not str(name).endswith(REPLACE):
            yield from leaves(value, place)
        else:
            yield place


def apply_preset(name: str, params: Path = Path("params.yaml"), folder: Path = PRESETS) -> str:
    """The text of `params.yaml` with a preset written into it (after `default`, which takes the previous one back).

    Raises ParamError for a preset that is not there, or sets a parameter that is not there.
    """
    tree = load_tree(params)
    load_tree(folder / f"{name}.yaml")
    for layer in dict.fromkeys(("default", name)):
        path = folder / f"{layer}.yaml"
        merge(tree, load_tree(path), str(path))
    return dump_tree(tree)


def write_preset(name: str, params: Path = Path("params.yaml"), folder: Path = PRESETS) -> bool:
    """Write a preset into `params.yaml` if the outcome is valid; returns whether anything changed."""
    import yaml

    from thinwire.params import parse_params

    text = apply_preset(name, params, folder)
    parse_params(yaml.safe_load(text), f"{folder / name}.yaml")
    if text == params.read_text("utf-8"):
        return False
    with atomic_path(params) as temporary:
        temporary.write_text(text, "utf-8")
    return True
