"""What every measurement of AUCOM shares: test items with their features, the server's answers, and one item table.

Items are as long as their audio. A codec works on whole chunks of 5 s and sends of the last one only what its frames
reach; the server fills features up with silence to the length of a corpus' segments, on which its networks learned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import torch

from thinwire import kaldi
from thinwire.audio import SAMPLE_RATE
from thinwire.errors import PipelineError
from thinwire.metrics.words import plain_text, word_errors
from thinwire.params import Params
from thinwire.seeding import derive_seed
from thinwire.segments import Segments, SegmentStore
from thinwire.systems.aucom.bitstream import Rates
from thinwire.tasks.classifier import Classifier
from thinwire.tasks.recogniser import Recogniser
from thinwire.tasks.whisper import WhisperRecogniser
from thinwire.training.adapters.aucom_recogniser import said_in
from thinwire.training.build import DATA, load_model, model_folder
from thinwire.training.state import load_tensors

NOMINAL_RUN = "aucom_v1"
"""The codec whose `feature_std` is the unit of every system's `mse`."""
LOSSLESS_KBPS = 256.0
"""PCM of 16 bits at 16 kHz."""
SPEECH = "speech"
DECIBELS = 10.0 / math.log(10.0)
"""Of a feature, the natural logarithm of a power."""
_AT_ONCE = 32


@dataclass(frozen=True)
class Task:
    """What the server does with a corpus: the run of its network, and its kind (speech, emotion, commands, sounds)."""

    run: str
    kind: str


TASKS = {
    "librispeech": Task("aucom_asr", SPEECH),
    "ljspeech": Task("aucom_asr", SPEECH),
    "iemocap": Task("aucom_emotion", "emotion"),
    "ravdess": Task("aucom_emotion_ravdess", "emotion"),
    "speech_commands": Task("aucom_commands", "commands"),
    "esc50": Task("aucom_sounds", "sounds"),
}
"""By corpus. RAVDESS stands in for VCEMO, which is not to be had."""

COLUMNS: dict[str, Any] = {
    "run": "", "seed": 0, "system": "", "label": "", "tau": math.nan, "rows": math.nan, "kbps_nominal": math.nan,
    "corpus": "", "task": "", "segment_id": "", "speaker": "", "seconds": math.nan, "mse": math.nan,
    "error_db": math.nan, "kbps_entropy": math.nan, "kbps_huffman": math.nan, "kbps_arithmetic": math.nan,
    "kbps_range": math.nan, "kbps_rans": math.nan, "kbps": math.nan, "header_bytes": math.nan,
    "clamped_share": math.nan, "truth": "", "answer": "", "correct": math.nan, "words": math.nan,
    "word_errors": math.nan, "sphinx_answer": "", "sphinx_errors": math.nan,
}  # fmt: skip
"""Columns of every items.parquet in their order, and what stands in those that a system has nothing for."""


@dataclass(frozen=True)
class Items:
    """Test items of a corpus: `table` (n rows of segments), `audio`, n waveforms of their own length, `features`, n of
    (H, L), `frames`, to which the server fills features up, and `truth`, words or label of each.
    """

    corpus: str
    task: Task
    table: pd.DataFrame
    audio: list[np.ndarray]
    features: list[np.ndarray]
    frames: int

    def __len__(self) -> int:
        return len(self.audio)

    @property
    def ids(self) -> list[str]:
        """segment_id of every item."""
        return [str(name) for name in self.table["segment_id"]]

    @property
    def seconds(self) -> np.ndarray:
        """(n,) durations."""
        return np.array([len(audio) / SAMPLE_RATE for audio in self.audio])

    @property
    def truth(self) -> list[str]:
        """Words, spelled as `plain_text`, or label of each item."""
        if self.task.kind == SPEECH:
            return [plain_text(str(words)) for words in self.table["words"]]
        return [str(label) for label in self.table["label"]]

    def subset(self, count: int) -> np.ndarray:
        """At most `count` evenly spread places, the same for every run."""
        return evenly(len(self), count)

    def take(self, chosen: np.ndarray) -> Items:
        """Some of the items."""
        table = self.table.iloc[chosen].reset_index(drop=True)
        audio, features = ([values[i] for i in chosen] for values in (self.audio, self.features))
        return Items(self.corpus, self.task, table, audio, features, self.frames)


def evenly(count: int, most: int) -> np.ndarray:
    """At most `most` of the places 0 .. count - 1, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))


def drawn(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """At most `count` places of labels (n,), rising: evenly over labels, at random within each.

    Evenly spread places will not do: corpora go through talkers and labels in turn, and a step of a few segments then
    meets one label with one talker alone.
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_label = shuffled[np.argsort(labels[shuffled], kind="stable")]
    return np.sort(by_label[evenly(len(labels), count)])


def task_items(params: Params, corpus: str) -> Items:
    """The test items of a corpus in TASKS, the same for every system."""
    return load_items(params, corpus, TASKS[corpus], params.evaluation.aucom.task_items)


def load_items(params: Params, corpus: str, task: Task, count: int) -> Items:
    """At most `count` clean test segments of a corpus that the task has a truth for, evenly over labels, drawn within
    each by the seed of `params`.

    Raises PipelineError when there are none.
    """
    store, split = SegmentStore(DATA / corpus), params.evaluation.aucom.split
    table = store.table[store.table["split"] == split].reset_index(drop=True)
    seconds = table["end_s"].to_numpy(float) - table["start_s"].to_numpy(float)
    # without the zeros that fill segments up
    lengths = np.minimum(np.rint(seconds * SAMPLE_RATE), table["frames"].to_numpy(float)).astype(int)
    places = np.flatnonzero(_known(table, task.kind) & (lengths >= kaldi.WINDOW))
    if not len(places):
        what = "words that could be said in it" if task.kind == SPEECH else "a label"
        raise PipelineError(f"{store.folder}: no segment of split {split} has {what}; make the corpus larger")
    labels = table["label"].fillna("").to_numpy(str)[places]
    chosen = places[drawn(labels, count, derive_seed(params.seed, "test items", corpus))]
    rows = table.iloc[chosen].reset_index(drop=True)
    audio = [store.read(row)[1][:length] for (_, row), length in zip(rows.iterrows(), lengths[chosen], strict=True)]
    features = [kaldi.fbank(one[None], params.systems.aucom_codec.n_mels)[0] for one in audio]
    return Items(corpus, task, rows, audio, features, kaldi.frames_of(int(table["frames"].max())))


def _known(table: pd.DataFrame, kind: str) -> np.ndarray:
    """Which segments, bool (n,), have a truth."""
    if kind == SPEECH:
        nothing = np.empty((0, 0), np.float32)
        return np.array([bool(labels) for labels in said_in(Segments(table, nothing, nothing))], bool)
    return table["label"].fillna("").to_numpy(str) != ""


def feature_unit() -> float:
    """Standard deviation of features in training, nats: the unit of `mse`."""
    return float(load_tensors(model_folder(NOMINAL_RUN) / "model.safetensors")["feature_std"])


def errors(features: Sequence[np.ndarray], decoded: Sequence[np.ndarray], unit: float) -> pd.DataFrame:
    """Columns `mse`, in squared units, and `error_db`, RMS in decibels of power, of decoded features (H, L) each."""
    squares = np.array(
        [np.square(a - b, dtype=np.float64).mean() for a, b in zip(features, decoded, strict=True)], np.float64
    )
    return pd.DataFrame({"mse": squares / unit**2, "error_db": np.sqrt(squares) * DECIBELS})


def heard_by_server(features: Sequence[np.ndarray], frames: int) -> torch.Tensor:
    """(n, H, frames): features (H, L) each, filled up with silence."""
    filled = np.full((len(features), len(features[0]), frames), math.log(kaldi.LOG_FLOOR), np.float32)
    for row, one in zip(filled, features, strict=True):
        row[:, : one.shape[1]] = one
    return torch.from_numpy(filled)


def answers(params: Params, items: Items, features: Sequence[np.ndarray]) -> pd.DataFrame:
    """What the server's network, or Whisper where its folder is given, says of the items' features as they were
    decoded, n of (H, L): `truth`, `answer`, `correct` (NaN for speech), `words` and `word_errors` (NaN but for speech).
    """
    ask: Callable[[torch.Tensor], list[str]]
    if items.task.kind == SPEECH and params.evaluation.aucom.weights.whisper:
        ask = _whisper(params.evaluation.aucom.weights.whisper).transcribe
    else:
        model = load_model(params, items.task.run)
        assert isinstance(model, Recogniser | Classifier)
        ask = model.transcribe if isinstance(model, Recogniser) else model.classify
    parts = heard_by_server(features, items.frames).split(_AT_ONCE)
    return judged(items, [one for part in parts for one in ask(part)])


@lru_cache(maxsize=1)
def _whisper(folder: str) -> WhisperRecogniser:
    """The recogniser of a folder, read once."""
    return WhisperRecogniser(folder)


def judged(items: Items, given: Sequence[str]) -> pd.DataFrame:
    """The columns of `answers` for the texts or labels that were given."""
    table = pd.DataFrame({"truth": items.truth, "answer": list(given)})
    if items.task.kind != SPEECH:
        right = (table["truth"] == table["answer"]).astype(float)
        return table.assign(correct=right, words=math.nan, word_errors=math.nan)
    words, wrong = word_counts(items.truth, given)
    return table.assign(correct=math.nan, words=words, word_errors=wrong)


def word_counts(truths: Sequence[str], given: Sequence[str]) -> tuple[list[float], list[float]]:
    """Words of each truth, and how many errors lead to the text that was given."""
    found = [word_errors(truth, text) for truth, text in zip(truths, given, strict=True)]
    return [float(one.words) for one in found], [
        float(one.substitutions + one.deletions + one.insertions) for one in found
    ]


def rate_columns(rates: Sequence[Rates], coder: str = "huffman") -> pd.DataFrame:
    """Columns of rates, payloads alone; `kbps` is that of `coder`, which the system sends with."""
    table = pd.DataFrame(
        {
            **{
                f"kbps_{name}": [getattr(rate, name) for rate in rates]
                for name in ("entropy", "huffman", "arithmetic", "range", "rans")
            },
            "header_bytes": [float(rate.header_bytes) for rate in rates],
            "clamped_share": [rate.clamped / rate.symbols for rate in rates],
        }
    )
    return table.assign(kbps=table[f"kbps_{coder}"])


def item_table(
    items: Items, identity: Mapping[str, Any], columns: Sequence[pd.DataFrame] = (), **others: Any
) -> pd.DataFrame:
    """Rows of items.parquet, one an item, in the order of COLUMNS: `identity` says which system at which point (`run`,
    `seed`, `system`, `label`, `tau` ...), `columns` and `others` what was measured; the rest says nothing.

    Raises ValueError for a column that is not in COLUMNS.
    """
    table = pd.DataFrame({"segment_id": items.ids, "speaker": items.table["speaker"].astype(str)})
    table = table.assign(corpus=items.corpus, task=items.task.kind, seconds=items.seconds, **identity, **others)
    table = pd.concat([table, *(part.reset_index(drop=True) for part in columns)], axis=1)
    if unknown := sorted(str(name) for name in set(table) - set(COLUMNS)):
        raise ValueError(f"columns {unknown} do not belong to items.parquet")
    for name, nothing in COLUMNS.items():
        if name not in table:
            table[name] = nothing
    return table[list(COLUMNS)].astype({name: type(nothing) for name, nothing in COLUMNS.items()})
