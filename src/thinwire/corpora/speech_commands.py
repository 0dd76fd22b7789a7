"""Speech Commands layout: `<word>/<speaker>_nohash_<n>.wav`, `validation_list.txt` and `testing_list.txt`.

Recordings named as in the Free Spoken Digit Dataset, `<digit>_<speaker>_<n>.wav` in any folder, are read as well, as
the words zero to nine. The class of a segment is its word. Splits are the corpus' lists, which divide the talkers;
where there are none, a hash of the talker. `_background_noise_` has no classes and gives no segments.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thinwire.artifacts import split_of
from thinwire.corpora.classified import ClassFile, dealt, unmixed, write_segments
from thinwire.corpora.files import SPLITS, BadFiles, BadInput, audio_files, require_segments
from thinwire.errors import CorpusError
from thinwire.params.speech_commands import SpeechCommandsExtraction
from thinwire.segments import SegmentWriter

BACKGROUND = "_background_noise_"
LISTS = {"dev": "validation_list.txt", "eval": "testing_list.txt"}
RECORDING = re.compile(r"([0-9A-Za-z]+)_nohash_[0-9]+")
DIGIT = re.compile(r"([0-9])_([A-Za-z]+)_[0-9]+")
LINE = re.compile(r"([A-Za-z]+/[0-9A-Za-z]+_nohash_[0-9]+)\.(?:wav|flac)")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LOWEST_RATE = 8_000


@dataclass(frozen=True)
class Command:
    """One recording of a word; `key` is `<word>/<stem>`, as in the lists."""

    path: Path
    word: str
    speaker: str

    @property
    def key(self) -> str:
        return f"{self.word}/{self.path.stem}"


@dataclass(frozen=True)
class Lists:
    """The splits of recordings by their keys, empty where the corpus has no lists, and what is wrong in the lists."""

    splits: dict[str, str]
    there: bool
    faults: list[BadInput]

    def split(self, command: Command) -> str:
        """What stands in no list is for training; without lists, the talker decides."""
        if not self.there:
            return split_of("talker", command.speaker)
        return self.splits.get(command.key, "train")


def find_commands(root: Path) -> list[Command]:
    """All recordings, sorted by word and name; files that are named otherwise are no part of the layout and not seen.

    Raises CorpusError when the folder is missing or holds none.
    """
    if not root.is_dir():
        raise CorpusError(
            f"{root}: no such folder; set corpora.speech_commands.root, or run: thinwire simulate speech_commands"
        )
    found = []
    for path in audio_files(root):
        if path.parent.name == BACKGROUND:
            continue
        if match := RECORDING.fullmatch(path.stem):
            found.append(Command(path, path.parent.name, match[1]))
        elif match := DIGIT.fullmatch(path.stem):
            found.append(Command(path, DIGITS[int(match[1])], match[2]))
    if not found:
        raise CorpusError(f"{root}: no word/speaker_nohash_number.wav in it; complete the corpus")
    return sorted(found, key=lambda command: (command.key, command.path))


def read_lists(root: Path) -> Lists:
    """Read `validation_list.txt` and `testing_list.txt`; a bad line is a fault (`bad_list`) that names it.

    Raises CorpusError when one of the two is there without the other, or is no UTF-8 text.
    """
    paths = {split: root / name for split, name in LISTS.items()}
    absent = [path for path in paths.values() if not path.is_file()]
    if len(absent) == 1:
        raise CorpusError(f"{absent[0]}: no such file, but the other list is there; complete the corpus")
    splits: dict[str, str] = {}
    faults = []
    for split, path in paths.items() if not absent else ():
        try:
            lines = path.read_text("utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise CorpusError(f"{path}: not UTF-8 text ({error.reason}); repair it") from error
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            problem = ""
            if not (match := LINE.fullmatch(line.strip())):
                problem = f"{line.strip()!r:.60} is not a recording like yes/0a7c2a8d_nohash_0.wav"
            elif splits.setdefault(match[1], split) != split:
                problem = f"{match[1]} stands in the other list too"
            if problem:
                faults.append(BadInput("bad_list", f"{path}: line {number}: {problem}; correct or remove it"))
    return Lists(splits, not absent, faults)


def extract(root: Path, out: Path, settings: SpeechCommandsExtraction, seed: int) -> None:
    """Write the segment folder `out` of a Speech-Commands-layout `root`, the word as `label` and as `words`.

    Nothing is drawn at random, `seed` is not used. Raises CorpusError for a root without recordings or without a word
    of `settings.words`, and for bad lines and files by `on_bad_file`.
    """
    del seed
    commands = find_commands(root)
    there = {command.word for command in commands}
    if absent := sorted(set(settings.words or ()) - there):
        raise CorpusError(
            f"{root}: no recording of {absent[0]!r}, which corpora.speech_commands.words names; there are "
            + ", ".join(sorted(there))
        )
    wanted = set(settings.words or there)
    lists = read_lists(root)
    with SegmentWriter(out, "speech_commands", ["mono"]) as writer:
        bad = BadFiles(writer, settings.on_bad_file, root)
        for fault in lists.faults:
            with bad.guard():
                raise fault
        files = [
            ClassFile(
                command.path,
                segment_id=f"{command.word}_{command.path.stem}",
                label=command.word,
                split=lists.split(command),
                session=command.speaker,
                speaker=command.speaker,
                words=command.word,
            )
            for command in commands
            if command.word in wanted
        ]
        remedy = f"correct {' and '.join(LISTS.values())}, or remove both to split by talker"
        chosen = dealt(unmixed(files, bad, remedy), settings.per_class)
        write_segments(chosen, bad, settings.segment_s, settings.min_s, LOWEST_RATE, title="extract speech_commands")
    require_segments(out, "speech_commands", root)


def survey(root: Path) -> tuple[dict[str, Any], list[str]]:
    """What stands in a root (counts) and what is missing (lines), without reading audio; raises CorpusError when it
    is no corpus.
    """
    commands = find_commands(root)
    lists = read_lists(root)
    splits = Counter(lists.split(command) for command in commands)
    found: dict[str, Any] = {
        "recordings": len(commands),
        "words": len({command.word for command in commands}),
        "talkers": len({command.speaker for command in commands}),
    }
    found |= {f"recordings {split}": splits[split] for split in SPLITS}
    missing = [f"no recording falls into {split}; add recordings" for split in SPLITS if not splits[split]]
    if not lists.there:
        missing.append(f"{' and '.join(LISTS.values())} (talkers are split by a hash of their names)")
    if lists.faults:
        missing.append(f"{len(lists.faults)} bad lines in the lists ({lists.faults[0]})")
    if absent := len(lists.splits.keys() - {command.key for command in commands}):
        missing.append(f"{absent} of {len(lists.splits)} recordings named in the lists")
    return found, missing
