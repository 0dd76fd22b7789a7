"""RAVDESS layout: `Actor_NN/<modality>-<channel>-<emotion>-<intensity>-<statement>-<repetition>-<actor>.wav` (or FLAC).

The first seconds of spoken recordings of four emotions, the classes of the other emotion corpus; song, the sound
of films and the other four emotions are counted. Split by a hash of the actor's number. The corpus is clean: the one
source equals the reference.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thinwire.artifacts import split_of
from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.classified import ClassFile, dealt, write_segments
from thinwire.corpora.files import SPLITS, BadFiles, BadInput, audio_files, require_segments
from thinwire.errors import CorpusError
from thinwire.params.ravdess import RavdessExtraction
from thinwire.segments import SegmentWriter

EMOTIONS = {"01": "neutral", "03": "happy", "04": "sad", "05": "angry"}
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
AUDIO_ONLY, SPEECH = "03", "01"
NAME = re.compile(r"(?:[0-9]{2}-){6}[0-9]{2}")


@dataclass(frozen=True)
class Item:
    """A file and the fields of its name that are used; `actor` is `Actor_01`..."""

    path: Path
    modality: str
    channel: str
    emotion: str
    statement: str
    actor: str

    @property
    def skipped(self) -> str:
        """Why it is left out, empty when it is one of the four emotions, spoken."""
        if self.modality != AUDIO_ONLY:
            return "other_modality"
        if self.channel != SPEECH:
            return "song"
        return "" if self.emotion in EMOTIONS else "other_class"


def find_items(root: Path) -> tuple[list[Item], list[BadInput]]:
    """The recordings in `Actor_NN` folders at any depth, sorted by name, and faults (`bad_name`) of those whose name
    does not say what they are.

    Raises CorpusError when the folder is missing or holds no such folder with a recording.
    """
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder; set corpora.ravdess.root, or simulate the corpus")
    items: dict[str, Item] = {}
    faults = []
    for path in audio_files(root):
        if not re.fullmatch(r"Actor_[0-9]{2}", path.parent.name):
            continue
        try:
            item = _item(path)
            if path.stem in items:
                raise ValueError(f"was there before, as {items[path.stem].path}")
            items[path.stem] = item
        except ValueError as error:
            faults.append(BadInput("bad_name", f"{path}: {error}; rename or remove it"))
    if not items and not faults:
        raise CorpusError(f"{root}: no Actor_NN/03-01-*.wav in it; complete the corpus")
    return [items[name] for name in sorted(items)], faults


def _item(path: Path) -> Item:
    if not NAME.fullmatch(path.stem):
        raise ValueError("the name is not seven numbers like 03-01-05-01-02-01-12")
    modality, channel, emotion, _, statement, _, actor = path.stem.split("-")
    if path.parent.name != f"Actor_{actor}":
        raise ValueError(f"the name says actor {actor}, the folder {path.parent.name}")
    if not "01" <= emotion <= "08" or statement not in STATEMENTS:
        raise ValueError(f"there is no emotion {emotion} or statement {statement}")
    return Item(path, modality, channel, emotion, statement, path.parent.name)


def extract(root: Path, out: Path, settings: RavdessExtraction, seed: int) -> None:
    """Write the segment folder `out` of a RAVDESS-layout `root`; `label` is angry, happy, neutral or sad.

    Nothing is drawn at random, `seed` is not used. Raises CorpusError for a root without recordings, and for bad files
    by `on_bad_file`.
    """
    del seed
    with SegmentWriter(out, "ravdess", ["mono"]) as writer:
        bad = BadFiles(writer, settings.on_bad_file, root)
        items, faults = find_items(root)
        for fault in faults:
            with bad.guard():
                raise fault
        files = []
        for item in items:
            if item.skipped:
                writer.skip(item.skipped)
                continue
            label, split, text = EMOTIONS[item.emotion], split_of("actor", item.actor), STATEMENTS[item.statement]
            files.append(ClassFile(item.path, item.path.stem, label, split, item.actor, item.actor, text))
        chosen = dealt(files, settings.per_class)
        write_segments(chosen, bad, settings.segment_s, settings.min_s, SAMPLE_RATE, "extract ravdess")
    require_segments(out, "ravdess", root)


def survey(root: Path) -> tuple[dict[str, Any], list[str]]:
    """What stands in a root (counts) and what is missing (lines), without reading audio; raises CorpusError when it
    is no corpus.
    """
    items, faults = find_items(root)
    used = [item for item in items if not item.skipped]
    actors = {item.actor for item in used}
    classes = Counter(EMOTIONS[item.emotion] for item in used)
    found: dict[str, Any] = {"recordings": len(items), "of the four emotions": len(used), "actors": len(actors)}
    found |= {f"actors {split}": sum(split_of("actor", name) == split for name in actors) for split in SPLITS}
    found |= {f"recordings {name}": classes[name] for name in sorted(EMOTIONS.values())}
    missing = [f"no actor falls into {split}; add actors" for split in SPLITS if not found[f"actors {split}"]]
    missing += [f"no recording is {name}" for name in sorted(EMOTIONS.values()) if not classes[name]]
    if faults:
        missing.append(f"{len(faults)} files with bad names ({faults[0]})")
    return found, missing
