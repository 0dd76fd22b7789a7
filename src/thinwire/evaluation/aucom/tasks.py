"""The server's networks on uncoded features, the lossless reference of every codec, and PocketSphinx on waveforms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from thinwire.artifacts import read_json, write_json
from thinwire.evaluation.aucom.common import (
    LOSSLESS_KBPS,
    SPEECH,
    TASKS,
    Items,
    answers,
    item_table,
    task_items,
    word_counts,
)
from thinwire.evaluation.aucom.look import sound_of
from thinwire.metrics.words import plain_text
from thinwire.nn.fingerprint import model_fingerprint
from thinwire.nn.trainable import count_parameters
from thinwire.params import Params
from thinwire.progress import track
from thinwire.segments import SegmentStore
from thinwire.tasks.sphinx_words import SphinxRecogniser
from thinwire.training.build import DATA, MODELS, load_model

LOSSLESS = "lossless"
KNOWN_WORDS = 0.75
"""Simulated corpora: 0.81 and 0.89. A few hundred recordings of read books: 0.65; there the words of the training texts
had 80 of some 250 heard ones right, English at large 137 (development talkers)."""


def language_of(table: pd.DataFrame) -> list[str] | None:
    """The training texts of a segment table, where they hold KNOWN_WORDS of what development talkers say: a language of
    few words, such as the simulator's. Else None, for English at large.
    """
    texts = {
        split: table.loc[table["split"] == split, "words"].fillna("").map(plain_text) for split in ("train", "dev")
    }
    words = {split: " ".join(said).split() for split, said in texts.items()}
    known = set(words["train"])
    closed = sum(word in known for word in words["dev"]) >= KNOWN_WORDS * len(words["dev"])
    return texts["train"].tolist() if closed else None


class SphinxListener:
    """PocketSphinx: what waveforms lose on the way, for codecs of waveforms and, made audible, of features alike. It
    knows the language of the corpus, see `language_of`.
    """

    def __init__(self, corpus: str, count: int) -> None:
        """`count`: how many of a corpus' items are heard."""
        self._recogniser = SphinxRecogniser(language_of(SegmentStore(DATA / corpus).table))
        self._count = count

    def columns(self, items: Items, sound: Callable[[int], np.ndarray]) -> pd.DataFrame:
        """`sphinx_answer` and `sphinx_errors` (word errors) of all items; without an answer ("", NaN) but for the
        evenly spread ones that are heard, whose waveforms (samples,) `sound` gives by their place.
        """
        texts, wrong = [""] * len(items), [math.nan] * len(items)
        for place in track(items.subset(self._count).tolist(), f"PocketSphinx {items.corpus}"):
            texts[place] = self._recogniser.transcribe(sound(place))
            wrong[place] = word_counts([items.truth[place]], [texts[place]])[1][0]
        return pd.DataFrame({"sphinx_answer": texts, "sphinx_errors": wrong})

    def columns_of_features(self, items: Items, features: Sequence[np.ndarray]) -> pd.DataFrame:
        """`columns` of what was decoded of every item, features (H, L), made audible."""
        return self.columns(items, lambda place: sound_of(features[place]))


def measure_task(params: Params, name: str, folder: Path) -> dict[str, float]:
    """Write items.parquet and run.json of a task's network on the uncoded features of its corpora below `folder`;
    returns means over items.
    """
    count, tables = params.evaluation.aucom.sphinx_items, []
    for corpus in (corpus for corpus, task in TASKS.items() if task.run == name):
        items = task_items(params, corpus)
        columns = [answers(params, items, items.features)]
        if items.task.kind == SPEECH and count:
            columns.append(SphinxListener(corpus, count).columns(items, items.audio.__getitem__))
        identity = {"run": name, "seed": 0, "system": LOSSLESS, "label": LOSSLESS, "kbps": LOSSLESS_KBPS}
        tables.append(item_table(items, identity, columns, mse=0.0, error_db=0.0))
    items_table = pd.concat(tables, ignore_index=True)
    items_table.to_parquet(folder / "items.parquet", index=False)
    model = load_model(params, name)
    parameters = {"total": count_parameters(model)}
    found = task_means(items_table)
    write_json(folder / "run.json", run_facts(params, name, items_table, parameters, model_fingerprint(model), found))
    return found


def task_means(items: pd.DataFrame) -> dict[str, float]:
    """Word error rate (`wer_<corpus>`) or accuracy (`accuracy_<corpus>`), shares, by corpus of one operating point."""
    found = {}
    for corpus, part in items.groupby("corpus", sort=False):
        if (part["task"] == SPEECH).all():
            found[f"wer_{corpus}"] = float(part["word_errors"].sum() / part["words"].sum())
        else:
            found[f"accuracy_{corpus}"] = float(part["correct"].mean())
    return {name: round(value, 4) for name, value in found.items()}


def run_facts(
    params: Params,
    name: str,
    items: pd.DataFrame,
    parameters: dict[str, int],
    fingerprint: str,
    means: dict[str, float],
) -> dict[str, Any]:
    """What run.json says of a trained run."""
    counts = items.groupby("corpus")["segment_id"].nunique()
    return {
        "card": read_json(MODELS / name / "card.json"),
        "row": params.run(name).model_dump(),
        "parameters": parameters,
        "fingerprint": fingerprint,
        "test_items": {str(corpus): int(count) for corpus, count in counts.items()},
        "means": means,
    }
