"""What every corpus reader shares: files kept open and read by the piece, and bad ones skipped or fatal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile as sf

from thinwire import audio
from thinwire.artifacts import read_json
from thinwire.errors import CorpusError
from thinwire.segments import SegmentWriter

SPLITS = ("train", "dev", "eval")
AUDIO_SUFFIXES = (".wav", ".flac")


class BadInput(CorpusError):
    """One bad file or entry among many; `reason` is the name under which it is counted when it is skipped."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class BadFiles:
    """What a bad file does: `stop` lets its error through, `skip` counts it in the report with the first message of
    its kind.
    """

    writer: SegmentWriter
    policy: Literal["skip", "stop"]
    root: Path

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Run a block that reads one file or entry; a BadInput in it stops the run or is counted, by the policy."""
        try:
            yield
        except BadInput as error:
            if self.policy == "stop":
                raise
            self.writer.skip(error.reason)
            first = self.writer.report.setdefault("first_skipped", {})
            first.setdefault(error.reason, str(error).replace(f"{self.root}/", ""))


class AudioFile:
    """An audio file that stays open and is read by the piece, whatever its length.

    Raises BadInput (`bad_audio`) naming the file when it is missing, no audio, truncated, empty, or of another rate
    or channel count.
    """

    def __init__(self, path: Path, sample_rate: int | None = audio.SAMPLE_RATE, channels: int | None = None) -> None:
        self.path = path
        self.heard = False
        self.pieces = 0
        if not path.is_file():
            raise BadInput(
                "bad_audio", f"{path}: no such file; complete the corpus, or leave the session or channel out"
            )
        try:
            self._stream = sf.SoundFile(str(path))
        except (sf.LibsndfileError, OSError, RuntimeError) as error:
            reason = str(error).split(": ", 1)[-1].rstrip(".")
            raise BadInput(
                "bad_audio", f"{path}: not a readable audio file ({reason}); replace or remove it"
            ) from error
        self.frames: int = self._stream.frames
        self.sample_rate: int = self._stream.samplerate
        self.channels: int = self._stream.channels
        problem = None
        if self.frames == 0:
            problem = "holds no samples; replace or remove it"
        elif any(line.startswith("data") and "should be" in line for line in self._stream.extra_info.splitlines()):
            problem = (
                f"truncated: the header declares more than the {self.frames} samples that are there; copy it again"
            )
        elif sample_rate is not None and self.sample_rate != sample_rate:
            problem = f"sample rate is {self.sample_rate} Hz, expected {sample_rate} Hz; resample the file"
        elif channels is not None and self.channels != channels:
            problem = f"has {self.channels} channels, expected {channels}; replace or remove it"
        if problem:
            self.close()
            raise BadInput("bad_audio", f"{path}: {problem}")

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate

    def read(self, start: int, frames: int) -> np.ndarray:
        """(channels, frames) float32 from sample `start`; what lies outside the file is zero. Raises BadInput for NaN
        or short data.
        """
        first, last = max(0, start), min(self.frames, start + frames)
        out = np.zeros((self.channels, frames), np.float32)
        if last <= first:
            return out
        try:
            self._stream.seek(first)
            data = self._stream.read(last - first, dtype="float32", always_2d=True)
        except (sf.LibsndfileError, OSError, RuntimeError) as error:
            raise BadInput(
                "bad_audio", f"{self.path}: cannot read samples {first} to {last} (damaged?); copy it again"
            ) from error
        if len(data) < last - first:
            raise BadInput(
                "bad_audio",
                f"{self.path}: ends after {first + len(data)} samples, header says {self.frames} (truncated?)",
            )
        if not np.isfinite(data).all():
            raise BadInput(
                "bad_audio", f"{self.path}: holds NaN or infinite samples between {first} and {last}; replace it"
            )
        out[:, first - start : last - start] = data.T
        self.pieces += 1
        self.heard = self.heard or not is_silent(data)
        return out

    def require_sound(self) -> None:
        """Raise BadInput (`silent_file`) when pieces were read and every one of them was digital silence."""
        if self.pieces and not self.heard:
            raise BadInput(
                "silent_file",
                f"{self.path}: silent wherever it was read ({self.pieces} stretches); replace or remove it",
            )

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._stream.close()

    def __enter__(self) -> AudioFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_silent(samples: np.ndarray) -> bool:
    """Whether an excerpt is digital silence, at most `audio.SILENCE_DB` (the last bit of 16)."""
    return audio.level_db(samples) <= audio.SILENCE_DB


def audio_files(folder: Path) -> list[Path]:
    """All WAV and FLAC files under a folder, sorted, without hidden ones."""
    found = (
        path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")
    )
    return sorted(path for path in found if path.is_file())


def require_segments(folder: Path, corpus: str, root: Path) -> None:
    """Raise CorpusError when an extraction wrote no segment at all, with the counts of what was skipped."""
    report = read_json(folder / "report.json")
    if report["segments"] == 0:
        skipped = ", ".join(f"{reason} {count}" for reason, count in report["skipped"].items()) or "nothing to cut"
        raise CorpusError(f"{root}: no segment could be made ({skipped}); check the folder and corpora.{corpus}")
