"""Progress bars for long work, silent when nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def track(iterable: Iterable[T], desc: str, total: int | None = None) -> tqdm[T]:
    """Wrap an iterable in a bar on stderr; nothing is drawn when stderr is not a terminal."""
    return tqdm(iterable, desc=desc, total=total, disable=not sys.stderr.isatty(), leave=False, dynamic_ncols=True)
