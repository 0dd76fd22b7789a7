"""An event loop whose clock skips waiting: hours on a slow link pass at once, work takes the time that it takes.

Its time is the machine's, plus what was skipped. Where a task waits for a thread, or bytes lie in a socket, time goes
on as ever; only where all that is left to wait for is a timer, the clock is put forward to it. Programs on it, limits
of theirs in seconds included, behave as on the true clock, if all of them, both ends of each connection, are on it.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

T = TypeVar("T")

_FAR_S, _GRACE_S = 5.0, 0.02
"""Before a skip of more than the first, bytes that the machine may still have under way are waited for."""


class _Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Tells its loop what it would have waited for."""

    loop: SkippingLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout is None or timeout <= 0 or self.loop.threads:
            return ready or super().select(timeout)
        ready = super().select(_GRACE_S if timeout > _FAR_S else 0)
        if not ready:
            self.loop.skipped_s += timeout
        return ready


class SkippingLoop(asyncio.SelectorEventLoop):
    """`skipped_s`: seconds that nobody waited for; `threads`: how many the loop waits for."""

    def __init__(self) -> None:
        self.skipped_s, self.threads = 0.0, 0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return super().time() + self.skipped_s

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        self.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._done)
        return future

    def _done(self, _: asyncio.Future[Any]) -> None:
        self.threads -= 1


def run(main: Coroutine[Any, Any, T], skips: bool = True) -> T:
    """`asyncio.run` on this clock, or on the true one."""
    with asyncio.Runner(loop_factory=SkippingLoop if skips else None) as runner:
        return runner.run(main)
