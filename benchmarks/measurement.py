"""One measured value, and how values are taken."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Scale:
    """How much is measured: repetitions of a call, steps of a training, seconds of the simulated session."""

    repetitions: int = 25
    steps: int = 8
    session_s: float = 120.0
    sessions: int = 3

    @classmethod
    def quick(cls) -> Scale:
        """A look whether everything can be measured; its numbers mean little."""
        return cls(repetitions=3, steps=2, session_s=12.0, sessions=1)


@dataclass(frozen=True)
class Measurement:
    """A value with its unit and, where there is one, its target; `value` is None where `note` says why. `on_clock` is
    what the clock says where `value` goes by CPU time.
    """

    name: str
    what: str
    value: float | None
    unit: str
    target: float | None = None
    better: Literal["higher", "lower"] = "lower"
    repetitions: int = 1
    peak_mb: float | None = None
    note: str = ""
    on_clock: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where there is no value or no target."""
        if self.value is None or self.target is None:
            return None
        return self.value >= self.target if self.better == "higher" else self.value <= self.target

    def row(self) -> dict[str, Any]:
        """The measurement as it stands in the report, three significant digits."""
        numbers = {"value": self.value, "peak_mb": self.peak_mb, "on_clock": self.on_clock}
        shown = {name: None if number is None else float(f"{number:.3g}") for name, number in numbers.items()}
        return asdict(self) | shown | {"met": self.met}


@dataclass(frozen=True)
class Timing:
    """Medians of one call, in seconds: on the clock, and of this process' CPU, which a busy machine hardly changes."""

    wall_s: float
    cpu_s: float


def repeat(call: Callable[[int], object], repetitions: int, warm_up: int = 0) -> Timing:
    """Medians of `call(index)` over repetitions; the first `warm_up` calls are not counted."""
    wall, cpu = [], []
    for index in range(warm_up + repetitions):
        started = time.perf_counter(), time.process_time()
        call(index)
        if index >= warm_up:
            wall.append(time.perf_counter() - started[0])
            cpu.append(time.process_time() - started[1])
    return Timing(statistics.median(wall), statistics.median(cpu))


def peak_mb() -> float:
    """Largest resident memory of this process so far, in MB.

    From the kernel's own mark where there is one: on Linux `ru_maxrss` also counts what the parent held when it
    started this process.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024.0
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (1 << 20) if sys.platform == "darwin" else size / 1024.0


def milliseconds(name: str, what: str, timing: Timing, scale: Scale, target: float | None, note: str) -> Measurement:
    """A call's time on the clock in ms, with its CPU time in the note."""
    text = f"{note}; CPU {timing.cpu_s * 1e3:.3g} ms"
    return Measurement(name, what, timing.wall_s * 1e3, "ms", target, "lower", scale.repetitions, None, text)
