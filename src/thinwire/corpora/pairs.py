"""Segments that are no sound: pairs (x, y) of equal arrays, x to be sent and y what the decoder has.

A folder holds the segment table with the columns that apply (`start_frame` is the item's place in the arrays),
`report.json`, and `<corpus>.npz` with arrays `x` and `y`, each (n, ...).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd

from thinwire.artifacts import read_json
from thinwire.corpora.arrays import read_arrays
from thinwire.errors import CorpusError, PipelineError
from thinwire.segments import SegmentWriter


@dataclass
class PairWriter(SegmentWriter):
    """Writes a folder of pairs, `sources` naming x and y; the arrays are written when it closes without error."""

    _x: list[np.ndarray] = field(default_factory=list)
    _y: list[np.ndarray] = field(default_factory=list)

    def __enter__(self) -> PairWriter:
        return self

    def put(self, x: np.ndarray, y: np.ndarray, **row: Any) -> None:
        """Append a pair, and its row's columns; raises CorpusError for arrays whose shapes or types are not those of
        the first pair.
        """
        first = self._x[0] if self._x else x
        if not (x.shape == y.shape == first.shape and x.dtype == y.dtype == first.dtype):
            raise CorpusError(
                f"{self.corpus}: segment {row.get('segment_id')}: arrays {x.shape} {x.dtype} and {y.shape} {y.dtype}, "
                f"the first have {first.shape} {first.dtype}"
            )
        blank = dict.fromkeys(("speaker", "words", "label", "room", "noise"), "")
        place = {"corpus": self.corpus, "sources": list(self.sources), "start_frame": len(self._x), "frames": 1}
        self._x.append(x)
        self._y.append(y)
        self._rows.append(blank | row | place)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            np.savez(self.folder / f"{self.corpus}.npz", x=np.array(self._x), y=np.array(self._y))
        super().__exit__(kind, error, trace)


@dataclass(frozen=True)
class Pairs:
    """A loaded split: `table` (n rows), `x` and `y` (n, ...)."""

    table: pd.DataFrame
    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.table)


class PairStore:
    """Reads a folder of pairs; raises PipelineError where it is missing or its lengths differ."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        corpus = read_json(self.folder / "report.json")["corpus"]
        self.table, arrays = read_arrays(self.folder, corpus)
        if lacking := {"x", "y"} - set(arrays):
            raise PipelineError(f"{self.folder}: no array {min(lacking)} in {corpus}.npz; extract {corpus} again")
        self.x, self.y = arrays["x"], arrays["y"]

    def load(self, split: str) -> Pairs:
        """A whole split; raises PipelineError when it is empty."""
        table = self.table[self.table["split"] == split].reset_index(drop=True)
        if table.empty:
            raise PipelineError(f"{self.folder}: the {split} split is empty; make the corpus larger in params.yaml")
        index = table["start_frame"].to_numpy(int)
        return Pairs(table, self.x[index], self.y[index])
