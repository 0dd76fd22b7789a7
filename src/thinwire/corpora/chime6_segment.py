"""CHiME-6 segmentation: far-field sources and the speaker's own worn microphone, cut by the transcription.

For each utterance: the chosen array channels, and the louder of the speaker's two worn (binaural) channels as the
clean reference, shifted to the first source by cross-correlation. Whole segments stand inside the utterance at
`hop_s`; an utterance from `min_s` up to one segment gives one zero-padded segment. Sessions are read by the
utterance, so memory does not depend on their length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.alignment import Alignment
from thinwire.corpora.chime6 import Entry, Session, find_sessions, read_transcription
from thinwire.corpora.chime6_measure import Activity, find_shift, snr_db
from thinwire.corpora.files import AudioFile, BadFiles, BadInput, is_silent, require_segments
from thinwire.errors import CorpusError, ParamError
from thinwire.params.chime6 import Chime6Extraction
from thinwire.progress import track
from thinwire.segments import SegmentWriter

PIECE_S = 60.0
ALIGN_S = 4.0
TOLERANCE_S = 1.0
SOURCE = re.compile(r"(U[0-9]{2})\.CH[0-9]")


class SessionCutter:
    """Cuts one session; keeps its files open. Use as a context manager."""

    def __init__(self, session: Session, settings: Chime6Extraction, split: str, entries: list[Entry]) -> None:
        self.session, self.settings, self.split, self.entries = session, settings, split, entries
        self.devices = [name.partition(".")[0] for name in settings.sources]
        self.alignment = Alignment(session.alignments)
        self._open = ExitStack()
        self._worn: dict[str, AudioFile] = {}
        self._noise: dict[float, np.ndarray] = {}
        self._sources: list[AudioFile] = []

    def __enter__(self) -> SessionCutter:
        with ExitStack() as stack:
            for name in self.settings.sources:
                path = self.session.audio / f"{self.session.name}_{name}.wav"
                self._sources.append(stack.enter_context(AudioFile(path, channels=1)))
            self._open = stack.pop_all()
        self.activity = Activity(self.entries, self.devices[0], self._sources[0].seconds)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def files(self) -> list[AudioFile]:
        """Every file opened so far."""
        return [*self._sources, *self._worn.values()]

    def cut(self, entry: Entry, writer: SegmentWriter) -> None:
        """Write the segments of one utterance; raises BadInput for an unknown speaker, times beyond the audio, or bad
        audio.
        """
        worn = self._worn_of(entry)
        for recording, device in zip([*self._sources, worn], [*self.devices, entry.speaker], strict=True):
            if (end := entry.times(device)[1]) > recording.seconds + TOLERANCE_S:
                message = f"ends at {end:.2f} s, {recording.path.name} is {recording.seconds:.2f} s long (truncated?)"
                raise BadInput("beyond_audio", f"{self.session.transcription}: entry {entry.index}: {message}")
        segment = round(self.settings.segment_s * SAMPLE_RATE)
        hop = round(self.settings.hop_s * SAMPLE_RATE)
        begins, ends = zip(*(entry.times(device) for device in self.devices), strict=True)
        length = round(min(end - begin for begin, end in zip(begins, ends, strict=True)) * SAMPLE_RATE)
        rooms = (f.frames - round(begin * SAMPLE_RATE) for f, begin in zip(self._sources, begins, strict=True))
        length = min(length, *rooms)
        if length < min(segment, max(1, round(self.settings.min_s * SAMPLE_RATE))):
            writer.skip("too_short")
            return
        offsets = list(range(0, max(length - segment, 0) + 1, hop))
        per_piece = max(1, int(PIECE_S * SAMPLE_RATE) // hop)
        for first in range(0, len(offsets), per_piece):
            self._cut_piece(entry, worn, offsets[first : first + per_piece], min(segment, length), first, writer)

    def _cut_piece(
        self, entry: Entry, worn: AudioFile, offsets: list[int], voiced: int, first: int, writer: SegmentWriter
    ) -> None:
        """Read a stretch of at most about PIECE_S once and cut its segments, of which `voiced` samples are the
        utterance.
        """
        segment = round(self.settings.segment_s * SAMPLE_RATE)
        base, span = offsets[0], offsets[-1] + voiced - offsets[0]
        begins = [round(entry.times(device)[0] * SAMPLE_RATE) + base for device in self.devices]
        sources = np.concatenate([f.read(begin, span) for f, begin in zip(self._sources, begins, strict=True)])
        clean = self._reference(worn, round(entry.times(entry.speaker)[0] * SAMPLE_RATE) + base, sources[0])
        start_s, _ = entry.times(self.devices[0])
        noise = self._noise_power(entry)
        for number, offset in enumerate(offsets, start=first):
            part = slice(offset - base, offset - base + voiced)
            begin_s = start_s + offset / SAMPLE_RATE
            noisy, reference = sources[:, part], clean[part]
            if is_silent(reference):
                writer.skip("silent_reference")
            elif any(is_silent(channel) for channel in noisy):
                writer.skip("silent_source")
            elif (
                self.activity.overlap(entry.speaker, begin_s, begin_s + voiced / SAMPLE_RATE)
                > self.settings.max_overlap
            ):
                writer.skip("overlap")
            else:
                padding = segment - voiced
                writer.add(
                    np.pad(noisy, ((0, 0), (0, padding))),
                    np.pad(reference, (0, padding)),
                    segment_id=f"{self.session.name}_{entry.speaker}_{entry.index:05d}_{number:03d}",
                    split=self.split,
                    session=self.session.name,
                    speaker=entry.speaker,
                    start_s=begin_s,
                    end_s=begin_s + voiced / SAMPLE_RATE,
                    words=entry.words,
                    room=f"{self.session.name}-{entry.location}" if entry.location else self.session.name,
                    snr_db=snr_db(noisy.var(axis=1, dtype=np.float64), noise),
                    phones=self.alignment.phones(begin_s, begin_s + voiced / SAMPLE_RATE, entry.speaker),
                )

    def _worn_of(self, entry: Entry) -> AudioFile:
        if entry.speaker not in self._worn:
            path = self.session.audio / f"{self.session.name}_{entry.speaker}.wav"
            if not path.is_file():
                message = f"speaker {entry.speaker} has no worn recording ({path} is missing)"
                raise BadInput("unknown_speaker", f"{self.session.transcription}: entry {entry.index}: {message}")
            self._worn[entry.speaker] = self._open.enter_context(AudioFile(path, channels=2))
        return self._worn[entry.speaker]

    def _reference(self, worn: AudioFile, begin: int, source: np.ndarray) -> np.ndarray:
        """The louder worn channel, shifted to the source; what the shift is measured on is at most ALIGN_S long."""
        lag = round(self.settings.align.max_lag_s * SAMPLE_RATE) if self.settings.align.enabled else 0
        channels = worn.read(begin - lag, len(source) + 2 * lag)
        channel = channels[int(np.argmax(channels.var(axis=1)))]
        if lag == 0:
            return channel
        measured = min(len(source), int(ALIGN_S * SAMPLE_RATE))
        shift = find_shift(channel[: measured + 2 * lag], source[:measured])
        return channel[shift : shift + len(source)]

    def _noise_power(self, entry: Entry) -> np.ndarray | None:
        """Power a source in the pause nearest to the utterance's start, measured once a pause."""
        start_s, _ = entry.times(self.devices[0])
        pause = self.activity.pause(start_s)
        if pause is None:
            return None
        if pause[0] not in self._noise:
            frames = max(1, round((pause[1] - pause[0]) * SAMPLE_RATE))
            # Devices with clocks of their own (CHiME-5) differ by as much in the pause as in the utterance beside it.
            shifts = [entry.times(device)[0] - start_s for device in self.devices]
            parts = [
                f.read(round((pause[0] + shift) * SAMPLE_RATE), frames)
                for f, shift in zip(self._sources, shifts, strict=True)
            ]
            self._noise[pause[0]] = np.concatenate(parts).var(axis=1, dtype=np.float64)
        return self._noise[pause[0]]


def assign_splits(sessions: list[Session], wanted: Mapping[Any, list[str]] | None) -> list[tuple[Session, str]]:
    """Sessions with their split: the folder's, or the one under which `corpora.chime6.sessions` lists them (others
    are left out).
    """
    if wanted is None:
        return [(session, session.split) for session in sessions]
    split_by_name = {name: split for split, names in wanted.items() for name in names}
    if len(split_by_name) < sum(map(len, wanted.values())):
        raise ParamError("params.yaml: corpora.chime6.sessions lists a session twice; a session belongs to one split")
    if unknown := sorted(split_by_name.keys() - {session.name for session in sessions}):
        raise CorpusError(
            f"params.yaml: corpora.chime6.sessions lists {', '.join(unknown)}, which the corpus does not hold"
        )
    return [(session, split_by_name[session.name]) for session in sessions if session.name in split_by_name]


def extract(root: Path, out: Path, settings: Chime6Extraction, seed: int) -> None:
    """Write the segment folder `out` of the CHiME-6 corpus in `root`; nothing here is drawn at random, `seed` is not
    used.

    Raises CorpusError for a root that is no corpus, and for bad input among many when `on_bad_file` is `stop`;
    ParamError for a source that is not of the form U01.CH1.
    """
    del seed
    if wrong := [name for name in settings.sources if not SOURCE.fullmatch(name)]:
        raise ParamError(f"params.yaml: corpora.chime6.sources: {wrong[0]!r} is not of the form U01.CH1")
    every = find_sessions(root)
    sessions = assign_splits(every, settings.sessions)
    with SegmentWriter(out, "chime6", list(settings.sources)) as writer:
        bad = BadFiles(writer, settings.on_bad_file, root)
        if len(sessions) < len(every):
            writer.skip("session_not_listed", len(every) - len(sessions))
        for session, split in track(sessions, "extract chime6"):
            with bad.guard():
                entries, skipped = read_transcription(session.transcription, bad)
                for reason, count in skipped.items():
                    writer.skip(reason, count)
                _cut_session(session, split, entries, settings, writer, bad)
    require_segments(out, "chime6", root)


def _cut_session(
    session: Session, split: str, entries: list[Entry], settings: Chime6Extraction, writer: SegmentWriter, bad: BadFiles
) -> None:
    with SessionCutter(session, settings, split, entries) as cutter:
        for entry in track(entries, session.name):
            with bad.guard():
                cutter.cut(entry, writer)
        for recording in cutter.files():
            with bad.guard():
                recording.require_sound()
