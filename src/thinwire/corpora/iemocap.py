"""IEMOCAP layout: `SessionN/sentences/wav/<dialogue>/<turn>.wav`, labels in `SessionN/dialog/EmoEvaluation`.

The first seconds of the turns of four classes, the paper's (section 5.1.1.3: angry, happy or excited,
sad, neutral); turns of other classes are counted. A session's two actors are in no other session, so whole sessions
are held out; which, the paper does not say (reading: the fourth for development, the fifth for evaluation). The corpus
is clean: the one source equals the reference.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.classified import ClassFile, dealt, write_segments
from thinwire.corpora.files import BadFiles, BadInput, require_segments
from thinwire.errors import CorpusError
from thinwire.params.iemocap import SESSIONS, IemocapExtraction
from thinwire.segments import SegmentWriter

EMOTIONS = {"ang": "angry", "hap": "happy", "exc": "happy", "neu": "neutral", "sad": "sad"}
OTHERS = ("fru", "fea", "sur", "dis", "oth", "xxx")
RELEASE = "IEMOCAP_full_release"
TURN = re.compile(r"(?P<dialogue>Ses(?P<session>[0-9]{2})[FM]_\w+)_(?P<sex>[FM])[0-9X]+")
LABEL = re.compile(r"\[\s*[0-9.]+\s*-\s*[0-9.]+\s*\]\s+(\S+)\s+(\S+)")
TEXT = re.compile(r"(\S+)\s+\[[^]]*\]\s*:?\s*(.*)")


@dataclass(frozen=True)
class Turn:
    """A labelled turn: `code` as the evaluation has it (`neu`, `xxx`...), `speaker` the session and sex (`Ses01F`)."""

    path: Path
    session: int
    speaker: str
    code: str
    text: str


@dataclass(frozen=True)
class Turns:
    """The labelled turns of all sessions, sorted, and what is wrong with lines and files."""

    turns: list[Turn]
    faults: list[BadInput]


def find_turns(root: Path) -> Turns:
    """Read the labels and texts of `SessionN` folders in a root or in its `IEMOCAP_full_release`; no audio is opened.

    A bad line or file is a fault (`bad_label`, `bad_transcript`). Raises CorpusError when no session or label is there.
    """
    place = root / RELEASE if (root / RELEASE).is_dir() else root
    sessions = [(number, place / f"Session{number}") for number in range(1, SESSIONS + 1)]
    if not any(folder.is_dir() for _, folder in sessions):
        raise CorpusError(f"{root}: no Session1 to Session5 in it; set corpora.iemocap.root, or simulate the corpus")
    found: dict[str, Turn] = {}
    faults: list[BadInput] = []
    for number, folder in sessions:
        texts = _texts(folder / "dialog/transcriptions", faults)
        for path in _listings(folder / "dialog/EmoEvaluation"):
            for line, text in enumerate(_lines(path, "bad_label", faults), start=1):
                if not text.startswith("["):
                    continue
                try:
                    turn = _turn(folder, number, text, texts)
                    if turn.path.stem in found:
                        raise ValueError(f"the turn {turn.path.stem} was there before")
                    found[turn.path.stem] = turn
                except ValueError as error:
                    faults.append(BadInput("bad_label", f"{path}: line {line}: {error}; correct or remove it"))
    if not found and not faults:
        raise CorpusError(f"{root}: no label in SessionN/dialog/EmoEvaluation/Ses*.txt; complete the corpus")
    return Turns(sorted(found.values(), key=lambda turn: turn.path.stem), faults)


def _listings(folder: Path) -> list[Path]:
    # The pattern leaves out the `._Ses*` files that the release's archive carries.
    return sorted(path for path in folder.glob("Ses*.txt") if path.is_file())


def _lines(path: Path, reason: str, faults: list[BadInput]) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        faults.append(BadInput(reason, f"{path}: not UTF-8 text ({error.reason}); repair or remove it"))
        return []


def _turn(folder: Path, session: int, line: str, texts: dict[str, str]) -> Turn:
    match = LABEL.match(line)
    if not match:
        raise ValueError(f"expected [start - end], turn, emotion, found {line!r:.60}")
    name, code = match.groups()
    parts = TURN.fullmatch(name)
    if not parts or int(parts["session"]) != session:
        raise ValueError(f"{name!r:.60} is not a turn of session {session} like Ses{session:02d}F_impro01_F000")
    if code not in EMOTIONS and code not in OTHERS:
        raise ValueError(f"{code!r:.20} is not one of {', '.join([*EMOTIONS, *OTHERS])}")
    path = folder / "sentences/wav" / parts["dialogue"] / f"{name}.wav"
    return Turn(path, session, f"Ses{session:02d}{parts['sex']}", code, texts.get(name, ""))


def _texts(folder: Path, faults: list[BadInput]) -> dict[str, str]:
    """What is said by turn; lines that tell of no turn (the release has some) are left out."""
    rows = (TEXT.match(line) for path in _listings(folder) for line in _lines(path, "bad_transcript", faults))
    return {match[1]: match[2].strip() for match in rows if match}


def extract(root: Path, out: Path, settings: IemocapExtraction, seed: int) -> None:
    """Write the segment folder `out` of an IEMOCAP-layout `root`; `label` is angry, happy, neutral or sad.

    Nothing is drawn at random, `seed` is not used. Raises CorpusError for a root without turns, and for bad lines and
    files by `on_bad_file`.
    """
    del seed
    splits = {settings.dev_session: "dev", settings.eval_session: "eval"}
    with SegmentWriter(out, "iemocap", ["mono"]) as writer:
        bad = BadFiles(writer, settings.on_bad_file, root)
        found = find_turns(root)
        for fault in found.faults:
            with bad.guard():
                raise fault
        files = []
        for turn in found.turns:
            if turn.code not in EMOTIONS:
                writer.skip("other_class")
                continue
            label, split, session = EMOTIONS[turn.code], splits.get(turn.session, "train"), f"Session{turn.session}"
            files.append(ClassFile(turn.path, turn.path.stem, label, split, session, turn.speaker, turn.text))
        chosen = dealt(files, settings.per_class)
        write_segments(chosen, bad, settings.segment_s, settings.min_s, SAMPLE_RATE, "extract iemocap")
    require_segments(out, "iemocap", root)


def survey(root: Path) -> tuple[dict[str, Any], list[str]]:
    """What stands in a root (counts) and what is missing (lines), without reading audio; raises CorpusError when it
    is no corpus.
    """
    corpus = find_turns(root)
    there = [turn for turn in corpus.turns if turn.path.is_file()]
    classes, names = Counter(EMOTIONS.get(turn.code, "other") for turn in there), sorted(set(EMOTIONS.values()))
    sessions = {turn.session for turn in there}
    found: dict[str, Any] = {"turns": len(there), "sessions": len(sessions)}
    found |= {f"turns {name}": classes[name] for name in [*names, "other"]}
    missing = [f"no turn of Session{number}" for number in range(1, SESSIONS + 1) if number not in sessions]
    missing += [f"no turn is {name}" for name in names if not classes[name]]
    if corpus.faults:
        missing.append(f"{len(corpus.faults)} bad lines or files ({corpus.faults[0]})")
    if len(there) < len(corpus.turns):
        missing.append(f"{len(corpus.turns) - len(there)} of {len(corpus.turns)} labelled turns have no recording")
    return found, missing
