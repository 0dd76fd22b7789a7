"""Fixed-length clips from folders of many short recordings: which stretches to cut, and cutting them at 16 kHz."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from thinwire.audio import SAMPLE_RATE, resample
from thinwire.corpora.files import AudioFile, BadFiles


@dataclass(frozen=True)
class Clip:
    """A stretch of a mono file: `start_s` to `end_s` in seconds; shorter than the clip length only where the whole
    file is.
    """

    path: Path
    start_s: float
    end_s: float


def clips_of(paths: Iterable[Path], clip_s: float, min_s: float, bad: BadFiles) -> Iterator[Clip]:
    """The first clip of every file, then the second of those that have one, and so on; headers are read as they are
    needed.

    A file shorter than a clip gives one clip from `min_s` on and is counted as `too_short` below; bad files go by the
    policy of `bad`.
    """
    left: list[tuple[Path, float]] = []
    for path in paths:
        with bad.guard():
            with AudioFile(path, sample_rate=None, channels=1) as recording:
                seconds = recording.seconds
            if seconds < min(clip_s, min_s):
                bad.writer.skip("too_short")
                continue
            yield Clip(path, 0.0, min(clip_s, seconds))
            left.append((path, seconds))
    for number in count(1):
        left = [(path, seconds) for path, seconds in left if (number + 1) * clip_s <= seconds]
        if not left:
            return
        for path, _ in left:
            yield Clip(path, number * clip_s, (number + 1) * clip_s)


def cut(path: Path, start_s: float, end_s: float, channel: int | None = None) -> np.ndarray:
    """Read a stretch of a file as (samples,) at 16 kHz, resampled where the file's rate differs; reads only that
    stretch.

    Args: `channel` picks one of several; None demands a mono file. Raises BadInput (`bad_audio`).
    """
    with AudioFile(path, sample_rate=None, channels=1 if channel is None else None) as recording:
        rate = recording.sample_rate
        # 100 ms on both sides (whole at 16 kHz for every usual rate) keep the resampling filter's edge out of the clip.
        margin = 0 if rate == SAMPLE_RATE else rate // 10
        first = round(start_s * rate)
        data = recording.read(first - margin, round((end_s - start_s) * rate) + 2 * margin)[channel or 0]
    wide = resample(data, rate)
    lead = round(margin * SAMPLE_RATE / rate)
    return wide[lead : lead + round((end_s - start_s) * SAMPLE_RATE)]


def refuse_silent_file(path: Path) -> None:
    """Raise BadInput (`silent_file`) when a mono file is digital silence throughout; a silent stretch is no fault."""
    with AudioFile(path, sample_rate=None, channels=1) as recording:
        piece = 60 * recording.sample_rate
        for start in range(0, recording.frames, piece):
            recording.read(start, min(piece, recording.frames - start))
            if recording.heard:
                return
        recording.require_sound()


def fit(samples: np.ndarray, frames: int) -> np.ndarray:
    """Cut or zero-pad (samples,) to a number of frames."""
    return np.pad(samples[:frames], (0, max(0, frames - len(samples))))
