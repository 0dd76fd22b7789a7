"""Segments of one or several folders, split by split, with the ids that they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from thinwire.errors import ParamError
from thinwire.segments import Segments, SegmentStore

SPLITS = ("train", "dev")
ID_COLUMNS = ("speaker", "room", "noise")


@dataclass
class Reader:
    """Reads folders whose segments are alike; `seen` collects ids of both splits (development items choose weights)."""

    folders: list[Path]
    shape: tuple[int, int] = (0, 0)
    _seen: dict[str, set[str]] = field(default_factory=lambda: {column: set() for column in ID_COLUMNS})

    def of(self, split: str) -> Iterator[Segments]:
        """The split's segments, one folder at a time; raises ParamError for folders that cannot be joined."""
        for folder in self.folders:
            yield self._noted(folder, SegmentStore(folder).load(split))

    def parts_of(self, split: str) -> Iterator[Segments]:
        """The same one shard at a time, for what turns audio into something larger; raises ParamError as `of` does."""
        for folder in self.folders:
            for part in SegmentStore(folder).parts(split):
                yield self._noted(folder, part)

    def count(self, split: str) -> int:
        """Segments of the split in all folders."""
        return sum(len(SegmentStore(folder).rows_of(split)) for folder in self.folders)

    def _noted(self, folder: Path, segments: Segments) -> Segments:
        shape = segments.noisy.shape[1:]
        if self.shape not in ((0, 0), shape):
            raise ParamError(
                f"{folder}: segments of {shape[0]} sources and {shape[1]} samples, the folder before has "
                f"{self.shape[0]} and {self.shape[1]}; extract both with the same settings"
            )
        self.shape = (shape[0], shape[1])
        for column, ids in self._seen.items():
            for value in segments.table[column]:
                ids.update(part for part in str(value).split(";") if part)
        return segments

    @property
    def seen(self) -> dict[str, list[str]]:
        """The ids of talkers, rooms and noises read so far."""
        return {column: sorted(ids) for column, ids in self._seen.items()}
