"""DVC's own command line with its slow spots mended: `python -m thinwire.pipeline.quick_dvc repro` and so on.

For every stage that runs, DVC reads all of dvc.lock twice and writes it in pure Python (treeverse/dvc#10629), which
here takes longer than many a stage; for every stage that it looks at, it parses params.yaml and compares each key with
every place in it. Here the lock, which holds no comments, is written by libyaml in the same bytes (odd strings may be
quoted and lines beyond 80 letters broken in another way) and kept parsed beside it, and parameters are parsed once
while their file stays as it is, and looked up by their keys. Stages' commands are forked (`warm.py`). Plain `dvc` does
the same in more time.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import io
import json
import operator
import os
import pickle
import re
import shutil
import signal
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import reduce
from pathlib import Path
from typing import Any, TextIO

from ruamel.yaml import YAML
from ruamel.yaml.representer import SafeRepresenter

from thinwire.artifacts import atomic_path
from thinwire.errors import PipelineError
from thinwire.pipeline import warm

LOCK = "dvc.lock"
PARSED = Path(".dvc/tmp/thinwire_lock.json")
"""Beside a lock: the hash of its text, and what that text holds."""
COMMAND = re.compile(r"thinwire [\w@./ -]+")
"""A stage's command that means the same without a shell."""
_NULL = "null-0f3b6c0e"  # libyaml would leave a blank behind the colon


class _LockRepresenter(SafeRepresenter):
    """As DVC writes a lock: dictionaries in their order, and nothing in the place of a null."""


_LockRepresenter.add_representer(OrderedDict, SafeRepresenter.represent_dict)
_LockRepresenter.add_representer(type(None), lambda own, _: own.represent_str(_NULL))


def lock_text(data: Any) -> str:
    """What a lock holds as YAML, in the bytes that DVC's own writer makes of it."""
    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.Representer = _LockRepresenter
    yaml.dump(data, stream := io.StringIO())
    return stream.getvalue().replace(f": {_NULL}\n", ":\n").replace(f"- {_NULL}\n", "- \n")


def quicken() -> None:
    """Mend the DVC that runs in this process; a second call changes nothing."""
    from dvc import dvcfile
    from dvc.dependency import param
    from dvc.stage import run
    from dvc.utils import strictyaml

    if dvcfile.modify_yaml.__module__ != __name__:
        parse = _remembered(strictyaml.parse_yaml)
        strictyaml.parse_yaml = parse
        dvcfile.modify_yaml = _quick_for_locks(dvcfile.modify_yaml, parse)
        param.load_path = _parsed_once(param.load_path)
        param.read_param_file = _looked_up(param.read_param_file, param.load_path)
        run._run = _forked(run._run)


def _remembered(parse: Callable[..., Any]) -> Callable[..., Any]:
    """`parse`, but of a lock's text what PARSED knows of it."""

    def quick(text: str, path: str, typ: str = "safe") -> Any:
        if os.path.basename(path) != LOCK or typ != "safe":
            return parse(text, path, typ=typ)
        try:
            known = json.loads((Path(path).parent / PARSED).read_text("utf-8"))
            if known["md5"] == _md5(text):
                return known["lock"]
        except (OSError, ValueError, LookupError, TypeError):
            pass  # none yet, or a damaged one
        data = parse(text, path, typ=typ)
        _remember(path, text, data)
        return data

    return quick


def _remember(path: str, text: str, data: Any) -> None:
    target = Path(path).parent / PARSED
    # what JSON cannot hold as it is, or a full disk has no room for, is parsed each time
    with contextlib.suppress(OSError, PipelineError, TypeError, ValueError):
        blob = json.dumps({"md5": _md5(text), "lock": data})
        if target.parent.is_dir() and json.loads(blob)["lock"] == data:
            with atomic_path(target) as own:
                own.write_text(blob, "utf-8")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def _quick_for_locks(
    modify: Callable[..., AbstractContextManager[Any]], parse: Callable[..., Any]
) -> Callable[..., AbstractContextManager[Any]]:
    from dvc.utils.serialize._common import _modify_data

    def quick(path: str, fs: Any = None) -> AbstractContextManager[Any]:
        def write(data: Any, stream: TextIO) -> None:
            text = lock_text(data)
            stream.write(text)
            _remember(path, text, data)

        if os.path.basename(path) != LOCK:
            return modify(path, fs=fs)  # comments in it are kept
        return _modify_data(path, parse, write, fs=fs)

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


def _looked_up(read: Callable[..., Any], load: Callable[..., Any]) -> Callable[..., Any]:
    """`read`, but dotted keys are gone down one by one, where DVC compares each with every place of the file."""

    def quick(fs: Any, path: str, key_paths: list[str] | None = None, flatten: bool = False, **options: Any) -> Any:
        if flatten and key_paths:
            with contextlib.suppress(KeyError, TypeError):  # a pattern, a list's place, nothing there: DVC's own way
                values = load(path, fs, **options)
                return {key: reduce(operator.getitem, key.split("."), values) for key in key_paths}
        return read(fs, path, key_paths, flatten=flatten, **options)

    return quick


def _forked(run: Callable[..., None]) -> Callable[..., None]:
    """`run` of a stage's command, but this installation's `thinwire` is forked from a process that has its libraries.

    Where none was started before us (warm.ADDRESS), we do it beside the first command, which does not wait for it.
    """
    from dvc.stage.exceptions import StageCmdFailedError

    own = Path(sys.executable).with_name("thinwire")
    address = os.environ.pop(warm.ADDRESS, "")  # not for the commands' own children

    def quick(executable: str | None, cmd: str, **options: Any) -> None:
        nonlocal address
        environment = options.get("env") or dict(os.environ)
        found = shutil.which("thinwire", path=environment.get("PATH"))
        if not (COMMAND.fullmatch(cmd) and found and Path(found) == own):
            return run(executable, cmd, **options)
        if not address:
            if server := warm.begin(environment):
                atexit.register(server.close)
                address = server.address
            return run(executable, cmd, **options)
        folder = Path(options.get("cwd") or ".")
        sys.stdout.flush()
        fork = warm.fork(address, "thinwire", cmd.split()[1:], environment, folder, (1, 2))
        with _interrupts_passed_to(fork.pid):
            status = fork.wait()
        if status:
            raise StageCmdFailedError(cmd, status)

    return quick


@contextlib.contextmanager
def _interrupts_passed_to(pid: int) -> Iterator[None]:
    """As DVC does it, an interrupt is for the command to end by; but a fork has a session of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def pass_on(*_: Any) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)

    before = signal.signal(signal.SIGINT, pass_on)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def main() -> int:
    """DVC's command line; returns its exit status."""
    from dvc.cli import main as dvc

    quicken()
    return int(dvc(sys.argv[1:]) or 0)


if __name__ == "__main__":
    sys.exit(main())
