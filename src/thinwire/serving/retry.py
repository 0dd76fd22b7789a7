"""When an edge device comes back after a connection broke."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Retry:
    """Seconds before the second connection, doubled up to `most_s` for each further one that brings no result; each
    wait is a draw between its half and its whole, so that many devices do not come back at once. More than `attempts`
    such connections in a row end the stream. A connection is given up after `connect_s` without greeting, or when the
    oldest chunk's result does not come within `answer_s` and the time that the chunk takes at `slowest_bps`.
    """

    first_s: float = 0.25
    most_s: float = 15.0
    attempts: int = 10
    connect_s: float = 30.0
    answer_s: float = 60.0
    slowest_bps: float = 100.0

    def due_s(self, size: int) -> float:
        """The wait for the result of a chunk of so many bytes."""
        return self.answer_s + 8.0 * size / self.slowest_bps

    def wait_s(self, failures: int, rng: np.random.Generator) -> float:
        """The wait after so many connections in a row without a result."""
        return min(self.first_s * 2.0 ** (failures - 1), self.most_s) * rng.uniform(0.5, 1.0)
