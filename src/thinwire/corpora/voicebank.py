"""VoiceBank+DEMAND layout: `clean_{train,test}set*` beside `noisy_{train,test}set*`, files of the same names in both.

Fixed-length clean/noisy pairs, cut at the same places; nothing is mixed here. The test set is the evaluation split;
of the training set, talkers that fall into the development split by a hash of their number are that split, all others
train (reading: the paper tells of no development set). Folders `clean` and `noisy` without a set's name are read as the
training set except for the two talkers of the test set. `snr_db` is measured over the whole pair, speech and pauses
(the corpus' own figure counts speech only: 0.4 to 2.2 dB more on 35 of its pairs); `log_*set*.txt` names the noise.
`test_root` gives the test set of another root, as few recorded pairs are enough to test on, but not to learn from.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from thinwire.artifacts import split_of
from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.alignment import Alignment
from thinwire.corpora.clips import Clip, clips_of, cut, fit, refuse_silent_file
from thinwire.corpora.files import SPLITS, AudioFile, BadFiles, BadInput, audio_files, is_silent, require_segments
from thinwire.errors import CorpusError
from thinwire.params.voicebank import VoicebankExtraction
from thinwire.progress import track
from thinwire.seeding import rng
from thinwire.segments import SegmentWriter

CLEAN = re.compile(r"clean(?:_(train|test)set\w*)?")
NAME = re.compile(r"(p([0-9]+))_[0-9]+")
TEST_TALKERS = ("p232", "p257")
LOG = re.compile(r"(\S+)\s+(\S+)\s+-?[0-9.]+")


@dataclass(frozen=True)
class Pair:
    """A clean file and the noisy one of the same name, with the split of their talker."""

    clean: Path
    noisy: Path
    split: str

    @property
    def speaker(self) -> str:
        """`p226` of `p226_001`."""
        return self.clean.stem.partition("_")[0]


@dataclass
class Pairs:
    """The pairs of a root by name, texts and noises by name (where known), and what is wrong with files."""

    root: Path
    pairs: dict[str, Pair] = field(default_factory=dict)
    texts: dict[str, Path] = field(default_factory=dict)
    noises: dict[str, str] = field(default_factory=dict)
    faults: list[BadInput] = field(default_factory=list)


def find_pairs(root: Path) -> Pairs:
    """Read the folders of a root, no audio; a file whose name or partner is missing is a fault (`bad_pair`).

    Raises CorpusError when the root is missing, has no clean folder, or one without its noisy folder.
    """
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder; correct the root in corpora.voicebank, or simulate the corpus")
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    found = Pairs(root)
    for folder in folders:
        if match := CLEAN.fullmatch(folder.name):
            noisy = folder.with_name("noisy" + folder.name.removeprefix("clean"))
            if not noisy.is_dir():
                raise CorpusError(f"{noisy}: no such folder beside {folder.name}; complete the corpus")
            for path in audio_files(folder):
                try:
                    pair = Pair(path, noisy / path.relative_to(folder), _split(path, match[1]))
                    if path.stem in found.pairs:
                        raise ValueError(f"was there before, as {found.pairs[path.stem].clean}")
                    found.pairs[path.stem] = pair
                except ValueError as error:
                    found.faults.append(BadInput("bad_pair", f"{path}: {error}; rename or remove it"))
        elif folder.name.endswith("_txt"):
            found.texts |= {path.stem: path for path in folder.rglob("*.txt")}
    if not found.pairs and not found.faults:
        raise CorpusError(f"{root}: no clean_trainset*, clean_testset* or clean folder with audio; complete the corpus")
    for path in sorted([*root.glob("log_*set*.txt"), *root.glob("logfiles/log_*set*.txt")]):
        _read_log(path, found)
    return found


def _split(path: Path, which: str | None) -> str:
    match = NAME.fullmatch(path.stem)
    if not match:
        raise ValueError("the name is not a talker and a number like p226_001")
    if which == "test" or (which is None and match[1] in TEST_TALKERS):
        return "eval"
    # Simulated talkers have the numbers, and so the splits, that they have in the other corpora.
    return "dev" if split_of("talker", match[2]) == "dev" else "train"


def _read_log(path: Path, found: Pairs) -> None:
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        found.faults.append(BadInput("bad_log", f"{path}: not UTF-8 text ({error.reason}); repair or remove it"))
        return
    for number, line in enumerate(lines, start=1):
        if match := LOG.fullmatch(line.strip()):
            found.noises[match[1].removesuffix(".wav")] = match[2]
        elif line.strip():
            found.faults.append(
                BadInput("bad_log", f"{path}: line {number}: expected name, noise, SNR, found {line!r:.60}; correct it")
            )


def measured_snr(pair: Pair) -> float:
    """SNR in dB of a whole pair: power of the clean file over that of the difference.

    Raises BadInput (`bad_audio`, `bad_pair`) for files of different rates or lengths, or without any difference.
    """
    with (
        AudioFile(pair.clean, sample_rate=None, channels=1) as clean,
        AudioFile(pair.noisy, sample_rate=None, channels=1) as noisy,
    ):
        facts = [(one.frames, one.sample_rate) for one in (clean, noisy)]
        if facts[0] != facts[1]:
            sizes = " and ".join(f"{frames} samples at {rate} Hz" for frames, rate in facts)
            raise BadInput("bad_pair", f"{pair.noisy}: {sizes} in the clean and noisy file; replace the pair")
        speech, mixture = (one.read(0, one.frames)[0].astype(np.float64) for one in (clean, noisy))
    noise = float(np.mean(np.square(mixture - speech)))
    if noise == 0.0:
        raise BadInput("bad_pair", f"{pair.noisy}: equals the clean file, there is no noise in it; replace the pair")
    # The floor keeps a silent clean file finite: that it is silent is told where it is cut.
    return 10.0 * float(np.log10(max(float(np.mean(np.square(speech))), 1e-12) / noise))


def extract(root: Path, out: Path, settings: VoicebankExtraction, seed: int) -> None:
    """Write the segment folder `out` of a VoiceBank+DEMAND-layout `root`: at most `settings.clips` pairs a split, the
    test set from `settings.test_root` where it is set.

    `seed` draws the order of files. Raises CorpusError for a root without pairs, and for bad files by `on_bad_file`.
    """
    generator = rng(seed, "extract", "voicebank")
    with SegmentWriter(out, "voicebank", ["noisy"]) as writer:
        learned = find_pairs(root)
        tested = find_pairs(Path(settings.test_root)) if settings.test_root else learned
        faults = learned.faults if tested is learned else learned.faults + tested.faults
        bad = BadFiles(writer, settings.on_bad_file, root)
        for fault in faults:
            with bad.guard():
                raise fault
        for split in SPLITS:
            found = tested if split == "eval" else learned
            own = [pair.clean for pair in found.pairs.values() if pair.split == split]
            files = [own[index] for index in generator.permutation(len(own))]  # a limit takes of all talkers
            by_file: dict[Path, list[Clip]] = {}
            for clip in islice(clips_of(files, settings.segment_s, settings.min_s, bad), settings.clips):
                by_file.setdefault(clip.path, []).append(clip)
            for path, clips in track(by_file.items(), f"extract voicebank {split}"):
                with bad.guard():
                    _write_pair(found, path.stem, clips, settings.segment_s, writer)
    require_segments(out, "voicebank", root)


def _write_pair(found: Pairs, name: str, clips: list[Clip], segment_s: float, writer: SegmentWriter) -> None:
    pair, frames = found.pairs[name], round(segment_s * SAMPLE_RATE)
    snr_db = measured_snr(pair)
    text = _text(found.texts[name]) if name in found.texts else ""
    alignment = Alignment(found.root / "alignments" / f"{name}.json")
    for clip in clips:
        clean = cut(pair.clean, clip.start_s, clip.end_s)
        if is_silent(clean):
            refuse_silent_file(pair.clean)
            writer.skip("silent_stretch")
            continue
        writer.add(
            fit(cut(pair.noisy, clip.start_s, clip.end_s), frames)[None],
            fit(clean, frames),
            segment_id=f"{name}_{round(clip.start_s / segment_s):03d}",
            split=pair.split,
            session=name,
            speaker=pair.speaker,
            start_s=clip.start_s,
            end_s=clip.end_s,
            words=alignment.words(clip.start_s, clip.end_s, text),
            phones=alignment.phones(clip.start_s, clip.end_s),
            noise=found.noises.get(name, ""),
            snr_db=[snr_db],
        )


def _text(path: Path) -> str:
    try:
        return " ".join(path.read_text("utf-8").split())
    except UnicodeDecodeError as error:
        raise BadInput("bad_transcript", f"{path}: not UTF-8 text ({error.reason}); repair or remove it") from error


def survey(root: Path) -> tuple[dict[str, Any], list[str]]:
    """What stands in a root (counts) and what is missing (lines), without reading audio; raises CorpusError when it
    is no corpus.
    """
    corpus = find_pairs(root)
    there = [pair for pair in corpus.pairs.values() if pair.noisy.is_file()]
    splits = Counter(pair.split for pair in there)
    found: dict[str, Any] = {"pairs": len(there), "talkers": len({pair.speaker for pair in there})}
    found |= {f"pairs {split}": splits[split] for split in SPLITS}
    found |= {"with text": sum(pair.clean.stem in corpus.texts for pair in there)}
    found |= {"with known noise": sum(pair.clean.stem in corpus.noises for pair in there)}
    missing = [f"no pair falls into {split}; add talkers" for split in SPLITS if not splits[split]]
    if corpus.faults:
        missing.append(f"{len(corpus.faults)} bad files or lines ({corpus.faults[0]})")
    if len(there) < len(corpus.pairs):
        missing.append(f"{len(corpus.pairs) - len(there)} of {len(corpus.pairs)} clean files have no noisy one")
    return found, missing
