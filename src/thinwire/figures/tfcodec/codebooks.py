"""Fig. 8: how often each codeword of a codebook is used, and how sure the quantiser is of its choice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.figures.paths import Page
from thinwire.figures.style import GREY, caption, key, legend_right
from thinwire.figures.tfcodec.runs import interval_of, run_name, tables_of

QUANTISER_COLOUR = {"gumbel": "#0072B2", "distance_gumbel": "#D55E00"}
QUANTISER_MARK = {"gumbel": "s", "distance_gumbel": "o"}
QUANTISER_NAME = {"gumbel": "Gumbel, linear logits + diversity loss", "distance_gumbel": "Distance-Gumbel, rate loss"}


def choose_group(page: Page, runs: Sequence[str]) -> int:
    """The codebook that the pictures show: one at random, as in the paper, by the seed of `params.yaml`."""
    groups = min(page.params.run(run).groups for run in runs)
    return int(np.random.default_rng(page.params.seed).integers(groups))


def load_usage(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """usage.parquet of the named runs, with system, quantiser, `share` of a group's steps and `rank` in it from 1."""
    table = tables_of(page, runs, "usage")
    names = {run: (run_name(page, run), page.params.run(run).quantiser) for run in runs}
    table["system"], table["quantiser"] = zip(*table["run"].map(names), strict=True)
    groups = table.groupby(["run", "group"])["count"]
    table["share"] = table["count"] / groups.transform("sum")
    table["rank"] = groups.rank(method="first", ascending=False).astype(int)
    return table.sort_values(["run", "group", "rank"], ignore_index=True)


def usage_table(page: Page, items: pd.DataFrame, groups: pd.DataFrame, runs: Sequence[str]) -> pd.DataFrame:
    """Per run, means over its groups: entropy (bit), perplexity, its share of K (%), codewords never chosen (%); then
    the confidence of a choice with its 95 % interval over clips, and the rate (kbps, Huffman).
    """
    rows = []
    for run in runs:
        row, part = page.params.run(run), groups[groups["run"] == run]
        sure = interval_of(page, items[items["run"] == run], "confidence")
        rate = items.loc[items["run"] == run, "kbps_huffman"].mean()
        rows.append(
            (run_name(page, run), run, row.groups, row.codewords, part["entropy_bits"].mean(), np.log2(row.codewords),
             part["perplexity"].mean(), 100.0 * part["perplexity"].mean() / row.codewords,
             100.0 * part["dead"].mean() / row.codewords, sure.mean, sure.low, sure.high, rate)
        )  # fmt: skip
    names = ["system", "run", "G", "K", "entropy_bits", "uniform_bits", "perplexity", "perplexity_percent",
             "never_chosen_percent", "confidence", "confidence_low", "confidence_high", "kbps_huffman"]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def draw_usage(usage: pd.DataFrame, groups: pd.DataFrame, group: int, note: str) -> Figure:
    """Fig. 8a and 8b of one codebook, codewords in order of use; at the right the perplexity of every codebook."""
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(13.4, 4.0), width_ratios=[3, 3, 2])
    runs = list(dict.fromkeys(usage["run"]))
    largest = int(usage["rank"].max())
    for run in runs:
        part = usage[(usage["run"] == run) & (usage["group"] == group)].sort_values("rank")
        colour, mark = (table[part["quantiser"].iloc[0]] for table in (QUANTISER_COLOUR, QUANTISER_MARK))
        left.plot(part["rank"], 100.0 * part["share"], color=colour)
        known = part.dropna(subset=["confidence"])
        middle.plot(known["rank"], known["confidence"], ".", color=colour, markersize=2.5, alpha=0.7)
        mean = float(np.average(known["confidence"], weights=known["count"]))
        middle.axhline(mean, color=colour, linewidth=1.4)
        own = groups[groups["run"] == run]
        right.plot(own["group"], own["perplexity"], mark, color=colour)
    left.axhline(100.0 / largest, color=GREY, linestyle="--", linewidth=1.0)
    left.set(xlabel="codeword, by use", ylabel="share of the choices (%)", title=f"Fig. 8a: use, codebook {group}")
    left.set_yscale("log")
    ticks = [tick for tick in (0.001, 0.01, 0.1, 1, 10, 100) if left.get_ylim()[0] <= tick <= left.get_ylim()[1]]
    left.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    middle.set(xlabel="codeword, by use", ylabel="mean max softmax where it won (1)", ylim=(0, 1.02))
    middle.set_title(f"Fig. 8b: confidence, codebook {group}")
    right.axhline(largest, color=GREY, linestyle="--", linewidth=1.0)
    right.set(xlabel="codebook", ylabel="perplexity (codewords)", title="All codebooks", ylim=(0, None))
    shown = usage.drop_duplicates("run")
    legend = [key(QUANTISER_NAME[q], color=QUANTISER_COLOUR[q], marker=QUANTISER_MARK[q]) for q in shown["quantiser"]]
    legend_right(fig, [*legend, key("uniform use", color=GREY, linestyle="--")])
    caption(
        fig,
        "Choices on the test clips. Horizontal lines in the middle: mean over choices. A codeword that was never "
        "chosen has no point. " + note,
    )
    return fig


def draw_groups(usage: pd.DataFrame, note: str) -> Figure:
    """Every codebook at once: share of the choices that the most used codewords take, one line a codebook."""
    runs = list(dict.fromkeys(usage["run"]))
    fig, panels = plt.subplots(1, len(runs), figsize=(2.6 + 4.2 * len(runs), 3.8), sharey=True, squeeze=False)
    for axes, run in zip(panels[0], runs, strict=True):
        part = usage[usage["run"] == run]
        colour = QUANTISER_COLOUR[part["quantiser"].iloc[0]]
        for _, rows in part.groupby("group"):
            axes.plot(rows["rank"], 100.0 * rows["share"].cumsum(), color=colour, linewidth=0.8, alpha=0.7)
        size = int(part["rank"].max())
        axes.plot([0, size], [0, 100], color=GREY, linestyle="--", linewidth=1.0)
        axes.set(title=part["system"].iloc[0], xlabel="codewords, most used first")
    panels[0][0].set_ylabel("share of the choices (%)")
    legend_right(
        fig, [key("one codebook", color="black", linewidth=0.8), key("uniform use", color=GREY, linestyle="--")]
    )
    caption(fig, "The further a line lies above the diagonal, the fewer codewords carry the speech. " + note)
    return fig
