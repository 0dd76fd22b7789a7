"""DNS-Challenge folders: clean speech, noise and room responses, cut and mixed to clips.

Folders are found by name, recursively: `clean*` or `*_speech`, `noise*` and (optional) `impulse_responses*`; test
sets are left out. A clip is a stretch of speech, with probability `reverb` heard through a room response, at an RMS
level drawn evenly from `level_db` (dB re full scale), plus noise at an SNR drawn evenly from `snr_db`. Its reference
is the speech as it reaches the microphone, as in the challenge's own synthesiser. Both are scaled down together where
the mixture would clip. Talkers, noise files and rooms belong to one split each.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import fftconvolve

from thinwire.artifacts import split_of
from thinwire.audio import SAMPLE_RATE, set_level
from thinwire.corpora.alignment import Alignment
from thinwire.corpora.clips import clips_of, cut, fit, refuse_silent_file
from thinwire.corpora.files import (
    SPLITS,
    AudioFile,
    BadFiles,
    BadInput,
    audio_files,
    is_silent,
    require_segments,
)
from thinwire.errors import CorpusError
from thinwire.params.dns import DnsExtraction
from thinwire.progress import track
from thinwire.seeding import rng
from thinwire.segments import SegmentWriter

KINDS = {"clean": ("clean*", "*_speech"), "noise": ("noise*",), "room": ("impulse_responses*",)}
TALKERS = tuple(map(re.compile, (r".*reader_0*([0-9]+)", r"([0-9]+)-[0-9]+-[0-9]+", r"(p[0-9]{3})(?:_.*)?")))
PIECE = re.compile(r"_[0-9]+$")
SHARE = {"train": 0.6, "dev": 0.15, "eval": 0.25}
PEAK = 0.99
ROOM_S = 2.0
NOISE_DRAWS = 20


@dataclass(frozen=True)
class Item:
    """One file: the id by which it is split (talker, noise or room), and its split."""

    path: Path
    identity: str
    split: str


def kind_of(name: str) -> str | None:
    """What a folder of this name holds: `clean`, `noise`, `room` or nothing that is known."""
    return next((kind for kind, patterns in KINDS.items() if any(fnmatch(name, one) for one in patterns)), None)


def find_folders(root: Path) -> dict[str, list[Path]]:
    """Topmost folders of each kind (`clean`, `noise`, `room`) under a root, sorted; raises CorpusError when speech or
    noise is missing.
    """
    if not root.is_dir():
        raise CorpusError(
            f"{root}: no such folder; set corpora.dns.root in params.yaml, or make a corpus: thinwire simulate dns"
        )
    found: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for place, names, _ in os.walk(root):
        for name in sorted(names):
            kind = kind_of(name.lower())
            if kind is not None:
                found[kind].append(Path(place) / name)
            if kind is not None or "test" in name.lower() or name.startswith("."):
                names.remove(name)
    for kind in ("clean", "noise"):
        if not found[kind]:
            raise CorpusError(f"{root}: no folder named {' or '.join(KINDS[kind])} in it; complete the corpus")
    return {kind: sorted(folders) for kind, folders in found.items()}


def talker_of(path: Path, folder: Path) -> str:
    """Talker of a clean file: the number of the LibriVox reader, a LibriSpeech or VCTK talker in its name, or else the
    folder that it stands in, or its own stem.
    """
    for pattern in TALKERS:
        if match := pattern.match(path.stem):
            return match[1]
    return path.stem if path.parent == folder else path.parent.name


def room_of(path: Path, folder: Path) -> str:
    """Room of a response: the folder that it stands in, or its own stem."""
    return path.stem if path.parent == folder else path.parent.name


def noise_of(path: Path) -> str:
    """Recording that a noise file is cut from: its stem without the piece's number (`door_Freesound_348509_0`)."""
    return PIECE.sub("", path.stem)


def find_items(folders: list[Path], kind: str) -> list[Item]:
    """The files of a kind with their id and split; a talker's split is the one that it has in LibriSpeech (readers
    have the same numbers).
    """
    items = []
    for folder in folders:
        for path in audio_files(folder):
            identity = {"clean": talker_of, "room": room_of}.get(kind, lambda path, _: noise_of(path))(path, folder)
            items.append(Item(path, identity, split_of("talker" if kind == "clean" else kind, identity)))
    return items


class Mixer:
    """Makes clips of one split from its noise and rooms; every draw comes from `generator`."""

    def __init__(
        self, settings: DnsExtraction, noises: list[Item], rooms: list[Item], generator: np.random.Generator
    ) -> None:
        self.settings, self.noises, self.rooms, self.generator = settings, noises, rooms, generator
        self.frames = round(settings.segment_s * SAMPLE_RATE)

    def noise(self) -> tuple[np.ndarray, str]:
        """A stretch of a noise file drawn at random, repeated where the file is shorter, and the file's id.

        A silent stretch is drawn again; raises BadInput for a silent file, and after NOISE_DRAWS silent stretches.
        """
        for _ in range(NOISE_DRAWS):
            item = self.noises[int(self.generator.integers(len(self.noises)))]
            where = float(self.generator.random())
            with AudioFile(item.path, sample_rate=None, channels=1) as recording:
                seconds = recording.seconds
            start = where * max(0.0, seconds - self.settings.segment_s)
            samples = cut(item.path, start, min(seconds, start + self.settings.segment_s))
            if not is_silent(samples):
                return np.resize(samples, self.frames), item.identity
            refuse_silent_file(item.path)
        raise BadInput("silent_noise", f"{item.path}: {NOISE_DRAWS} stretches of noise in a row are silent; add noise")

    def reverberate(self, speech: np.ndarray) -> tuple[np.ndarray, str]:
        """Speech through a room response drawn at random, from the direct sound on, and the room's id."""
        item = self.rooms[int(self.generator.integers(len(self.rooms)))]
        which = float(self.generator.random())
        with AudioFile(item.path, sample_rate=None) as recording:
            channel, seconds = int(which * recording.channels), min(recording.seconds, ROOM_S)
        response = cut(item.path, 0.0, seconds, channel)
        if is_silent(response):
            raise BadInput("silent_room", f"{item.path}: channel {channel} is silent; remove the file")
        direct = int(np.argmax(np.abs(response)))
        return fftconvolve(speech, response)[direct : direct + len(speech)].astype(np.float32), item.identity

    def mix(self, speech: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        """Mixture and reference of speech that is not silent, all (samples,), and the row's `room`, `noise`, `snr_db`.

        Raises BadInput for a bad or silent noise or room file.
        """
        reverberant = bool(self.rooms) and self.generator.random() < self.settings.reverb
        level_db, snr_db = (
            float(self.generator.uniform(*pair)) for pair in (self.settings.level_db, self.settings.snr_db)
        )
        speech, room = self.reverberate(speech) if reverberant else (speech, "")
        noise, name = self.noise()
        clean = set_level(speech, level_db)
        noisy = clean + set_level(noise, level_db - snr_db)
        scale = PEAK / max(PEAK, float(np.abs(noisy).max()), float(np.abs(clean).max()))
        return noisy * scale, clean * scale, {"room": room, "noise": name, "snr_db": [snr_db]}


def extract(root: Path, out: Path, settings: DnsExtraction, seed: int) -> None:
    """Write the segment folder `out` of DNS-Challenge folders in `root`: `settings.clips` clips over the splits (60,
    15, 25 %).

    All draws come from `seed`. Raises CorpusError for a root without speech or noise, and for bad files when
    `on_bad_file` is `stop`.
    """
    folders = find_folders(root)
    items = {kind: find_items(folders[kind], kind) for kind in KINDS}
    with SegmentWriter(out, "dns", ["mix"]) as writer:
        bad = BadFiles(writer, settings.on_bad_file, root)
        for split in SPLITS:
            talks, noises, rooms = ([item for item in items[kind] if item.split == split] for kind in KINDS)
            quota = round(settings.clips * SHARE[split])
            if not noises:
                writer.skip(f"no_noise_file_falls_into_{split}", quota)
                continue
            generator = rng(seed, "extract", "dns", split)
            talkers = {talks[index].path: talks[index].identity for index in generator.permutation(len(talks))}
            mixer = Mixer(settings, noises, rooms, generator)
            clips = list(islice(clips_of(talkers, settings.segment_s, settings.min_s, bad), quota))
            if len(clips) < quota:
                writer.skip(f"no_speech_left_for_{split}", quota - len(clips))
            for clip in track(clips, f"extract dns {split}"):
                with bad.guard():
                    speech = cut(clip.path, clip.start_s, clip.end_s)
                    if is_silent(speech):
                        refuse_silent_file(clip.path)
                        writer.skip("silent_stretch")
                        continue
                    noisy, clean, row = mixer.mix(fit(speech, mixer.frames))
                    alignment = Alignment(root / "alignments" / f"{clip.path.stem}.json")
                    writer.add(
                        noisy[None],
                        clean,
                        segment_id=f"{clip.path.stem}_{round(clip.start_s / settings.segment_s):03d}",
                        split=split,
                        session=clip.path.stem,
                        speaker=talkers[clip.path],
                        start_s=clip.start_s,
                        end_s=clip.end_s,
                        words=alignment.words(clip.start_s, clip.end_s),
                        phones=alignment.phones(clip.start_s, clip.end_s),
                        **row,
                    )
    require_segments(out, "dns", root)


def survey(root: Path) -> tuple[dict[str, Any], list[str]]:
    """What stands in a root (counts) and what is missing (lines), without reading audio; raises CorpusError when it
    is no corpus.
    """
    folders = find_folders(root)
    found: dict[str, Any] = {}
    missing: list[str] = []
    for kind, title in (("clean", "clean files"), ("noise", "noise files"), ("room", "room responses")):
        items = find_items(folders[kind], kind)
        found[title] = len(items)
        if not items:
            missing.append(f"no {title} (clips stay dry)" if kind == "room" else f"no {title}")
            continue
        empty = [split for split in SPLITS if all(item.split != split for item in items)]
        if empty and kind != "room":
            missing.append(f"{title}: none falls into {', '.join(empty)}; add files")
    return found, missing
