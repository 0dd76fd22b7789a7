"""What every notebook of the wing asks of its results: the items of runs, names and colours of systems, and word error
rates and accuracies with their intervals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from thinwire.errors import PipelineError
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED, load_items, read_table
from thinwire.figures.style import GREY
from thinwire.figures.tfcodec.runs import facts
from thinwire.figures.tfcodec.runs import note as note_of_all
from thinwire.metrics.statistics import Interval

__all__ = [
    "CODERS", "CODER_NAME", "LOSSLESS", "PRINTED", "SCORE_NAME", "SPEECH", "TASK_ROWS", "TITLES", "VARIANTS", "facts",
    "family", "item_means", "item_scores", "load", "measured", "name", "note", "order", "score", "score_table", "style",
    "tables_of",
]  # fmt: skip
SPEECH = "speech"
LOSSLESS = "lossless"
VARIANTS = ("aucom_v1", "aucom_v2", "aucom_v3")
TITLES = {
    "librispeech": "LibriSpeech",
    "ljspeech": "LJSpeech",
    "iemocap": "IEMOCAP",
    "ravdess": "RAVDESS (for VCEMO)",
    "speech_commands": "Speech Commands",
    "esc50": "ESC-50",
}
"""Corpora in the order of Fig. 11; VCEMO cannot be had, and RAVDESS stands in for it."""
TASK_ROWS = {
    "librispeech": "aucom_asr",
    "ljspeech": "aucom_asr",
    "iemocap": "aucom_emotion",
    "ravdess": "aucom_emotion_ravdess",
    "speech_commands": "aucom_commands",
    "esc50": "aucom_sounds",
}
"""The network on the server that answers for each corpus; its own rows are those without loss."""
PRINTED = {
    "librispeech": "librispeech", "ljspeech": "ljspeech", "iemocap": "iemocap", "ravdess": "vcemo",
    "speech_commands": "speechcommands", "esc50": "esc50",
}  # fmt: skip
"""How claims call a corpus: `aucom.fig11_<name>`, `aucom.table2_<name>_v1`."""
SCORE_NAME = {
    SPEECH: "word error rate (%)",
    "emotion": "accuracy, emotion (%)",
    "commands": "accuracy, commands (%)",
    "sounds": "accuracy, sounds (%)",
}
"""Axis label by task; of the first less is better."""
CODERS = ("huffman", "arithmetic", "range", "rans")
CODER_NAME = {"huffman": "Huffman", "arithmetic": "arithmetic", "range": "range", "rans": "rANS", "entropy": "entropy"}
# Okabe and Ito's palette; AUCOM's own variants filled, compared systems hollow.
LOOK: dict[str, dict[str, Any]] = {
    "aucom_v1": {"color": "#0072B2", "marker": "o"},
    "aucom_v2": {"color": "#D55E00", "marker": "s"},
    "aucom_v3": {"color": "#009E73", "marker": "^"},
    "aucom_deepcod": {"color": "#CC79A7", "marker": "D", "markerfacecolor": "white"},
    "aucom_sensing": {"color": "#E69F00", "marker": "v", "markerfacecolor": "white"},
    "bilinear": {"color": "#56B4E9", "marker": "<", "markerfacecolor": "white"},
    "bicubic": {"color": "#56B4E9", "marker": ">", "linestyle": "--", "markerfacecolor": "white"},
    "mp3": {"color": "#000000", "marker": "X"},
    "aac": {"color": "#7f7f7f", "marker": "P"},
    "encodec": {"color": "#882255", "marker": "h"},
    "dac": {"color": "#332288", "marker": "H"},
    LOSSLESS: {"color": "#000000", "linestyle": "--", "linewidth": 1.0},
}
UNKNOWN: dict[str, Any] = {"color": GREY, "marker": "x", "linestyle": ":"}
FAMILY_NAME = {
    "aucom_deepcod": "DeepCOD", "aucom_sensing": "compressed sensing", "bilinear": "bilinear", "bicubic": "bicubic",
    "mp3": "MP3", "aac": "AAC", "encodec": "EnCodec", "dac": "DAC", LOSSLESS: "lossless",
}  # fmt: skip


def note(page: Page, runs: Sequence[str], items: int, what: str) -> str:
    """The sentence that captions end with, as every wing has it, and, where the runs did not hear equally much, what
    each of them heard: one that began at nothing is no equal of one with reference weights.
    """
    cards = {run: facts(page, run)["card"] for run in runs}
    heard = {name(run): f"{card['hours_seen'] + card['init_hours_seen']:.1f} h" for run, card in cards.items()}
    told = note_of_all(page, runs, items, what)
    if len(set(heard.values())) < 2:
        return told
    return f"{told} Audio heard in training: {'; '.join(f'{system} {hours}' for system, hours in heard.items())}."


def load(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """items.parquet of the named runs (or stages' folders, `aucom_compared`) in one table: one row an operating point
    and test item. Raises PipelineError for a run that was not evaluated.

    Text is held as plain objects: tables of few rows are cut up often, and that takes Arrow's strings far longer.
    """
    items = load_items(page, runs)
    return items.astype(dict.fromkeys(items.select_dtypes("string").columns, object))


def tables_of(page: Page, runs: Sequence[str], table: str) -> pd.DataFrame:
    """One table of several runs, one under the other, each with its run in column `run`."""
    return pd.concat([read_table(page, run, table).assign(run=run) for run in runs], ignore_index=True)


def family(label: str) -> str:
    """What an operating point's curve belongs to: `aucom_sensing` of `aucom_sensing_40`; others stay as they are."""
    found = [known for known in LOOK if label == known or label.startswith(f"{known}_")]
    return max(found, key=len) if found else label


def name(label: str) -> str:
    """How legends call an operating point's label: `AUCOM v1`, `AUCOM v1, lambda 16`, `compressed sensing, 40 rows`."""
    group = family(label)
    rest = label.removeprefix(group).strip("_")
    if group in VARIANTS:
        parts = [f"AUCOM {group.removeprefix('aucom_')}"]
        found = re.fullmatch(r"l(\d+(?:p\d+)?)", rest)
        return ", ".join(parts + ([f"$\\lambda$ = {found[1].replace('p', '.')}"] if found else [rest] if rest else []))
    if group == "aucom_sensing" and rest:
        return f"{FAMILY_NAME[group]}, {rest} rows"
    return ", ".join(part for part in (FAMILY_NAME.get(group, group), rest.replace("x", " x ")) if part)


def style(label: str) -> dict[str, Any]:
    """Colour, marker and line of an operating point's label, as keywords of `Axes.plot`; unknown ones are grey."""
    return dict(LOOK.get(family(label), UNKNOWN))


def order(labels: Sequence[str]) -> list[str]:
    """Labels without repeats, in the order in which legends name systems."""
    places = {known: place for place, known in enumerate(LOOK)}
    return sorted(set(labels), key=lambda label: (places.get(family(label), len(places)), len(label), label))


def item_means(items: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Columns averaged over the rows of each test item (index `segment_id`, sorted), that is over seeds; items with a
    NaN in any of them are left out.
    """
    values = items[list(columns)].to_numpy(float)
    known = np.isfinite(values).all(axis=1)
    names, place = np.unique(items["segment_id"].to_numpy(str)[known], return_inverse=True)
    counts = np.bincount(place, minlength=len(names))
    means = {column: np.bincount(place, values[known, k], len(names)) / counts for k, column in enumerate(columns)}
    return pd.DataFrame(means, index=pd.Index(names, name="segment_id"))


def item_scores(items: pd.DataFrame, errors: str = "word_errors") -> pd.Series:
    """One value in per cent for each test item (index `segment_id`), seeds averaged, whose mean is the score: accuracy
    of the items, or for speech the word error rate of all words together.

    `items` are those of one operating point and task; for speech `errors` names the column of counts (`sphinx_errors`
    for PocketSphinx). A word error rate W is a ratio of sums; the values are its influence values
    W + (e_i - W w_i) / mean(w), so that differences of two systems can be paired item by item. Items without an answer
    (NaN) are left out. Raises PipelineError when tasks are mixed.
    """
    above, below = _ratio(items, errors)
    rate = above.sum() / max(below.sum(), 1e-12)
    return 100.0 * (rate + (above - rate * below) / below.mean())


def _ratio(items: pd.DataFrame, errors: str) -> tuple[pd.Series, pd.Series]:
    """What is divided by what, item by item: errors by words, or right answers by ones."""
    tasks = set(items["task"])
    if len(tasks) > 1:
        raise PipelineError(f"scores of several tasks in one: {', '.join(sorted(tasks))}; tell them apart first")
    if tasks == {SPEECH}:
        counts = item_means(items, [errors, "words"])
        counts = counts[counts["words"] > 0]
        return counts[errors], counts["words"]
    right = item_means(items, ["correct"])["correct"]
    return right, pd.Series(1.0, right.index)


def score(items: pd.DataFrame, errors: str = "word_errors", draws: int = 2000) -> Interval:
    """Word error rate or accuracy (%) of one operating point and task, with its 95 % bootstrap interval over items; NaN
    where no item has an answer. The rate of each resampling is that of its own words.
    """
    above, below = (values.to_numpy() for values in _ratio(items, errors))
    if not len(above):
        return Interval(np.nan, np.nan, np.nan, 0)
    picks = np.random.default_rng(SEED).integers(0, len(above), (draws, len(above)))
    low, high = np.percentile(100.0 * above[picks].sum(1) / below[picks].sum(1), [2.5, 97.5])
    return Interval(100.0 * float(above.sum() / below.sum()), float(low), float(high), len(above))


def score_table(items: pd.DataFrame, by: Sequence[str], errors: str = "word_errors", draws: int = 2000) -> pd.DataFrame:
    """WER (%) for speech or accuracy (%) for the rest, for each value of `by`: by..., task, score, low, high, kbps
    (mean of the system's own rate), items. Groups of which no item has an answer are left out.

    `by` may name columns with NaN (tau of a lossless row), which make a group of their own.
    """
    keys = list(dict.fromkeys([*by, "task"]))
    rows = []
    for values, group in items.groupby(keys, sort=False, dropna=False):
        found = score(group, errors, draws)
        if found.items:
            rows.append((*values, found.mean, found.low, found.high, float(group["kbps"].mean()), found.items))
    return pd.DataFrame(rows, columns=[*keys, "score", "low", "high", "kbps", "items"])


def measured(page: Page, items: pd.DataFrame, by: Sequence[str], errors: str = "word_errors") -> pd.DataFrame:
    """`score_table` with the draws of `params.yaml`."""
    return score_table(items, by, errors, page.params.evaluation.bootstrap)
