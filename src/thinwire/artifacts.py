"""Files that stages hand on: written whole or not at all, and named by what they were made from."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from thinwire.errors import PipelineError, ThinwireError

FULL = 1 << 20
"""Bytes free below which a disk counts as full."""


@contextlib.contextmanager
def atomic_path(target: Path | str, directory: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `target` that replaces it on success and vanishes on any error.

    Args: `directory` makes the temporary path a folder. Raises PipelineError when the disk is full or not writable.
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        holder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise PipelineError(
            f"{target}: cannot write ({error.strerror}); free space or choose another folder"
        ) from error
    temporary = holder / target.name
    try:
        if directory:
            temporary.mkdir()
        yield temporary
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        os.replace(temporary, target)
    except Exception as error:
        if _means_a_full_disk(error, holder):
            message = f"{target}: the disk is full, nothing was written; free space and run the stage again"
            raise PipelineError(message) from error
        raise
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def _means_a_full_disk(error: Exception, folder: Path) -> bool:
    """Whether an error while writing below `folder` is that of a full disk. libsndfile and safetensors say so with
    errors of their own, which name no cause: then what is left on the disk tells.
    """
    if isinstance(error, ThinwireError):
        return False
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return shutil.disk_usage(folder).free < FULL


def _plain(value: Any) -> Any:
    """JSON-ready copy: NumPy scalars and arrays become Python ones, NaN and infinities become null, keys
    become text.
    """
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(path: Path | str, value: Any) -> None:
    """Write JSON with sorted keys and a final newline, atomically; NaN becomes null."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(_plain(value), indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


def read_json(path: Path | str) -> Any:
    """Read JSON; raises PipelineError naming file, line and column when it is missing or not JSON."""
    path = Path(path)
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: not there; run the stage that makes it (`dvc repro`)") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise PipelineError(f"{path}: not JSON ({error}); delete it and run the stage again") from error


def fingerprint(*parts: Any) -> str:
    """Sixteen hex digits that name JSON-ready parts (parameters, versions) or files (given as Path, by content)."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            with part.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
        else:
            digest.update(json.dumps(_plain(part), sort_keys=True).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def split_of(kind: str, identity: str, dev: float = 0.15, test: float = 0.25) -> str:
    """The split (train, dev, eval) that a talker, room or noise belongs to, by a hash of its id and of nothing else.

    The same id falls into the same split in every run and on every machine, so no test item is ever in any training.
    """
    value = int.from_bytes(hashlib.sha256(f"{kind}/{identity}".encode()).digest()[:6], "big") / 2**48
    return "eval" if value < test else "dev" if value < test + dev else "train"
