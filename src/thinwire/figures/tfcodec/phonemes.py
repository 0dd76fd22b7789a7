"""Fig. 10: codewords and phonemes that occur together, and how much the ones tell of the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from thinwire.claims import Verdict, judge_shown
from thinwire.figures.paths import Page
from thinwire.figures.results import floor_of
from thinwire.figures.style import WEIGHT_MAP, caption
from thinwire.figures.tfcodec.information import best_group, load_information
from thinwire.figures.tfcodec.runs import run_name, tables_of

SILENCE = "SIL"


def cooccurrence(counts: pd.DataFrame, group: int) -> pd.DataFrame:
    """P(phone | codeword), phones by codewords, of one run and group without silence.

    Codewords stand by their most frequent phone, then by how pure they are; phones by the codewords they own.
    """
    part = counts[(counts["group"] == group) & (counts["phone"] != SILENCE)]
    table = part.pivot_table(index="phone", columns="codeword", values="count", fill_value=0, aggfunc="sum")
    share = table / table.sum(axis=0)
    owner = share.idxmax(axis=0)
    owned = owner.value_counts().reindex(share.index, fill_value=0)
    phones = sorted(share.index, key=lambda phone: (-owned[phone], phone))
    place = {phone: number for number, phone in enumerate(phones)}
    words = sorted(share.columns, key=lambda word: (place[owner[word]], -share[word].max(), word))
    return share.loc[phones, words]


def draw_cooccurrence(
    page: Page,
    counts: pd.DataFrame,
    information: pd.DataFrame,
    runs: Sequence[str],
    note: str,
    group: int | None = None,
) -> Figure:
    """Fig. 10: one map a run, of a codebook (None: the one that tells most of the phoneme)."""
    fig, panels = plt.subplots(1, len(runs), figsize=(1.6 + 5.6 * len(runs), 6.4), squeeze=False)
    for axes, run in zip(panels[0], runs, strict=True):
        shown = best_group(information, run) if group is None else group % page.params.run(run).groups
        table = cooccurrence(counts[counts["run"] == run], shown)
        axes.grid(visible=False)
        image = axes.imshow(table.to_numpy(), aspect="auto", cmap=WEIGHT_MAP, vmin=0, vmax=1, interpolation="nearest")
        axes.set_yticks(np.arange(len(table)), list(table.index), fontsize=6.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        bits = information[(information["run"] == run) & (information["group"] == shown)].iloc[0]
        axes.set_title(
            f"{run_name(page, run)}, codebook {shown}\n{bits['mutual_information_bits']:.2f} bit about the phoneme "
            f"({bits['shuffled_bits']:.2f} by chance)",
            fontsize=9,
        )
        axes.set(xlabel=f"{table.shape[1]} codewords in use, by their most frequent phoneme", ylabel="phoneme")
    fig.colorbar(image, ax=panels[0], label="share of the codeword's steps (1)", shrink=0.7)
    caption(
        fig,
        "A step of 40 ms counts for the phoneme with most of it; silence is left out. Codewords that occurred once "
        "look pure by chance, and so do the maps: beside the bits stands what shuffled labels give. " + note,
    )
    return fig


def phone_maps(maps: pd.DataFrame, runs: Sequence[str]) -> dict[str, pd.DataFrame]:
    """For each run the map P(other | phone) through its codewords, over the phones that all runs have."""
    tables = {
        run: maps[maps["run"] == run].pivot_table(index="phone", columns="other", values="probability", fill_value=0.0)
        for run in runs
    }
    shared = sorted(set.intersection(*(set(table.index) & set(table.columns) for table in tables.values())) - {SILENCE})
    return {run: table.loc[shared, shared] for run, table in tables.items()}


def likeness(one: pd.DataFrame, two: pd.DataFrame) -> dict[str, float]:
    """How alike two maps over the same phones are: Pearson and cosine, over all cells and off the diagonal."""
    a, b = one.to_numpy(float), two.to_numpy(float)
    off = ~np.eye(len(a), dtype=bool)
    found = {}
    for name, x, y in (("all", a.ravel(), b.ravel()), ("off_diagonal", a[off], b[off])):
        found[f"correlation_{name}"] = float(np.corrcoef(x, y)[0, 1])
        found[f"cosine_{name}"] = float(x @ y / np.sqrt((x @ x) * (y @ y)))
    return found


def draw_maps(page: Page, tables: dict[str, pd.DataFrame], note: str) -> Figure:
    """Phone by phone through the codewords, one map a run, on one colour scale that the diagonal does not set."""
    runs = list(tables)
    first = tables[runs[0]]
    top = max(float(np.quantile(table.to_numpy(), 0.995)) for table in tables.values())
    fig, panels = plt.subplots(1, len(runs), figsize=(1.6 + 4.6 * len(runs), 5.6), squeeze=False)
    for axes, run in zip(panels[0], runs, strict=True):
        axes.grid(visible=False)
        image = axes.imshow(tables[run], cmap=WEIGHT_MAP, vmin=0, vmax=top, interpolation="nearest")
        axes.set_xticks(np.arange(len(first)), list(first.index), fontsize=5.5, rotation=90)
        axes.set_yticks(np.arange(len(first)), list(first.index), fontsize=5.5)
        axes.set(title=run_name(page, run), xlabel="phoneme that shares codewords", ylabel="phoneme")
    fig.colorbar(image, ax=panels[0], label="probability (1)", shrink=0.7, extend="max")
    alike = likeness(*(tables[run] for run in (runs[0], runs[-1])))
    caption(
        fig,
        "How likely the codeword of a phoneme, looked up in other clips, points to another; mean over codebooks, so "
        f"that any sizes compare. First against last map: correlation {alike['correlation_all']:.2f} over all cells, "
        f"{alike['correlation_off_diagonal']:.2f} off the diagonal. " + note,
    )
    return fig


def over_chance(maps: pd.DataFrame, runs: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Maps less what phones share when codewords tell nothing: how common the other phone is. `maps`: phoneme_map."""
    return phone_maps(maps.assign(probability=maps["probability"] - maps["prior"]), runs)


def likeness_table(page: Page, maps: pd.DataFrame, runs: Sequence[str]) -> pd.DataFrame:
    """How alike the maps of the first and the last run are, as they are and over chance."""
    rows = []
    for kind, tables in (("probability", phone_maps(maps, runs)), ("over chance", over_chance(maps, runs))):
        found = likeness(tables[runs[0]], tables[runs[-1]])
        rows.append({"first": run_name(page, runs[0]), "last": run_name(page, runs[-1]), "map": kind} | found)
    return pd.DataFrame(rows)


def judge(page: Page) -> list[Verdict]:
    """Fig. 10: information above every shuffle, and maps and allocations that are alike at both rates."""
    claim = page.claims["tfc.fig10"]
    runs = claim.models
    information = load_information(page, runs)
    mean = information.groupby("run")[["mutual_information_bits", "shuffled_max_bits"]].mean()
    alike = likeness(*over_chance(tables_of(page, runs, "phoneme_map"), runs).values())["correlation_all"]
    share = tables_of(page, runs, "phoneme_allocation").pivot_table(
        index="phone", columns="run", values="share", fill_value=0.0
    )
    owned = float(np.corrcoef(share[runs[0]], share[runs[1]])[0, 1])
    checks = {
        "related": bool((mean["mutual_information_bits"] > mean["shuffled_max_bits"]).all()),
        "maps": alike >= 0.8,
        "allocation": owned >= 0.8,
    }
    told = mean["mutual_information_bits"]
    bits = ", ".join(f"{run_name(page, run)}: {told[run]:.2f} bit" for run in runs)
    floor = floor_of(page, claim.id)
    return [
        judge_shown(
            claim, checks, {"maps": alike, "allocation": owned}, floor_ok=floor.ok, reason=f"{floor.reason}; {bits}",
            evidence=[page.evidence("figures", "cooccurrence"), page.evidence("tables", "information")],
        )
    ]  # fmt: skip
