"""LJSpeech layout: `metadata.csv` with lines `id|text|normalised text`, and `wavs/<id>.wav` (FLAC is read as well).

Fixed-length segments of one voice, split by a hash of the utterance's id, since there is only one talker. The corpus is
clean: the one source equals the reference. Phones come, in this order, from the simulated corpus' own alignments, from
TextGrid files named by utterance anywhere in the folder, or from PocketSphinx; in all cases in one phone set.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from thinwire.artifacts import split_of
from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.clips import Clip, clips_of, cut, fit, refuse_silent_file
from thinwire.corpora.files import SPLITS, AudioFile, BadFiles, BadInput, is_silent, require_segments
from thinwire.corpora.phones import PhoneTrack
from thinwire.corpora.sphinx import PhoneAligner
from thinwire.corpora.textgrid import find_tier, read_textgrid
from thinwire.errors import CorpusError
from thinwire.params.ljspeech import LjspeechExtraction
from thinwire.progress import track
from thinwire.segments import SegmentWriter

SPEAKER = "LJ"
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Utterance:
    """A line of `metadata.csv`: the recording, and its text with numbers and abbreviations written out."""

    path: Path
    text: str

    @property
    def chapter(self) -> str:
        """`LJ001` of `LJ001-0001`."""
        return self.path.stem.rpartition("-")[0] or self.path.stem


@dataclass(frozen=True)
class Metadata:
    """The utterances of `metadata.csv` in the file's order, and what is wrong with its other lines."""

    utterances: list[Utterance]
    faults: list[BadInput]


def read_metadata(root: Path) -> Metadata:
    """Read `metadata.csv`; a bad line is a fault (`bad_metadata`) that names it.

    Raises CorpusError when there is no such file or it is no UTF-8 text.
    """
    path = root / "metadata.csv"
    if not path.is_file():
        raise CorpusError(f"{path}: no such file; set corpora.ljspeech.root, or run: thinwire simulate ljspeech")
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: not UTF-8 text ({error.reason}); repair it") from error
    found: dict[str, Utterance] = {}
    faults = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            identity, text = _parse(line)
            if identity in found:
                raise ValueError(f"the id {identity} was there before")
            found[identity] = Utterance(_recording(root, identity), text)
        except ValueError as error:
            faults.append(BadInput("bad_metadata", f"{path}: line {number}: {error}; correct or remove it"))
    return Metadata(list(found.values()), faults)


def _parse(line: str) -> tuple[str, str]:
    fields = line.split("|")
    if len(fields) != 3:
        raise ValueError(f"expected id|text|normalised text, found {len(fields)} fields in {line!r:.60}")
    identity = fields[0].strip()
    if not ID.fullmatch(identity):
        raise ValueError(f"{identity!r:.60} is not an id like LJ001-0001")
    return identity, fields[2].strip()


def _recording(root: Path, identity: str) -> Path:
    wav = root / "wavs" / f"{identity}.wav"
    flac = wav.with_suffix(".flac")
    return flac if flac.is_file() and not wav.is_file() else wav


def _textgrids(root: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(root.rglob("*.TextGrid")) if path.is_file()}


@dataclass
class Phones:
    """Where the phones of an utterance come from; `counts` tells how many utterances had them from where."""

    root: Path
    mode: str
    counts: Counter[str] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._grids = {} if self.mode == "none" else _textgrids(self.root)
        self._aligner: PhoneAligner | None = None

    def of(self, utterance: Utterance) -> PhoneTrack:
        """The phones and words of an utterance, none where nothing is known; raises BadInput for a bad alignment."""
        found = None
        if self.mode != "none":
            found = self._given(utterance.path.stem) or (self._aligned(utterance) if self.mode == "auto" else None)
        source, phones = found or ("none", PhoneTrack([]))
        self.counts[source] += 1
        self.unmapped += phones.unmapped
        return phones

    def _given(self, name: str) -> tuple[str, PhoneTrack] | None:
        sidecar = self.root / "alignments" / f"{name}.json"
        if sidecar.is_file():
            return "simulation", PhoneTrack.of_sidecar(sidecar)
        if (path := self._grids.get(name)) is None:
            return None
        tiers = read_textgrid(path)
        words = [tier for tier in tiers if tier.name.lower().endswith(("words", "word"))]
        return "textgrid", PhoneTrack(find_tier(path, tiers, "phones").rows, words[0].rows if words else None)

    def _aligned(self, utterance: Utterance) -> tuple[str, PhoneTrack] | None:
        self._aligner = self._aligner or PhoneAligner()
        with AudioFile(utterance.path, sample_rate=None, channels=1) as recording:
            seconds = recording.seconds
        found = self._aligner.align(cut(utterance.path, 0.0, seconds), utterance.text)
        return None if found is None else ("pocketsphinx", found)


def extract(root: Path, out: Path, settings: LjspeechExtraction, seed: int) -> None:
    """Write the segment folder `out` of an LJSpeech-layout `root`; `report.json` counts utterances by `alignment`.

    Nothing is drawn at random, `seed` is not used. Raises CorpusError for a root without utterances, and for bad lines
    and files by `on_bad_file`.
    """
    del seed
    frames = round(settings.segment_s * SAMPLE_RATE)
    source = Phones(root, settings.alignment)
    with SegmentWriter(out, "ljspeech", ["mono"]) as writer:
        bad = BadFiles(writer, settings.on_bad_file, root)
        metadata = read_metadata(root)
        for fault in metadata.faults:
            with bad.guard():
                raise fault
        utterances = {utterance.path: utterance for utterance in metadata.utterances}
        by_file: dict[Path, list[Clip]] = {}
        for clip in islice(clips_of(utterances, settings.segment_s, settings.min_s, bad), settings.clips):
            by_file.setdefault(clip.path, []).append(clip)
        for path, clips in track(by_file.items(), "extract ljspeech"):
            with bad.guard():
                _require_wide_band(path)
                phones = source.of(utterances[path])
                for clip in clips:
                    samples = cut(path, clip.start_s, clip.end_s)
                    if is_silent(samples):
                        refuse_silent_file(path)
                        writer.skip("silent_stretch")
                        continue
                    clean = fit(samples, frames)
                    writer.add(
                        clean[None],
                        clean,
                        segment_id=f"{path.stem}_{round(clip.start_s / settings.segment_s):03d}",
                        split=split_of("utterance", path.stem),
                        session=utterances[path].chapter,
                        speaker=SPEAKER,
                        start_s=clip.start_s,
                        end_s=clip.end_s,
                        words=phones.words(clip.start_s, clip.end_s, utterances[path].text),
                        phones=phones.phones(clip.start_s, clip.end_s),
                    )
        writer.report |= {"alignment": dict(source.counts), "unmapped_phones": dict(source.unmapped)}
    require_segments(out, "ljspeech", root)


def _require_wide_band(path: Path) -> None:
    """Raise BadInput for a recording that cannot hold what is asked of it; higher rates are brought down to 16 kHz."""
    with AudioFile(path, sample_rate=None, channels=1) as recording:
        if (rate := recording.sample_rate) < SAMPLE_RATE:
            message = f"{path}: sample rate is {rate} Hz, at least {SAMPLE_RATE} Hz are needed (22050 Hz is usual)"
            raise BadInput("bad_audio", f"{message}; replace or remove it")


def survey(root: Path) -> tuple[dict[str, Any], list[str]]:
    """What stands in a root (counts) and what is missing (lines), without reading audio; raises CorpusError when it
    is no corpus.
    """
    metadata = read_metadata(root)
    utterances = metadata.utterances
    if not utterances:
        raise CorpusError(f"{root / 'metadata.csv'}: no line id|text|normalised text in it; complete the corpus")
    there = [utterance for utterance in utterances if utterance.path.is_file()]
    splits = Counter(split_of("utterance", utterance.path.stem) for utterance in there)
    grids = _textgrids(root)
    given = sum(
        utterance.path.stem in grids or (root / "alignments" / f"{utterance.path.stem}.json").is_file()
        for utterance in there
    )
    found: dict[str, Any] = {"utterances": len(there), "with given alignment": given}
    found |= {f"utterances {split}": splits[split] for split in SPLITS}
    missing = [f"no utterance falls into {split}; add utterances" for split in SPLITS if not splits[split]]
    if metadata.faults:
        missing.append(f"{len(metadata.faults)} bad lines in metadata.csv ({metadata.faults[0]})")
    if len(there) < len(utterances):
        missing.append(f"{len(utterances) - len(there)} of {len(utterances)} lines of metadata.csv have no recording")
    if given < len(there):
        missing.append(f"{len(there) - given} utterances have no TextGrid (PocketSphinx aligns them)")
    return found, missing
