"""LibriSpeech layout: `[subset/]speaker/chapter/speaker-chapter-utt.flac`, with or without
`speaker-chapter.trans.txt`.

Fixed-length segments of every talker, split by a hash of the talker's number. The corpus is clean: the one source
equals the reference. `words` are those of the segment where words are aligned (simulated
corpora), else the transcript of the whole utterance that it is cut from, empty where there is none; `start_s` and
`end_s` tell the cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from thinwire.artifacts import split_of
from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.alignment import Alignment
from thinwire.corpora.clips import clips_of, cut, fit, refuse_silent_file
from thinwire.corpora.files import SPLITS, BadFiles, BadInput, audio_files, is_silent, require_segments
from thinwire.errors import CorpusError
from thinwire.params.librispeech import LibriExtraction
from thinwire.progress import track
from thinwire.segments import SegmentWriter

UTTERANCE = re.compile(r"([0-9]+)-([0-9]+)-[0-9]+")


@dataclass(frozen=True)
class Utterance:
    """One recording and the talker and chapter in its name."""

    path: Path
    speaker: str
    chapter: str


def find_utterances(root: Path) -> list[Utterance]:
    """All utterances, sorted by talker, chapter and number; files that are named otherwise are no part of the layout
    and not seen.

    Raises CorpusError when the folder is missing or holds none.
    """
    if not root.is_dir():
        raise CorpusError(
            f"{root}: no such folder; set corpora.librispeech.root, or run: thinwire simulate librispeech"
        )
    found = [
        Utterance(path, *match.groups())
        for path in audio_files(root)
        if (match := UTTERANCE.fullmatch(path.stem)) and path.parent.parts[-2:] == match.groups()
    ]
    if not found:
        raise CorpusError(f"{root}: no speaker/chapter/speaker-chapter-utterance.flac in it; complete the corpus")
    return sorted(found, key=lambda item: (int(item.speaker), int(item.chapter), item.path.name))


@lru_cache(maxsize=64)
def read_transcripts(chapter: Path) -> dict[str, str]:
    """Texts by utterance of a chapter folder, empty when it has no `*.trans.txt`; raises BadInput naming file and
    line.
    """
    path = chapter / f"{chapter.parent.name}-{chapter.name}.trans.txt"
    if not path.is_file():
        return {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise BadInput("bad_transcript", f"{path}: not UTF-8 text ({error.reason}); repair or remove it") from error
    texts = {}
    for number, line in enumerate(lines, start=1):
        name, _, text = line.strip().partition(" ")
        if not name:
            continue
        if not UTTERANCE.fullmatch(name):
            message = f"{path}: line {number}: {name!r:.60} is not an utterance like 84-121123-0000; correct it"
            raise BadInput("bad_transcript", message)
        texts[name] = text.strip()
    return texts


def extract(root: Path, out: Path, settings: LibriExtraction, seed: int) -> None:
    """Write the segment folder `out` of a LibriSpeech-layout `root`: per talker the first segment of each utterance,
    then the second...

    Nothing is drawn at random, `seed` is not used. Raises CorpusError for a root without utterances, and for bad
    files by `on_bad_file`.
    """
    del seed
    by_speaker: dict[str, list[Utterance]] = {}
    for utterance in find_utterances(root):
        by_speaker.setdefault(utterance.speaker, []).append(utterance)
    frames = round(settings.segment_s * SAMPLE_RATE)
    with SegmentWriter(out, "librispeech", ["mono"]) as writer:
        bad = BadFiles(writer, settings.on_bad_file, root)
        for speaker, utterances in track(by_speaker.items(), "extract librispeech"):
            chapters = {utterance.path: utterance.chapter for utterance in utterances}
            for clip in islice(clips_of(chapters, settings.segment_s, settings.min_s, bad), settings.per_speaker):
                with bad.guard():
                    samples = cut(clip.path, clip.start_s, clip.end_s)
                    if is_silent(samples):
                        refuse_silent_file(clip.path)
                        writer.skip("silent_stretch")
                        continue
                    clean = fit(samples, frames)
                    text = read_transcripts(clip.path.parent).get(clip.path.stem, "")
                    alignment = Alignment(root / "alignments" / f"{clip.path.stem}.json")
                    writer.add(
                        clean[None],
                        clean,
                        segment_id=f"{clip.path.stem}_{round(clip.start_s / settings.segment_s):03d}",
                        split=split_of("talker", speaker),
                        session=chapters[clip.path],
                        speaker=speaker,
                        start_s=clip.start_s,
                        end_s=clip.end_s,
                        words=alignment.words(clip.start_s, clip.end_s, text),
                        phones=alignment.phones(clip.start_s, clip.end_s),
                    )
    require_segments(out, "librispeech", root)


def survey(root: Path) -> tuple[dict[str, Any], list[str]]:
    """What stands in a root (counts) and what is missing (lines), without reading audio; raises CorpusError when it
    is no corpus.
    """
    utterances = find_utterances(root)
    speakers = {utterance.speaker for utterance in utterances}
    chapters = {utterance.path.parent for utterance in utterances}
    silent = sum(not any(chapter.glob("*.trans.txt")) for chapter in chapters)
    found: dict[str, Any] = {"utterances": len(utterances), "talkers": len(speakers), "chapters": len(chapters)}
    found |= {f"talkers {split}": sum(split_of("talker", name) == split for name in speakers) for split in SPLITS}
    missing = [f"no talker falls into {split}; add talkers" for split in SPLITS if not found[f"talkers {split}"]]
    if silent:
        missing.append(f"{silent} of {len(chapters)} chapters have no *.trans.txt (their words stay empty)")
    return found, missing
