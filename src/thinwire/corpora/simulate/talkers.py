"""Talkers: eSpeak NG voices with exact alignments, or the speakers of a LibriSpeech-layout folder."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np

from thinwire import audio as audio_io
from thinwire.artifacts import split_of
from thinwire.corpora.simulate import espeak
from thinwire.corpora.simulate.pools import balanced, by_split, numbered, require
from thinwire.corpora.simulate.sentences import Sentence, sentence, tokens
from thinwire.errors import CorpusError, ParamError
from thinwire.params.corpora import Talkers
from thinwire.seeding import rng as named_rng

LEVEL_DB = -26.0
FIRST_ID = 9001
ACCENTS = (
    "en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-029", "en-us-nyc", "en-gb-x-gbcwmd"
)  # fmt: skip
VARIANTS = (
    "f1", "m1", "f2", "m2", "f3", "m3", "f4", "m4", "f5", "m5", "m6", "Annie", "m7", "Alicia", "m8", "linda", "Andy",
    "belinda", "Michael", "steph", "Gene", "anika", "david"
)  # fmt: skip
_FEMALE = {"Annie", "Alicia", "linda", "belinda", "steph", "anika"}
_FADE = 80  # samples, 5 ms


@dataclass(frozen=True)
class Interval:
    """A word or phone from `start` to `end` seconds."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Utterance:
    """float32 speech at 16 kHz, its words, and its phones (empty where no exact alignment is known)."""

    audio: np.ndarray
    words: tuple[Interval, ...]
    phones: tuple[Interval, ...] = ()

    @property
    def seconds(self) -> float:
        return len(self.audio) / audio_io.SAMPLE_RATE

    @property
    def text(self) -> str:
        """The words in one line; bracketed, as CHiME writes events, where no transcript exists."""
        return " ".join(word.label for word in self.words) or "[no transcript]"


class Talker(Protocol):
    """Somebody who says things: a numeric id that fixes the split, sex M or F, and a description."""

    @property
    def id(self) -> str: ...

    @property
    def sex(self) -> str: ...

    @property
    def description(self) -> str: ...

    def say(self, rng: np.random.Generator) -> Utterance:
        """One utterance drawn with `rng`."""
        ...


def _parts(text: str, sentence_words: tuple[str, ...]) -> list[tuple[int, int]]:
    spans, position = [], 0
    for word in sentence_words:
        begin = text.index(word, position)
        position = begin + len(word)
        spans.append((begin, position))
    return spans


def _word_intervals(
    said: Sentence, events: tuple[espeak.Event, ...], phones: list[Interval], rate: int
) -> list[Interval]:
    """Times of words from word events; words that eSpeak joins to one event share its time by their letters."""
    spans = _parts(said.text, said.words)
    starts: dict[int, float] = {}
    for event in events:
        if event.kind == "word":
            token = next((index for index, (_, end) in enumerate(spans) if event.text_offset < end), None)
            if token is not None:
                starts.setdefault(token, event.sample / rate)
    starts.setdefault(0, phones[0].start)
    heads = sorted(starts)
    intervals: list[Interval] = []
    for head, following in itertools.pairwise([*heads, len(spans)]):
        begin = starts[head]
        limit = starts[following] if following < len(spans) else phones[-1].end
        inside = [phone.end for phone in phones if begin - 1e-9 <= phone.start < limit]
        end = min(limit, inside[-1]) if inside else limit
        group = said.words[head:following]
        edges = begin + (end - begin) * np.cumsum([0, *map(len, group)]) / sum(map(len, group))
        intervals += [Interval(word, float(a), float(b)) for word, a, b in zip(group, edges, edges[1:], strict=False)]
    return intervals


@dataclass(frozen=True)
class EspeakTalker:
    """An eSpeak NG voice; the id fixes accent, variant, pitch and rate for good."""

    id: str
    voice: espeak.Voice
    sex: str

    @property
    def description(self) -> str:
        return f"{self.voice.name} pitch {self.voice.pitch} rate {self.voice.rate}"

    def say(self, rng: np.random.Generator) -> Utterance:
        return self.speak(sentence(rng))

    def speak(self, said: Sentence) -> Utterance:
        """Speak one sentence, trimmed to its phones, at LEVEL_DB."""
        spoken = espeak.synthesise(said.text, self.voice)
        rate = spoken.sample_rate
        sounds = [event for event in spoken.events if event.kind == "phoneme"]
        ends = [event.sample for event in sounds[1:]] + [len(spoken.audio)]
        phones = [
            Interval(event.label, event.sample / rate, min(end, len(spoken.audio)) / rate)
            for event, end in zip(sounds, ends, strict=True)
            if event.label and end > event.sample
        ]
        if not phones:
            raise CorpusError(f"eSpeak NG said nothing for {said.text!r} with `{self.voice.name}`")
        whole = Utterance(
            audio_io.resample(spoken.audio, rate),
            tuple(_word_intervals(said, spoken.events, phones, rate)),
            tuple(phones),
        )
        spoken_part = cut(whole, phones[0].start, phones[-1].end)
        return Utterance(audio_io.set_level(spoken_part.audio, LEVEL_DB), spoken_part.words, spoken_part.phones)


@dataclass(frozen=True)
class FolderTalker:
    """A speaker of a LibriSpeech-layout folder; words from `*.trans.txt` where there is one, their times estimates."""

    id: str
    sex: str
    files: tuple[Path, ...]
    texts: dict[str, tuple[str, ...]] = field(hash=False)

    @property
    def description(self) -> str:
        return f"recordings of speaker {self.id}"

    def say(self, rng: np.random.Generator) -> Utterance:
        path = self.files[int(rng.integers(len(self.files)))]
        recording = _load(path)
        words = self.texts.get(path.stem, ())
        letters = np.cumsum([0, *map(len, words)]) / max(sum(map(len, words)), 1)
        edges = letters * len(recording) / audio_io.SAMPLE_RATE
        spans = tuple(Interval(w, float(a), float(b)) for w, a, b in zip(words, edges, edges[1:], strict=False))
        return Utterance(recording, spans)


@lru_cache(maxsize=64)
def _load(path: Path) -> np.ndarray:
    """A recording at 16 kHz, outer silence removed, at LEVEL_DB."""
    rate = audio_io.probe(path).sample_rate
    samples = audio_io.resample(audio_io.read(path, sample_rate=None)[0], rate)
    frames = np.sqrt(np.mean(np.square(samples[: len(samples) // 160 * 160].reshape(-1, 160)), axis=1))
    loud = np.flatnonzero(frames > 0.05 * frames.max(initial=0.0))
    if len(loud) == 0:
        raise CorpusError(f"{path}: silent; remove the file")
    return audio_io.set_level(samples[loud[0] * 160 : (loud[-1] + 1) * 160], LEVEL_DB)


def cut(utterance: Utterance, start: float, end: float) -> Utterance:
    """The part from `start` to `end` seconds with 5 ms fades; words and phones belong where their middle is."""
    first, last = (round(t * audio_io.SAMPLE_RATE) for t in (start, end))
    piece = utterance.audio[max(first, 0) : last].copy()
    fade = min(_FADE, len(piece) // 2)
    ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
    piece[:fade] *= ramp
    piece[len(piece) - fade :] *= ramp[::-1]
    seconds = len(piece) / audio_io.SAMPLE_RATE

    def inside(items: tuple[Interval, ...]) -> tuple[Interval, ...]:
        kept = (item for item in items if start <= (item.start + item.end) / 2 < end)
        return tuple(
            Interval(item.label, max(item.start - start, 0.0), min(item.end - start, seconds)) for item in kept
        )

    return Utterance(piece, inside(utterance.words), inside(utterance.phones))


def _sex(variant: str) -> str:
    return "F" if variant in _FEMALE or variant.startswith("f") else "M"


def espeak_talkers(count: int) -> list[EspeakTalker]:
    """The first `count` voices of a fixed catalogue, ordered so that every split has four of the first twelve.

    Raises ParamError when the catalogue has fewer.
    """
    names = [  # accent and variant both change from one talker to the next
        (ACCENTS[(index + turn) % len(ACCENTS)], variant)
        for turn in range(len(ACCENTS))
        for index, variant in enumerate(VARIANTS)
    ]
    if count > len(names):
        raise ParamError(
            f"params.yaml: simulate.talkers.count: eSpeak has {len(names)} voices here, {count} were asked for"
        )
    talkers = []
    for (accent, variant), identity in zip(names[:count], balanced("talker", numbered("", FIRST_ID), 4), strict=False):
        draw = named_rng(0, "talker", identity)
        voice = espeak.Voice(
            f"{accent}+{variant}",
            pitch=int(draw.integers(35, 66)),
            pitch_range=int(draw.integers(35, 66)),
            rate=int(draw.integers(140, 191)),
        )
        talkers.append(EspeakTalker(identity, voice, _sex(variant)))
    return talkers


def folder_talkers(folder: Path, count: int) -> list[FolderTalker]:
    """At most `count` speakers of `speaker/chapter/speaker-chapter-utt.flac` under `folder`, most files first.

    Raises CorpusError when there are none.
    """
    files: dict[str, list[Path]] = {}
    for path in sorted([*folder.rglob("*.flac"), *folder.rglob("*.wav")]):
        speaker = path.parent.parent.name
        if speaker.isdigit() and path.stem.startswith(f"{speaker}-{path.parent.name}-"):
            files.setdefault(speaker, []).append(path)
    if not files:
        raise CorpusError(
            f"{folder}: no speaker/chapter/speaker-chapter-utt.flac found; give a LibriSpeech-layout folder"
        )
    ranked = sorted(files, key=lambda speaker: (-len(files[speaker]), int(speaker)))
    chosen = itertools.islice(balanced("talker", ranked, 4), count)
    sexes = _sexes(folder)
    return [FolderTalker(s, sexes.get(s, "U"), tuple(files[s]), _texts(files[s])) for s in chosen]


def _texts(files: list[Path]) -> dict[str, tuple[str, ...]]:
    found = {}
    for chapter in sorted({path.parent for path in files}):
        for listing in sorted(chapter.glob("*.trans.txt")):
            for line in listing.read_text("utf-8").splitlines():
                name, _, text = line.partition(" ")
                found[name] = tuple(tokens(text))
    return found


def _sexes(folder: Path) -> dict[str, str]:
    table = next((path for parent in (folder, folder.parent) if (path := parent / "SPEAKERS.TXT").is_file()), None)
    if table is None:
        return {}
    rows = [
        line.split("|") for line in table.read_text("utf-8").splitlines() if not line.startswith(";") and "|" in line
    ]
    return {row[0].strip(): row[1].strip() for row in rows}


def load_talkers(settings: Talkers, minimum: int) -> list[Talker]:
    """The talkers that `settings` names; raises ParamError when a split has fewer than `minimum` of them."""
    talkers: list[Talker]
    if settings.source == "espeak":
        talkers = list(espeak_talkers(settings.count))
    else:
        folder = Path(settings.source)
        if not folder.is_dir():
            raise CorpusError(
                f"params.yaml: simulate.talkers.source: {folder}: no such folder; write `espeak` or a folder"
            )
        talkers = list(folder_talkers(folder, settings.count))
    pools = by_split("talker", [talker.id for talker in talkers])
    require(pools, minimum, "talkers", "simulate.talkers.count", f"raise it (eSpeak: {3 * minimum} are enough)")
    return talkers


def of_split(talkers: list[Talker], split: str) -> list[Talker]:
    """The talkers whose id falls into `split`."""
    return [talker for talker in talkers if split_of("talker", talker.id) == split]
