"""The one segment table: what every extraction stage writes and everything downstream reads.

A folder holds `segments.parquet` (one row a segment), audio shards and `report.json`. Shards come in pairs of FLAC
files below 60 MB, `noisy-00000.flac` (one channel a source, at most 8, FLAC's limit) and `clean-00000.flac` (mono), in
which segments follow one another; a row names its shard and first sample, so thousands of segments are a handful of
files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
import soundfile as sf

from thinwire import audio
from thinwire.artifacts import write_json
from thinwire.errors import CorpusError, PipelineError

MAX_SOURCES = 8
SHARD_BYTES = 59_000_000  # no file reaches 60 MB, a size that can be carried and stored anywhere
COLUMNS = [
    "segment_id", "corpus", "split", "session", "speaker", "start_s", "end_s", "words", "label", "room", "noise",
    "sources", "snr_db", "phones", "shard", "start_frame", "frames", "noisy_path", "clean_path",
]  # fmt: skip


@dataclass
class SegmentWriter:
    """Writes a segment folder; use as a context manager inside `artifacts.atomic_path(folder, directory=True)`.

    `sources` names the channels of the noisy shards in order. `counts` collects what was skipped and why and lands in
    `report.json`.
    """

    folder: Path
    corpus: str
    sources: list[str]
    sample_rate: int = audio.SAMPLE_RATE
    segments_per_shard: int = 500
    bytes_per_shard: int = SHARD_BYTES
    counts: dict[str, int] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    _rows: list[dict[str, Any]] = field(default_factory=list)
    _files: dict[str, sf.SoundFile] = field(default_factory=dict)
    _position: int = 0
    _shard: int = -1
    _in_shard: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.sources) <= MAX_SOURCES:
            raise CorpusError(
                f"{self.corpus}: {len(self.sources)} sources asked for, a segment holds 1 to {MAX_SOURCES}"
            )
        self.folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_shard()
        if kind is None:
            table = pd.DataFrame(self._rows, columns=COLUMNS)
            table.to_parquet(self.folder / "segments.parquet", index=False)
            splits = table["split"].value_counts().sort_index().to_dict()
            write_json(
                self.folder / "report.json",
                {
                    "corpus": self.corpus,
                    "segments": len(table),
                    "splits": splits,
                    "skipped": self.counts,
                    **self.report,
                },
            )

    def skip(self, reason: str, number: int = 1) -> None:
        """Count something left out, by reason."""
        self.counts[reason] = self.counts.get(reason, 0) + number

    def add(self, noisy: np.ndarray, clean: np.ndarray, **row: Any) -> None:
        """Append one segment: noisy (sources, samples), clean (samples,), and the row's columns (`snr_db`, `phones` are
        lists).
        """
        if noisy.shape != (len(self.sources), clean.shape[-1]):
            raise CorpusError(
                f"{self.corpus}: segment {row.get('segment_id')}: noisy {noisy.shape}, clean {clean.shape} do not fit"
            )
        if not self._files or self._in_shard == self.segments_per_shard or self._too_large(noisy):
            self._close_shard()
            self._open_shard(noisy.shape[0])
        for name, data in (("noisy", noisy), ("clean", clean[None])):
            self._files[name].write(np.clip(data, -1.0, 1.0 - 2.0**-15).T)
        frames = clean.shape[-1]
        self._rows.append(
            {
                "corpus": self.corpus,
                "words": "",
                "label": "",
                "room": "",
                "noise": "",
                "sources": list(self.sources),
                "snr_db": [float("nan")] * len(self.sources),
                "phones": [],
            }  # fmt: skip
            | row
            | {
                "shard": self._shard,
                "start_frame": self._position,
                "frames": frames,
                "noisy_path": f"noisy-{self._shard:05d}.flac",
                "clean_path": f"clean-{self._shard:05d}.flac",
            }  # fmt: skip
        )
        self._position += frames
        self._in_shard += 1

    def _too_large(self, noisy: np.ndarray) -> bool:
        """Whether the shard's largest file may pass its limit with this segment: FLAC never takes more than the samples
        themselves, but for a few bytes a block.
        """
        written = (self.folder / f"noisy-{self._shard:05d}.flac").stat().st_size
        return self._in_shard > 0 and written + 2 * noisy.size > self.bytes_per_shard

    def _open_shard(self, channels: int) -> None:
        self._shard, self._in_shard = self._shard + 1, 0
        for name, count in (("noisy", channels), ("clean", 1)):
            path = self.folder / f"{name}-{self._shard:05d}.flac"
            self._files[name] = sf.SoundFile(path, "w", self.sample_rate, count, subtype="PCM_16", format="FLAC")
        self._position = 0

    def _close_shard(self) -> None:
        for stream in self._files.values():
            stream.close()
        self._files = {}


@dataclass(frozen=True)
class Segments:
    """A loaded split: `table` (n rows), `noisy` (n, sources, samples) and `clean` (n, samples), float32."""

    table: pd.DataFrame
    noisy: np.ndarray
    clean: np.ndarray


class SegmentStore:
    """Reads a segment folder."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        path = self.folder / "segments.parquet"
        if not path.is_file():
            raise PipelineError(f"{path}: no segment table; run `dvc repro` or `thinwire extract`")
        self.table = pd.read_parquet(path)

    def read(self, row: Any) -> tuple[np.ndarray, np.ndarray]:
        """One segment: noisy (sources, samples) and clean (samples,)."""
        noisy, clean = (
            audio.read(self.folder / row[f"{name}_path"], int(row["start_frame"]), int(row["frames"]), sample_rate=None)
            for name in ("noisy", "clean")
        )
        return noisy, clean[0]

    def load(self, split: str, limit: int | None = None) -> Segments:
        """A whole split in memory, at most `limit` segments, evenly spread; raises PipelineError when it is empty."""
        table = self.rows_of(split, limit)
        frames = int(table["frames"].iloc[0])
        noisy = np.empty((len(table), len(table["sources"].iloc[0]), frames), np.float32)
        clean = np.empty((len(table), frames), np.float32)
        for part in self.parts(split, limit):
            noisy[part.table.index], clean[part.table.index] = part.noisy, part.clean
        return Segments(table, noisy, clean)

    def parts(self, split: str, limit: int | None = None) -> Iterator[Segments]:
        """The same shard by shard, in order, for what need not be in memory as a whole; a part's table keeps the places
        of its rows in the split's.
        """
        for _, rows in self.rows_of(split, limit).groupby("shard"):
            frames = int(rows["frames"].iloc[0])
            pair = []
            for name in ("noisy", "clean"):
                whole = audio.read(self.folder / rows[f"{name}_path"].iloc[0], sample_rate=None)
                pair.append(np.stack([whole[:, start : start + frames] for start in rows["start_frame"]]))
            yield Segments(rows, pair[0], pair[1][:, 0])

    def rows_of(self, split: str, limit: int | None = None) -> pd.DataFrame:
        """The table's rows that `load` reads; raises PipelineError for none, or for segments of several lengths."""
        table = self.table[self.table["split"] == split].reset_index(drop=True)
        if table.empty:
            raise PipelineError(f"{self.folder}: the {split} split is empty; make the corpus larger in params.yaml")
        if limit is not None and limit < len(table):
            keep = np.linspace(0, len(table) - 1, limit).round().astype(int)
            table = table.iloc[keep].reset_index(drop=True)
        frames = table["frames"].unique()
        if len(frames) != 1:
            raise PipelineError(
                f"{self.folder}: segments of {len(frames)} lengths cannot be stacked; extract with a fixed length"
            )
        return table
