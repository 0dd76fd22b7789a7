"""DVC's own command line with two slow spots mended: `python -m thinwire.pipeline.quick_dvc repro` and so on.

For every stage that runs, DVC reads and writes all of dvc.lock in pure Python (treeverse/dvc#10629), which here takes
longer than many a stage; for every stage that it looks at, it parses params.yaml again. Here the lock, which holds no
comments, goes through libyaml and comes out in the same bytes (odd strings may be quoted in another way), and
parameters are parsed once while their file stays as it is. Plain `dvc` does the same work in more time.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TextIO

from ruamel.yaml import YAML
from ruamel.yaml.representer import SafeRepresenter

LOCK = "dvc.lock"
_NULL = "null-0f3b6c0e"  # libyaml would leave a blank behind the colon


class _LockRepresenter(SafeRepresenter):
    """As DVC writes a lock: dictionaries in their order, and nothing in the place of a null."""


_LockRepresenter.add_representer(OrderedDict, SafeRepresenter.represent_dict)
_LockRepresenter.add_representer(type(None), lambda own, _: own.represent_str(_NULL))


def write_lock(data: Any, stream: TextIO) -> None:
    """Write what a lock holds, in the bytes that DVC's own writer makes of it."""
    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.Representer = _LockRepresenter
    text = io.StringIO()
    yaml.dump(data, text)
    stream.write(text.getvalue().replace(f": {_NULL}\n", ":\n").replace(f"- {_NULL}\n", "- \n"))


def quicken() -> None:
    """Mend the DVC that runs in this process; a second call changes nothing."""
    from dvc import dvcfile
    from dvc.dependency import param

    if dvcfile.modify_yaml.__module__ != __name__:
        dvcfile.modify_yaml = _quick_for_locks(dvcfile.modify_yaml)
        param.load_path = _parsed_once(param.load_path)


def _quick_for_locks(modify: Callable[..., AbstractContextManager[Any]]) -> Callable[..., AbstractContextManager[Any]]:
    from dvc.utils.serialize._common import _modify_data
    from dvc.utils.serialize._yaml import parse_yaml

    def quick(path: str, fs: Any = None) -> AbstractContextManager[Any]:
        if os.path.basename(path) != LOCK:
            return modify(path, fs=fs)  # comments in it are kept
        return _modify_data(path, parse_yaml, write_lock, fs=fs)

    return quick


def _parsed_once(load: Callable[..., Any]) -> Callable[..., Any]:
    """`load` of a file on this disk, remembered for as long as the file has the same time and size."""
    known: dict[tuple[str, int, int], bytes] = {}

    def quick(path: str, fs: Any = None, **options: Any) -> Any:
        if getattr(fs, "protocol", "local") != "local" or options:
            return load(path, fs, **options)
        state = os.stat(path)
        key = (os.path.abspath(path), state.st_mtime_ns, state.st_size)
        if key not in known:
            known[key] = pickle.dumps(load(path, fs))
        return pickle.loads(known[key])  # a copy, for DVC may write into what it gets

    return quick


def main() -> int:
    """DVC's command line; returns its exit status."""
    from dvc.cli import main as dvc

    quicken()
    return int(dvc(sys.argv[1:]) or 0)


if __name__ == "__main__":
    sys.exit(main())
