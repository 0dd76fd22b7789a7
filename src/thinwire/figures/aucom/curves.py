"""Operating points as curves over the rate: what a system scores on each test item at a given bit rate, as the rules of
`papers/aucom.yaml` read it ("at R kbps")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from thinwire.figures.aucom.runs import SPEECH, item_scores, name

COLUMNS = ("label", "tau", "kbps_nominal", "kbps", "task", "segment_id")
_SILENT = 1e-6  # kbit/s: a rate of nothing still has a logarithm


@dataclass(frozen=True)
class Reading:
    """A system at a bit rate: `scores` of test items (percentage points, higher is better, by segment_id), from the
    curve `label` at `kbps`; `reached` is False where no curve goes down to the rate and the lowest point was taken.
    """

    label: str
    kbps: float
    reached: bool
    scores: pd.Series

    @property
    def words(self) -> str:
        """Which curve, and at what rate where that is not the one that was asked for."""
        return name(self.label) if self.reached else f"{name(self.label)} at its lowest rate, {self.kbps:.3g} kbps"


@dataclass(frozen=True)
class _Point:
    rate: float
    scores: pd.Series


def points(items: pd.DataFrame, errors: str = "word_errors") -> pd.Series:
    """The score of each test item in percentage points, higher is better: accuracy, or 100 less the word error rate, as
    `runs.item_scores` has it.
    """
    values = item_scores(items, errors)
    return 100.0 - values if set(items["task"]) == {SPEECH} else values


def losses(reading: Reading | pd.Series, lossless: pd.DataFrame) -> pd.Series:
    """Points lost by the test items that have an answer without loss, too (rows `lossless` of the same corpus)."""
    own = reading.scores if isinstance(reading, Reading) else reading
    return (points(lossless) - own).dropna()


def at_rate(items: pd.DataFrame, labels: Sequence[str], kbps: float, errors: str = "word_errors") -> Reading:
    """A system at a bit rate, on one corpus: of its curves `labels` the one with the best mean score there.

    Along a curve (rising tau; falling nominal rate for MP3 and AAC), t is the first point whose rate is `kbps` or less
    and s the one before; scores are (1 - a) x(t) + a x(s), linear in the logarithm of the rate. A curve that begins
    below `kbps` is read at its first point. Where no curve goes down to `kbps` the point of lowest rate stands in.
    Without any answer `scores` is empty.
    """
    columns = [*COLUMNS, *(column for column in ("correct", "words", errors) if column in items)]
    items = items[columns]
    curves = {label: _points(items[items["label"] == label], errors) for label in labels}
    readings = [_read(label, found, kbps) for label, found in curves.items()]
    reached = [reading for reading in readings if reading is not None and len(reading.scores)]
    if reached:
        return max(reached, key=lambda reading: float(reading.scores.mean()))
    every = [(point.rate, label, point) for label, found in curves.items() for point in found]
    if not every:
        return Reading(labels[0], np.nan, False, pd.Series(dtype=float))
    rate, label, lowest = min(every, key=lambda entry: entry[0])
    return Reading(label, rate, rate <= kbps, lowest.scores)


def lowest(items: pd.DataFrame, labels: Sequence[str], errors: str = "word_errors") -> Reading:
    """A system at the lowest rate of its curves."""
    return at_rate(items, labels, -np.inf, errors)


def _points(items: pd.DataFrame, errors: str) -> list[_Point]:
    found = []
    along = items["tau"].where(items["tau"].notna(), -items["kbps_nominal"])
    for _, group in items.groupby(along):  # in rising order
        scores = points(group, errors)
        if len(scores):
            found.append(_Point(max(float(group["kbps"].mean()), _SILENT), scores))
    return found


def _read(label: str, curve: Sequence[_Point], kbps: float) -> Reading | None:
    place = next((k for k, point in enumerate(curve) if point.rate <= kbps), None)
    if place is None:
        return None
    low = curve[place]
    if place == 0:
        return Reading(label, low.rate, True, low.scores)
    high = curve[place - 1]
    share = np.log(kbps / low.rate) / np.log(high.rate / low.rate)
    return Reading(label, kbps, True, ((1.0 - share) * low.scores + share * high.scores).dropna())
