"""One writer for a run's resume folder, and none that outlives its pipeline."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from thinwire.errors import PipelineError

DVC = ("dvc", "thinwire.pipeline.quick_dvc")  # as file or module on a command line


def process_rank() -> int:
    """Rank among processes that train together, as torchrun or Fabric's launcher says; 0 for one that is alone."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")))


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; raises PipelineError when another trainer holds it.

    Of several processes that train together the first holds it for all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if process_rank() > 0:
        yield
        return
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise PipelineError(
            f"{folder}: another process trains this run; wait for it or end it, then run again"
        ) from error
    try:
        yield
    finally:
        lock.release()


def orphan_check() -> Callable[[], bool]:
    """A function that says whether the pipeline that started this process is gone (DVC killed alone leaves its commands
    running).
    """
    ancestors = psutil.Process().parents()
    for ancestor in ancestors:
        with contextlib.suppress(psutil.Error):
            if any(Path(part).name in DVC for part in ancestor.cmdline()[:3]):
                return lambda: not ancestor.is_running() or ancestor.status() == psutil.STATUS_ZOMBIE
    return lambda: False
