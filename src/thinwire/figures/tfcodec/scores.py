"""Tables II to V: the scores of variants beside the paper's, and what each variant gains over the first of its rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.claims import item_scores
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED
from thinwire.figures.style import GREY, SOURCE_COLOUR, caption, key, legend_right
from thinwire.figures.tfcodec.runs import METRIC_NAME, interval_of, run_name
from thinwire.metrics.statistics import paired_bootstrap

METRICS = ("pesq", "stoi", "visqol")
MEASURED = SOURCE_COLOUR[0]
PAPER = SOURCE_COLOUR[5]


def base_of(page: Page, runs: Sequence[str]) -> dict[str, str]:
    """For each run the one it is held against: the first in the table with the same rate."""
    first: dict[float, str] = {}
    return {run: first.setdefault(page.params.run(run).kbps, run) for run in runs}


def paired_items(items: pd.DataFrame, system: str, other: str, measure: str) -> tuple[np.ndarray, np.ndarray]:
    """A measure of two systems on the test items that both have, seeds averaged first."""
    a, b = (item_scores(items, name, measure) for name in (system, other))
    keys = a.index.intersection(b.index)
    return a[keys].to_numpy(), b[keys].to_numpy()


def score_table(
    page: Page, items: pd.DataFrame, lines: Mapping[str, str | None], measures: Sequence[str] = METRICS
) -> pd.DataFrame:
    """A table of the paper in long form. `lines` maps each run to the claim that prints its scores (None: none does).

    Columns: system, run, measure, paper, measured, low, high, items; then the gain over the first run of the same rate:
    paper_gain, gain, gain_low, gain_high (paired over test items; empty for that first run).
    """
    rows = []
    bases = base_of(page, list(lines))
    printed = {run: _paper(page, claim) for run, claim in lines.items()}
    for run in lines:
        own, base = items[items["run"] == run], bases[run]
        for measure in measures:
            found = interval_of(page, own, measure)
            row: dict[str, Any] = {"system": run_name(page, run), "run": run, "measure": measure}
            row |= {"paper": printed[run].get(measure), "measured": found.mean, "low": found.low, "high": found.high}
            row |= {"items": found.items, "paper_gain": np.nan, "gain": np.nan, "gain_low": np.nan, "gain_high": np.nan}
            if base != run:
                gain = paired_bootstrap(
                    *paired_items(items, run, base, measure), SEED, page.params.evaluation.bootstrap
                )
                row |= {"gain": gain.mean, "gain_low": gain.low, "gain_high": gain.high}
                if measure in printed[run] and measure in printed[base]:
                    row["paper_gain"] = printed[run][measure] - printed[base][measure]
            rows.append(row)
    return pd.DataFrame(rows)


def _paper(page: Page, claim: str | None) -> dict[str, float]:
    value = page.claims[claim].paper_value if claim else None
    return value if isinstance(value, dict) else {}


def forest(
    axes: Axes, names: Sequence[str], rows: pd.DataFrame, columns: tuple[str, str, str], paper: str | None
) -> None:
    """Points with 95 % intervals, one line a name, the first on top; the paper's value as an open diamond."""
    places = np.arange(len(names))[::-1]
    mean, low, high = (rows[column].to_numpy(float) for column in columns)
    axes.errorbar(mean, places, xerr=[mean - low, high - mean], fmt="o", color=MEASURED, elinewidth=1.4, zorder=3)
    if paper is not None:
        axes.plot(rows[paper].to_numpy(float), places, "D", color=PAPER, markerfacecolor="white", zorder=2)
    axes.set_yticks(places, names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.grid(visible=False, axis="y")


def draw_scores(table: pd.DataFrame, note: str) -> Figure:
    """Scores above, gains over the first run of each rate below, one column a measure. `table` is `score_table`."""
    measures = list(dict.fromkeys(table["measure"]))
    systems = list(dict.fromkeys(table["system"]))
    gained = table[table["gain"].notna()]
    more = list(dict.fromkeys(gained["system"]))
    height = 1.9 + 0.3 * (len(systems) + len(more))
    fig, panels = plt.subplots(
        2, len(measures), figsize=(12.4, height), height_ratios=[len(systems) + 0.6, len(more) + 0.6], sharey="row",
        squeeze=False,
    )  # fmt: skip
    for upper, lower, measure in zip(*panels, measures, strict=True):
        forest(upper, systems, table[table["measure"] == measure], ("measured", "low", "high"), "paper")
        upper.set(title=METRIC_NAME[measure].split(" (")[0], xlabel=METRIC_NAME[measure])
        rows = gained[gained["measure"] == measure]
        forest(lower, more, rows, ("gain", "gain_low", "gain_high"), "paper_gain")
        lower.axvline(0.0, color="black", linewidth=0.9)
        lower.set_xlabel(f"gain, {METRIC_NAME[measure]}")
        lower.locator_params(axis="x", nbins=4)  # small gains have long numbers
    legend_right(
        fig,
        [
            key("measured, 95 % interval", color=MEASURED, marker="o"),
            key("paper", color=PAPER, marker="D", linestyle="none", markerfacecolor="white"),
            key("no difference", color="black", linewidth=0.9),
        ],
    )
    caption(
        fig,
        "Above: means over test clips. Below: paired differences to the first system of the same rate, over the same "
        "clips. The paper's models saw 890 h; what can be compared is the sign of a difference. " + note,
    )
    return fig


def draw_by_item(items: pd.DataFrame, run: str, base: str, names: tuple[str, str], note: str) -> Figure:
    """Every test clip as a point, one variant against the other: is a gain shared by all clips, or made by a few?"""
    fig, panels = plt.subplots(1, len(METRICS), figsize=(11.0, 3.7))
    for axes, measure in zip(panels, METRICS, strict=True):
        a, b = paired_items(items, run, base, measure)
        axes.plot(b, a, ".", color=MEASURED, alpha=0.6)
        ends = [min(a.min(), b.min()), max(a.max(), b.max())]
        axes.plot(ends, ends, color=GREY, linewidth=0.9, linestyle="--")
        better = 100.0 * float(np.mean(a > b))
        axes.set(title=f"{METRIC_NAME[measure].split()[0]}: higher on {better:.0f} % of {len(a)}")
        axes.set(xlabel=f"{names[1]}, {METRIC_NAME[measure]}", ylabel=names[0])
    caption(
        fig,
        "One point a test clip; above each picture: on how many of them it is higher. The dashed line is equality. "
        + note,
    )
    return fig
