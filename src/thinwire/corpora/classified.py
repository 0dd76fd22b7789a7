"""Corpora of classes: balanced choice over classes and talkers, and one segment a file, since its class belongs to the
whole of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.clips import cut, fit, refuse_silent_file
from thinwire.corpora.files import AudioFile, BadFiles, BadInput, is_silent
from thinwire.progress import track


@dataclass(frozen=True)
class ClassFile:
    """A recording of one class; `session`, its talker or source recording, may stand in one split only."""

    path: Path
    segment_id: str
    label: str
    split: str
    session: str
    speaker: str = ""
    words: str = ""


def unmixed(files: Sequence[ClassFile], bad: BadFiles, remedy: str) -> list[ClassFile]:
    """The files whose session stands in one split; others go by the policy of `bad`, counted as `mixed_splits` once
    a session.
    """
    splits: dict[str, set[str]] = {}
    for file in files:
        splits.setdefault(file.session, set()).add(file.split)
    for session, found in splits.items():
        with bad.guard():
            if len(found) > 1:
                message = f"{session} stands in {' and '.join(sorted(found))}: test items would be heard in training"
                raise BadInput("mixed_splits", f"{bad.root}: {message}; {remedy}")
    return [file for file in files if len(splits[file.session]) == 1]


def dealt(files: Iterable[ClassFile], per_class: int) -> list[ClassFile]:
    """At most `per_class` files of a class in each split: the first of every session, then the second, and so on."""
    turn: Counter[tuple[str, str, str]] = Counter()
    ranked: list[tuple[int, ClassFile]] = []
    for file in files:
        key = (file.label, file.split, file.session)
        ranked.append((turn[key], file))
        turn[key] += 1
    taken: Counter[tuple[str, str]] = Counter()
    kept = []
    for _, file in sorted(ranked, key=lambda pair: pair[0]):
        taken[file.label, file.split] += 1
        if taken[file.label, file.split] <= per_class:
            kept.append(file)
    return kept


def write_segments(
    files: Sequence[ClassFile], bad: BadFiles, segment_s: float, min_s: float, lowest_rate: int, title: str
) -> None:
    """Add the first `segment_s` of every file to the writer of `bad`; source and reference are the same signal.

    Files shorter than a segment are zero-padded at their end (`end_s` tells where), those shorter than `min_s` counted
    as `too_short`. The report has, under `longer_than_segment`, how many files lose their end, and under `narrow_band`
    how many were recorded below 16 kHz. A file below `lowest_rate` (Hz) is a bad file.
    """
    frames = round(segment_s * SAMPLE_RATE)
    writer, noted = bad.writer, Counter({"longer_than_segment": 0, "narrow_band": 0})
    for file in track(files, title):
        with bad.guard():
            with AudioFile(file.path, sample_rate=None, channels=1) as recording:
                rate, seconds = recording.sample_rate, recording.seconds
            if rate < lowest_rate:
                message = f"{file.path}: sample rate is {rate} Hz, at least {lowest_rate} Hz are needed"
                raise BadInput("bad_audio", f"{message}; replace or remove it")
            if seconds < min(min_s, segment_s):
                writer.skip("too_short")
                continue
            end_s = min(segment_s, seconds)
            samples = cut(file.path, 0.0, end_s)
            if is_silent(samples):
                refuse_silent_file(file.path)
                writer.skip("silent_stretch")
                continue
            noted["longer_than_segment"] += seconds > segment_s
            noted["narrow_band"] += rate < SAMPLE_RATE
            clean = fit(samples, frames)
            writer.add(
                clean[None],
                clean,
                segment_id=file.segment_id,
                split=file.split,
                session=file.session,
                speaker=file.speaker,
                start_s=0.0,
                end_s=end_s,
                words=file.words,
                label=file.label,
            )
    writer.report |= dict(noted)
