"""Who gets how many components (section 3.2): the split over sources by bandwidth and by scene, beside each source's
SNR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.claims import Verdict, judge_exact
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED, rank_correlation, read_table, training_note
from thinwire.figures.style import GREY, SOURCE_COLOUR, bandwidth_axis, blank, caption, legend_right
from thinwire.metrics.statistics import bootstrap_mean


@dataclass(frozen=True)
class Allocation:
    """`fixed`: m, source, components (one order for all scenes, as the paper); `scenes`: m, segment_id, source,
    components, snr_db.
    """

    run: str
    fixed: pd.DataFrame
    scenes: pd.DataFrame
    sources: list[str]
    latent: int
    note: str


def load_allocation(page: Page, run: str) -> Allocation:
    """Read both allocation tables of a run."""
    table = read_table(page, run, "allocation")
    fixed = table[table["bottleneck"] == "ndpca"].reset_index(drop=True)
    scenes = read_table(page, run, "scene_allocation")
    note = training_note(page, [run], scenes["segment_id"].nunique())
    return Allocation(
        run, fixed, scenes, list(dict.fromkeys(fixed["source"])), page.params.systems.ndpca.shape.latent, note
    )


def by_scene(allocation: Allocation, budgets: Sequence[int]) -> pd.DataFrame:
    """One row a bandwidth m, scene and source: components, share, snr_db, and the source's rank by SNR (1 = best)."""
    rows = pd.concat([allocation.scenes[allocation.scenes["m"] == m] for m in budgets], ignore_index=True)
    scenes = rows.groupby(["m", "segment_id"])
    rows["share"] = rows["components"] / scenes["components"].transform("sum").clip(lower=1)
    rows["snr_rank"] = scenes["snr_db"].rank(ascending=False, method="first")
    return rows


def share_by_snr(allocation: Allocation, draws: int) -> pd.DataFrame:
    """Mean share of the components that go to the source with the best, second best, ... SNR, and the rank
    correlation, per bandwidth.
    """
    rows = []
    for m in sorted(allocation.scenes["m"].unique()):
        scenes = by_scene(allocation, [m]).dropna(subset=["snr_db"])
        if scenes.empty:
            continue
        wide = scenes.pivot_table(index="segment_id", columns="source", values=["components", "snr_db"])
        rho = rank_correlation(wide["components"].to_numpy(), wide["snr_db"].to_numpy())
        interval = bootstrap_mean(rho, SEED, draws)
        share = scenes.groupby("snr_rank")["share"].mean()
        rows.append(
            {"m": m}
            | {f"share_rank_{rank:g}": value for rank, value in share.items()}
            | {
                "spearman": interval.mean,
                "spearman_low": interval.low,
                "spearman_high": interval.high,
                "scenes": len(rho),
            }
        )
    return pd.DataFrame(rows)


def _stack(axes: Axes, shares: pd.DataFrame, sources: list[str], width: float) -> None:
    bottom = np.zeros(len(shares))
    for index, source in enumerate(sources):
        values = shares[source].to_numpy()
        axes.bar(
            range(len(shares)),
            values,
            width,
            bottom=bottom,
            color=SOURCE_COLOUR[index],
            edgecolor="white",
            linewidth=0.4,
            label=source,
        )
        bottom += values


def draw_by_bandwidth(allocation: Allocation) -> Figure:
    """The one order of the paper: components per source at each bandwidth, as counts' shares, with the counts written
    in.
    """
    table = allocation.fixed.pivot_table(index="m", columns="source", values="components", aggfunc="sum").fillna(0)[
        allocation.sources
    ]
    shares = table.div(table.sum(axis=1).clip(lower=1), axis=0)
    fig, axes = plt.subplots(figsize=(9.0, 4.0))
    _stack(axes, shares, allocation.sources, 0.72)
    bottom = np.zeros(len(shares))
    for source in allocation.sources:
        for place, (share, count) in enumerate(zip(shares[source], table[source], strict=True)):
            if share > 0.04:
                axes.text(
                    place,
                    bottom[place] + share / 2,
                    f"{count:.0f}",
                    ha="center",
                    va="center",
                    color="white",
                    fontsize=8,
                    zorder=3,
                )
        bottom += shares[source].to_numpy()
    axes.axhline(1 / len(allocation.sources), color="black", linewidth=0.8, linestyle=":", zorder=2)
    axes.set_xticks(range(len(shares)), [f"{m:g}" for m in shares.index])
    axes.set(xlabel="total bandwidth m (floats/s)", ylabel="share of the components (1)", ylim=(0, 1))
    axes.set_title("The order fitted on the training set")
    axes.grid(visible=False)
    handles, labels = axes.get_legend_handles_labels()
    legend_right(fig, handles, labels, "source")
    caption(
        fig,
        "Numbers: components of each source. Dotted: the first source's part of an equal split. E4D1 NDPCA. "
        + allocation.note,
    )
    return fig


def draw_by_scene(allocation: Allocation, budgets: Sequence[int], most: int = 24) -> Figure:
    """Single scenes (each by its own energies) at some bandwidths, a panel each, with every source's SNR under them."""
    whole = by_scene(allocation, budgets)
    scenes = whole[whole["m"] == budgets[0]]
    order = scenes.groupby("segment_id")["snr_db"].agg(np.ptp).sort_values(kind="stable").index
    keep = order[np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int))]
    levels = scenes.pivot_table(index="segment_id", columns="source", values="snr_db", dropna=False).reindex(keep)
    heights = [3.0] * len(budgets) + [2.4]
    fig, (*tops, low) = plt.subplots(len(heights), 1, figsize=(10.0, 0.9 + 0.8 * sum(heights)), sharex=True,
                                     height_ratios=heights)  # fmt: skip
    for top, m in zip(tops, budgets, strict=True):
        shares = whole[whole["m"] == m].pivot_table(index="segment_id", columns="source", values="share")
        _stack(top, shares.reindex(keep)[allocation.sources], allocation.sources, 0.8)
        top.set(ylabel="share of the\ncomponents (1)", ylim=(0, 1), title=f"Scene by scene at m = {m} floats/s")
        top.grid(visible=False)
    for index, source in enumerate(allocation.sources):
        if source in levels:
            low.plot(range(len(keep)), levels[source], "o", color=SOURCE_COLOUR[index], markersize=4.5)
    low.set(ylabel="SNR of the source (dB)", xlabel="test scenes, from alike to unlike microphones")
    low.set_xticks([])
    handles, labels = tops[0].get_legend_handles_labels()
    legend_right(fig, handles, labels, "source")
    caption(
        fig,
        f"{len(keep)} of {len(order)} test scenes, evenly spread by how far apart the sources' SNRs are. "
        + allocation.note,
    )
    return fig


def draw_snr(allocation: Allocation, table: pd.DataFrame) -> Figure:
    """Does a better microphone get more? Mean share by SNR rank, and the rank correlation over scenes."""
    if table.empty:
        return blank("the SNR of these sources is not known (a real recording); nothing to draw")
    fig, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8))
    ranks = [str(name) for name in table if str(name).startswith("share_rank_")]
    for index, name in enumerate(ranks):
        shade = str(0.15 + 0.6 * index / max(len(ranks) - 1, 1))
        left.plot(
            table["m"],
            table[name],
            color=shade,
            marker="o",
            label=f"{index + 1}" + (" (best SNR)" if index == 0 else ""),
        )
    left.axhline(1 / len(ranks), color=GREY, linestyle=":", linewidth=1)
    bandwidth_axis(left, table["m"])
    left.set(ylabel="mean share of the components (1)", title="Share by the source's SNR", ylim=(0, None))
    error = [table["spearman"] - table["spearman_low"], table["spearman_high"] - table["spearman"]]
    right.errorbar(table["m"], table["spearman"], error, color="#0072B2", marker="o")
    right.axhline(0, color=GREY, linestyle=":", linewidth=1)
    bandwidth_axis(right, table["m"])
    right.set(ylabel="Spearman correlation (1)", title="Components against SNR, within a scene")
    handles, labels = left.get_legend_handles_labels()
    legend_right(fig, handles, labels, "rank of\nthe source")
    caption(
        fig, "Per-scene shares by energy; 95 % bootstrap bars over scenes; dotted: no preference. " + allocation.note
    )
    return fig


def judge(page: Page, allocation: Allocation, table: pd.DataFrame) -> list[Verdict]:
    """Section 3.2: the split is the data's, not equal."""
    counts = allocation.fixed.pivot_table(index="m", columns="source", values="components", aggfunc="sum").fillna(0)
    usable = counts[(counts.index >= len(allocation.sources)) & (counts.index < allocation.latent)]
    spread = usable.max(axis=1) - usable.min(axis=1)
    holds = bool(len(spread) and (spread >= 2).mean() >= 0.5)
    text = "; ".join(
        f"m = {m:g}: {' / '.join(f'{c:.0f}' for c in counts.loc[m, allocation.sources])}" for m in usable.index
    )
    if len(table):
        last = table.iloc[len(table) // 2]
        text += f"; rank correlation with SNR at m = {last['m']:g}: {last['spearman']:+.2f}"
        text += f" [{last['spearman_low']:+.2f}, {last['spearman_high']:+.2f}]"
    evidence = [page.evidence("tables", "by_bandwidth"), page.evidence("figures", "by_bandwidth")]
    return [
        judge_exact(
            page.claims["ndpca.allocation_unequal"], float(spread.mean()), holds, reason=text, evidence=evidence
        )
    ]
