"""Fig. 11: what the server's tasks make of decompressed features, against the measured rate, corpus by corpus."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thinwire.figures.aucom.curves import points
from thinwire.figures.aucom.runs import (
    LOSSLESS,
    PRINTED,
    SCORE_NAME,
    SPEECH,
    TASK_ROWS,
    TITLES,
    VARIANTS,
    load,
    measured,
    name,
    style,
)
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED
from thinwire.figures.style import GREY, caption, key, legend_right
from thinwire.metrics.statistics import bootstrap_mean

NEAR = 5.0
"""Points lost that the paper calls acceptable (abstract, section 5.3.2)."""
TABLE2_TAU = 2.0
"""Of Huffman coding in Table 2."""
TEXT: dict[str, Any] = {"color": GREY, "marker": "*"}
HOLLOW: dict[str, Any] = {"linestyle": "none", "markerfacecolor": "white", "markersize": 7.0}


def load_quality(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """Items of codec runs, and of every task row on uncompressed features."""
    return load(page, [*runs, *dict.fromkeys(TASK_ROWS.values())])


def printed_points(page: Page) -> pd.DataFrame:
    """What the paper prints of Fig. 11: corpus, label, kbps, score (%), task. Label `lossless`: without loss; a
    variant: Table 2's Huffman line; empty: section 5.3.2, whose points belong to no variant (words, ESC-50: limits).
    """
    rows = []
    for corpus, known in PRINTED.items():
        value = page.claims[f"aucom.fig11_{known}"].paper_value
        assert isinstance(value, dict)
        rows.append((corpus, LOSSLESS, np.nan, value["lossless"]))
        rows += [(corpus, "", float(found[1]), score) for name, score in value.items()
                 if (found := re.search(r"at_([\d.]+)kbps", name))]  # fmt: skip
        for run in VARIANTS:
            value = page.claims[f"aucom.table2_{known}_{run.removeprefix('aucom_')}"].paper_value
            assert isinstance(value, dict)
            score = value.get("huffman_wer", value.get("huffman_accuracy", np.nan))
            rows.append((corpus, run, value["huffman_kbps"], score))
    table = pd.DataFrame(rows, columns=["corpus", "label", "kbps", "score"])
    kinds = {corpus: SPEECH if run == "aucom_asr" else "classes" for corpus, run in TASK_ROWS.items()}
    return table.assign(task=table["corpus"].map(kinds))


def quality_table(page: Page, items: pd.DataFrame, runs: Sequence[str]) -> pd.DataFrame:
    """Fig. 11's points: corpus, task, label, tau, score, low, high (%), kbps (Huffman, from bytes), items; then loss,
    the points lost to the lossless answer to the same items (more errors, or fewer right), loss_low and loss_high.
    """
    items = items[items["label"].isin([*runs, LOSSLESS])]
    table = measured(page, items, ["corpus", "label", "tau"])
    keys = ["corpus", "label", "tau"]
    scored = {point: points(part) for point, part in items.groupby(keys, dropna=False)}
    plain = {corpus: values for (corpus, label, _), values in scored.items() if label == LOSSLESS}
    rows = []
    for (corpus, label, tau), values in scored.items():
        lost = (plain.get(corpus, values.iloc[:0]) - values).dropna().to_numpy()
        found = bootstrap_mean(lost, SEED, page.params.evaluation.bootstrap)
        rows.append((corpus, label, tau, found.mean, found.low, found.high))
    losses = pd.DataFrame(rows, columns=[*keys, "loss", "loss_low", "loss_high"])
    table = table.merge(losses, on=keys, how="left")
    places = {corpus: place for place, corpus in enumerate(TITLES)}
    return table.sort_values(["corpus", "label", "kbps"], key=lambda c: c.map(places) if c.name == "corpus" else c,
                             ignore_index=True)  # fmt: skip


def draw_quality(table: pd.DataFrame, printed: pd.DataFrame, runs: Sequence[str], note: str) -> Figure:
    """Six panels, one a corpus: score against measured rate for every variant and tau, the lossless line, and what the
    paper prints. `printed` is `printed_points`.
    """
    fig, panels = plt.subplots(2, 3, figsize=(12.8, 7.0), sharex=True)
    for axes, (corpus, title) in zip(panels.flat, TITLES.items(), strict=True):
        part, paper = table[table["corpus"] == corpus], printed[printed["corpus"] == corpus]
        for row in part[part["label"] == LOSSLESS].to_dict("records"):
            axes.axhline(row["score"], **style(LOSSLESS))
            axes.axhspan(row["low"], row["high"], color="black", alpha=0.06, linewidth=0)
        for score in paper.loc[paper["label"] == LOSSLESS, "score"]:
            axes.axhline(score, color=GREY, linestyle=":", linewidth=1.0)
        _lines(axes, part, runs, ("score", "low", "high"))
        _printed(axes, paper[paper["label"] != LOSSLESS], "score")
        task = part["task"].iloc[0] if len(part) else "emotion"
        axes.set(title=title, ylabel=SCORE_NAME[task])
    _rate_axes(panels)
    lines = [key("lossless, here", **style(LOSSLESS)),
             key("lossless, paper", color=GREY, linestyle=":", linewidth=1.0)]  # fmt: skip
    legend_right(fig, _keys(runs) + lines)
    caption(
        fig,
        "Huffman payload of real bytes over time; the steps tau rise from right to left along each line. Bars: 95 % "
        "bootstrap over test items. The paper's tasks are Whisper, UMONS and AST on the real corpora, here small "
        "networks on the corpora in use: what can be compared is what a rate costs. Stars of words and of ESC-50 are "
        "limits that the text names. " + note,
    )
    return fig


def draw_losses(table: pd.DataFrame, printed: pd.DataFrame, runs: Sequence[str], note: str) -> Figure:
    """Points lost to lossless against the rate, with what the paper's own printed numbers lose."""
    fig, panels = plt.subplots(2, 3, figsize=(12.8, 6.6), sharex=True)
    for axes, (corpus, title) in zip(panels.flat, TITLES.items(), strict=True):
        axes.axhline(0.0, color="black", linewidth=0.9)
        axes.axhline(NEAR, color="black", linestyle="--", linewidth=0.9)
        _lines(axes, table[table["corpus"] == corpus], runs, ("loss", "loss_low", "loss_high"))
        _printed(axes, paper_losses(printed[printed["corpus"] == corpus]), "loss")
        axes.set(title=title, ylabel="lost to lossless (percentage points)")
    _rate_axes(panels)
    legend_right(fig, [*_keys(runs), key(f"{NEAR:g} points", color="black", linestyle="--", linewidth=0.9)])
    caption(
        fig,
        "Word errors more, or right answers fewer, than on uncompressed features of the same items; bars: 95 % "
        "bootstrap over paired items. " + note,
    )
    return fig


def _lines(axes: Axes, table: pd.DataFrame, runs: Sequence[str], columns: tuple[str, str, str]) -> None:
    for run in runs:
        rows, look = table[table["label"] == run].sort_values("tau"), style(run)
        value, low, high = (rows[column].to_numpy(float) for column in columns)
        error = np.clip([value - low, high - value], 0.0, None)
        axes.errorbar(rows["kbps"], value, error, fmt="none", ecolor=look["color"], alpha=0.5)
        axes.plot(rows["kbps"], value, **look)


def _printed(axes: Axes, paper: pd.DataFrame, column: str) -> None:
    for row in paper.to_dict("records"):
        axes.plot(row["kbps"], row[column], **(style(row["label"]) if row["label"] else TEXT) | HOLLOW)


def _keys(runs: Sequence[str]) -> list[Line2D]:
    return [
        *(key(name(run), **style(run)) for run in runs),
        key("paper, Table 2 (colour: variant)", color="black", marker="o", **HOLLOW),
        key("paper, section 5.3.2", **TEXT | HOLLOW),
    ]


def _rate_axes(panels: np.ndarray) -> None:
    axes = panels.flat[0]
    axes.set_xscale("log", base=2)
    low, high = axes.get_xlim()
    ticks = [tick for tick in (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0) if low / 1.2 <= tick <= high * 1.2]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    for bottom in panels[-1]:
        bottom.set_xlabel("rate (kbit/s, Huffman, from bytes)")


def paper_losses(printed: pd.DataFrame) -> pd.DataFrame:
    """The paper's printed points of one corpus as points lost to its own lossless score: label, kbps, loss."""
    reference = printed.loc[printed["label"] == LOSSLESS, "score"]
    points = printed[printed["label"] != LOSSLESS]
    if reference.empty:
        return points.iloc[:0].assign(loss=[])
    sign = 1.0 if set(printed["task"]) == {SPEECH} else -1.0
    return points.assign(loss=sign * (points["score"] - float(reference.iloc[0])))[["label", "kbps", "loss"]]


def paper_table(table: pd.DataFrame, printed: pd.DataFrame) -> pd.DataFrame:
    """The paper's lossless scores and Huffman points (tau 2) beside those measured: corpus, label, paper_kbps,
    paper_score, paper_loss (points to its own lossless score), kbps, score, loss, items.
    """
    losses = [paper_losses(printed[printed["corpus"] == corpus]).assign(corpus=corpus) for corpus in TITLES]
    paper = printed[printed["label"] != ""].merge(pd.concat(losses), on=["corpus", "label", "kbps"], how="left")
    own = table[(table["tau"] == TABLE2_TAU) | (table["label"] == LOSSLESS)]
    columns = ["corpus", "label", "kbps", "score", "loss", "items"]
    both = paper[columns[:-1]].merge(own[columns], on=["corpus", "label"], how="left", suffixes=("_paper", ""))
    return both.rename(columns={f"{column}_paper": f"paper_{column}" for column in ("kbps", "score", "loss")})


def answer_table(items: pd.DataFrame, corpus: str, item: str) -> pd.DataFrame:
    """What a corpus' network answers to one test item at every operating point, lowest rate first: kbps, system, tau,
    truth, answer.
    """
    rows = items[(items["corpus"] == corpus) & (items["segment_id"] == item)].sort_values("kbps")
    table = rows.assign(system=[name(label) for label in rows["label"]])
    return table[["kbps", "system", "tau", "truth", "answer"]].reset_index(drop=True)
