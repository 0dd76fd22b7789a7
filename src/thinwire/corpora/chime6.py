"""CHiME-5/6/7/8 sessions on disk: where the files stand, and the transcription JSON in its three time formats.

Layout (CHiME-6 data page): `audio/<split>/Sxx_Uyy.CHz.wav` mono, `audio/<split>/Sxx_Pyy.wav` stereo,
`transcriptions/<split>/Sxx.json`; a parent folder that holds `CHiME6/` will do. Times are `H:MM:SS.ss` strings
(CHiME-6), a dict of such strings a device (CHiME-5), or seconds as strings (CHiME-7 and 8).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thinwire.corpora.files import SPLITS, BadFiles, BadInput
from thinwire.errors import CorpusError

CLOCK = re.compile(r"([0-9]{1,3}):([0-5]?[0-9]):([0-5]?[0-9](?:\.[0-9]*)?)")
SECONDS = re.compile(r"[0-9]{1,7}(?:\.[0-9]*)?")
SESSION = re.compile(r"S[0-9]{2,6}")
SPEAKER = re.compile(r"P[0-9]{2,6}")
FIELDS = ("session_id", "start_time", "end_time", "words")
REDACTED = "[redacted]"


@dataclass(frozen=True)
class Session:
    """One session's files: `transcription` (JSON), `audio` (folder), `alignments` (JSON, optional)."""

    name: str
    split: str
    transcription: Path
    audio: Path
    alignments: Path


@dataclass(frozen=True)
class Entry:
    """One utterance; `clocks` holds (start, end) in seconds a device where devices do not share a clock (CHiME-5),
    else nothing.
    """

    index: int
    session: str
    speaker: str
    start_s: float
    end_s: float
    words: str
    location: str = ""
    clocks: dict[str, tuple[float, float]] = field(default_factory=dict)

    def times(self, device: str) -> tuple[float, float]:
        """Start and end in seconds on a device's clock (`U01`, `P05`)."""
        return self.clocks.get(device, (self.start_s, self.end_s))


def parse_time(text: Any) -> float:
    """Seconds of `H:MM:SS.ss` or of plain seconds in a string; raises ValueError for anything else."""
    if isinstance(text, str):
        if match := CLOCK.fullmatch(text):
            hours, minutes, seconds = match.groups()
            return int(hours) * 3600.0 + int(minutes) * 60.0 + float(seconds)
        if SECONDS.fullmatch(text):
            return float(text)
    raise ValueError(f"bad time {text!r:.60}, expected 'H:MM:SS.ss' or seconds in a string")


def parse_entry(item: Any, index: int, session: str) -> Entry:
    """One checked object of a transcription; raises ValueError saying what is wrong with it."""
    if not isinstance(item, dict):
        raise ValueError(f"expected an object, found {type(item).__name__}")
    missing = [name for name in (*FIELDS, "speaker") if name not in item]
    if missing:
        raise ValueError(f"lacks {', '.join(map(repr, missing))}")
    for name in ("session_id", "speaker", "words"):
        if not isinstance(item[name], str):
            raise ValueError(f"{name!r} must be text, found {type(item[name]).__name__}")
    if not SESSION.fullmatch(item["session_id"]):
        raise ValueError(f"session_id {item['session_id']!r:.60} is not of the form S01")
    if item["session_id"] != session:
        raise ValueError(f"session_id {item['session_id']!r:.60} stands in the file of {session}")
    speaker = item["speaker"]
    if not SPEAKER.fullmatch(speaker):
        raise ValueError(f"speaker {speaker!r:.60} is not of the form P01")
    start, end = item["start_time"], item["end_time"]
    clocks: dict[str, tuple[float, float]] = {}
    if isinstance(start, dict) and isinstance(end, dict):
        if start.keys() != end.keys():
            raise ValueError("start_time and end_time name different devices")
        clocks = {device: (parse_time(start[device]), parse_time(end[device])) for device in start}
        own = "original" if "original" in clocks else speaker
        if own not in clocks:
            raise ValueError(f"start_time has neither 'original' nor {speaker!r}")
        start_s, end_s = clocks[own]
    else:
        start_s, end_s = parse_time(start), parse_time(end)
    location = item.get("location", "")
    return Entry(index, session, speaker, start_s, end_s, item["words"], str(location), clocks)


def read_transcription(path: Path, bad: BadFiles | None = None) -> tuple[list[Entry], Counter[str]]:
    """The usable entries of `Sxx.json` in file order, and counts of those left out (`end_not_after_start`,
    `redacted`).

    With `bad`, a bad entry is skipped or stops by its policy; without, it stops. Raises BadInput naming the file and
    the line or entry: not JSON, not a list, an entry that lacks a field, has a bad time, or another session's or a
    path-like session id.
    """
    session = path.stem
    if not SESSION.fullmatch(session):
        raise BadInput("bad_transcription", f"{path}: not named after a session as S01.json is; rename it")
    try:
        items = json.loads(path.read_text("utf-8"))
    except json.JSONDecodeError as error:
        message = f"{path}: not JSON, line {error.lineno} column {error.colno}: {error.msg}; repair or remove it"
        raise BadInput("bad_transcription", message) from error
    except (OSError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadInput("bad_transcription", f"{path}: not readable as JSON ({error}); repair or remove it") from error
    if not isinstance(items, list):
        raise BadInput("bad_transcription", f"{path}: expected a list of utterances, found {type(items).__name__}")
    entries: list[Entry] = []
    skipped: Counter[str] = Counter()
    for index, item in enumerate(items):
        if isinstance(item, dict) and "speaker" not in item and item.get("words") == REDACTED:
            skipped["redacted"] += 1
            continue
        try:
            entry = parse_entry(item, index, session)
        except ValueError as error:
            problem = BadInput("bad_entry", f"{path}: entry {index}: {error}; correct or remove it")
            if bad is None:
                raise problem from error
            with bad.guard():
                raise problem from error
            continue
        if entry.end_s <= entry.start_s:
            skipped["end_not_after_start"] += 1
            continue
        entries.append(entry)
    return entries, skipped


def find_root(root: Path) -> Path:
    """The folder that holds `audio/` and `transcriptions/`: `root` or its `CHiME6/`; raises CorpusError saying what
    is missing.
    """
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder; set corpora.chime6.root, or run: thinwire simulate chime6")
    home = next((folder for folder in (root, root / "CHiME6") if (folder / "transcriptions").is_dir()), root)
    for name in ("transcriptions", "audio"):
        if not (home / name).is_dir():
            raise CorpusError(f"{home}: no {name}/ folder; CHiME-6 has audio/<split>/ and transcriptions/<split>/")
    return home


def find_sessions(root: Path) -> list[Session]:
    """All sessions of a corpus, split by folder, sorted; raises CorpusError when there is none or one stands in two
    splits.
    """
    home = find_root(root)
    sessions = [
        Session(path.stem, split, path, home / "audio" / split, home / "alignments" / split / path.name)
        for split in SPLITS
        for path in sorted((home / "transcriptions" / split).glob("*.json"))
        if not path.name.startswith(".")
    ]
    if not sessions:
        raise CorpusError(
            f"{home / 'transcriptions'}: no <split>/Sxx.json (train, dev, eval) in it; complete the corpus"
        )
    twice = [name for name, count in Counter(session.name for session in sessions).items() if count > 1]
    if twice:
        raise CorpusError(
            f"{home / 'transcriptions'}: {', '.join(twice)} stands in more than one split; remove it from all but one"
        )
    return sessions


def survey(root: Path) -> tuple[dict[str, Any], list[str]]:
    """What stands in a root (counts) and what is missing (lines), without reading audio; raises CorpusError when it
    is no corpus.
    """
    sessions = find_sessions(root)
    found: dict[str, Any] = {f"sessions {split}": sum(s.split == split for s in sessions) for split in SPLITS}
    missing = [f"no {split} session" for split in SPLITS if not found[f"sessions {split}"]]
    found["array channels"] = found["worn recordings"] = 0
    for session in sessions:
        arrays, worn = (list(session.audio.glob(f"{session.name}_{kind}")) for kind in ("U*.CH*.wav", "P*.wav"))
        found["array channels"] += len(arrays)
        found["worn recordings"] += len(worn)
        missing += [f"{session.split}/{session.name}: no array audio"] * (not arrays)
        missing += [f"{session.split}/{session.name}: no worn audio"] * (not worn)
    return found, missing
