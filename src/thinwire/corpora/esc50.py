"""ESC-50 layout: `meta/esc50.csv` and `audio/<fold>-<clip>-<take>-<class>.wav`.

Without the table, folders named by class with `<fold>-<clip>-<take>.wav` in them are read, the form in which ESC-10
came (FLAC is read in both). The class of a segment is the category's name, its session the recording that it was cut
from (freesound's clip number). Splits are the corpus' five folds, which divide the recordings.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.classified import ClassFile, dealt, unmixed, write_segments
from thinwire.corpora.files import BadFiles, BadInput, audio_files, require_segments
from thinwire.errors import CorpusError
from thinwire.params.esc50 import Esc50Extraction
from thinwire.segments import SegmentWriter

FOLDS = (1, 2, 3, 4, 5)
NAME = re.compile(r"([1-5])-([0-9]+)-([A-Z])(?:-[0-9]+)?")
COLUMNS = ("filename", "fold", "category")


@dataclass(frozen=True)
class Sound:
    """One clip: its class, fold, and the number of the recording that it was cut from."""

    path: Path
    category: str
    fold: int
    recording: str


@dataclass(frozen=True)
class Sounds:
    """The clips of a root, sorted by path, and what is wrong with the table's other rows."""

    clips: list[Sound]
    faults: list[BadInput]


def find_sounds(root: Path) -> Sounds:
    """The clips of `meta/esc50.csv`, or else of the class folders; a bad row is a fault (`bad_metadata`) that names it.

    Raises CorpusError when the folder is missing or holds no clip, and when the table lacks a column or is no UTF-8.
    """
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder; set corpora.esc50.root, or run: thinwire simulate esc50")
    table = root / "meta" / "esc50.csv"
    sounds = _of_table(table, root / "audio") if table.is_file() else Sounds(_of_folders(root), [])
    if not sounds.clips and not sounds.faults:
        raise CorpusError(f"{root}: no meta/esc50.csv and no class/fold-clip-take.wav in it; complete the corpus")
    return sounds


def _of_folders(root: Path) -> list[Sound]:
    return [
        Sound(path, path.parent.name, int(match[1]), match[2])
        for path in audio_files(root)
        if path.parent != root and (match := NAME.fullmatch(path.stem))
    ]


def _of_table(table: Path, audio: Path) -> Sounds:
    try:
        with table.open(encoding="utf-8", newline="") as stream:
            rows = csv.DictReader(stream)
            if lacking := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
                raise CorpusError(f"{table}: no column {lacking[0]} in its first line; copy the file again")
            numbered = [(rows.line_num, row) for row in rows]
    except UnicodeDecodeError as error:
        raise CorpusError(f"{table}: not UTF-8 text ({error.reason}); repair it") from error
    except csv.Error as error:
        raise CorpusError(f"{table}: not a table of comma-separated values ({error}); repair it") from error
    found: dict[Path, Sound] = {}
    faults = []
    for number, row in numbered:
        try:
            sound = _parse(row, audio)
            if sound.path in found:
                raise ValueError(f"{sound.path.name} was there before")
            found[sound.path] = sound
        except ValueError as error:
            faults.append(BadInput("bad_metadata", f"{table}: line {number}: {error}; correct or remove it"))
    return Sounds([found[path] for path in sorted(found)], faults)


def _parse(row: dict[str, str | None], audio: Path) -> Sound:
    filename, fold, category = ((row[name] or "").strip() for name in COLUMNS)
    stem, _, suffix = filename.rpartition(".")
    if not (match := NAME.fullmatch(stem)) or suffix not in ("wav", "flac"):
        raise ValueError(f"{filename!r:.60} is not a clip like 1-100032-A-0.wav")
    if fold != match[1]:
        raise ValueError(f"{filename} stands in fold {fold!r:.20}, its name says {match[1]}")
    if not category:
        raise ValueError(f"{filename} has no category")
    return Sound(audio / filename, category, int(fold), match[2])


def extract(root: Path, out: Path, settings: Esc50Extraction, seed: int) -> None:
    """Write the segment folder `out` of an ESC-50-layout `root`, the category as `label`.

    Nothing is drawn at random, `seed` is not used. Raises CorpusError for a root without clips, and for bad rows and
    files by `on_bad_file`.
    """
    del seed
    sounds = find_sounds(root)
    split = {fold: "train" for fold in FOLDS} | {settings.dev_fold: "dev", settings.eval_fold: "eval"}
    with SegmentWriter(out, "esc50", ["mono"]) as writer:
        bad = BadFiles(writer, settings.on_bad_file, root)
        for fault in sounds.faults:
            with bad.guard():
                raise fault
        files = [
            ClassFile(
                clip.path,
                segment_id=f"{clip.category}_{clip.path.stem}",
                label=clip.category,
                split=split[clip.fold],
                session=clip.recording,
            )
            for clip in sounds.clips
        ]
        remedy = "put all clips of a recording into one fold"
        chosen = dealt(unmixed(files, bad, remedy), settings.per_class)
        write_segments(chosen, bad, settings.segment_s, settings.min_s, SAMPLE_RATE, title="extract esc50")
    require_segments(out, "esc50", root)


def survey(root: Path) -> tuple[dict[str, Any], list[str]]:
    """What stands in a root (counts) and what is missing (lines), without reading audio; raises CorpusError when it
    is no corpus.
    """
    sounds = find_sounds(root)
    there = [clip for clip in sounds.clips if clip.path.is_file()]
    folds = Counter(clip.fold for clip in there)
    found: dict[str, Any] = {"clips": len(there), "classes": len({clip.category for clip in there})}
    found |= {f"clips in fold {fold}": folds[fold] for fold in FOLDS}
    missing = [f"no clip stands in fold {fold}; complete the corpus" for fold in FOLDS if not folds[fold]]
    if sounds.faults:
        missing.append(f"{len(sounds.faults)} bad rows in meta/esc50.csv ({sounds.faults[0]})")
    if len(there) < len(sounds.clips):
        missing.append(f"{len(sounds.clips) - len(there)} of {len(sounds.clips)} clips of meta/esc50.csv in audio/")
    return found, missing
