"""How many bits a codeword tells of the phoneme (beside Fig. 10), against what shuffled labels would give."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.figures.paths import Page
from thinwire.figures.style import GREY, caption, key, legend_right
from thinwire.figures.tfcodec.runs import rate_style, run_name, tables_of


def load_information(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """phoneme_information.parquet of the named runs, with system and kbps."""
    table = tables_of(page, runs, "phoneme_information")
    return table.assign(
        system=[run_name(page, run) for run in table["run"]], kbps=[page.params.run(run).kbps for run in table["run"]]
    )


def best_group(information: pd.DataFrame, run: str) -> int:
    """The codebook of a run that tells most of the phoneme."""
    part = information[information["run"] == run].set_index("group")["mutual_information_bits"]
    return int(part.index[int(part.argmax())])


def information_table(information: pd.DataFrame) -> pd.DataFrame:
    """Per run, over groups: mutual information mean and best, chance (mean over shuffles, and the largest shuffle),
    phoneme entropy, all in bit; share of that entropy told (%), steps.
    """
    rows = []
    for (system, run), part in information.groupby(["system", "run"], sort=False):
        bits, entropy = part["mutual_information_bits"], part["phone_entropy_bits"].mean()
        rows.append(
            (system, run, bits.mean(), bits.max(), part["shuffled_bits"].mean(), part["shuffled_max_bits"].max(),
             entropy, 100.0 * (bits.mean() - part["shuffled_bits"].mean()) / entropy, int(part["steps"].max()),
             len(part))
        )  # fmt: skip
    names = ["system", "run", "mutual_information_mean", "mutual_information_best", "shuffled_mean", "shuffled_largest",
             "phone_entropy", "told_over_chance_percent", "steps", "groups"]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def draw_information(information: pd.DataFrame, allocation: pd.DataFrame, note: str) -> Figure:
    """Left: bits that each codebook tells of the phoneme, with chance. Right: how many codewords each phoneme owns."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(13.0, 4.2), width_ratios=[2, 3])
    runs = list(dict.fromkeys(information["run"]))
    for place, run in enumerate(runs):
        part = information[information["run"] == run].sort_values("mutual_information_bits")
        across = place + np.linspace(-0.32, 0.32, len(part)) if len(part) > 1 else np.array([float(place)])
        style = rate_style(part["kbps"].iloc[0])
        left.plot(across, part["mutual_information_bits"], **style, linestyle="none")
        left.plot(across, part["shuffled_bits"], "_", color=GREY, markersize=6)
    left.axhline(float(information["phone_entropy_bits"].mean()), color="black", linestyle="--", linewidth=0.9)
    names = information.drop_duplicates("run")["system"]
    left.set_xticks(range(len(runs)), [textwrap.fill(name, 10) for name in names])
    left.set(ylabel="mutual information (bit)", title="What one codebook tells of the phoneme", ylim=(0, None))
    order = allocation.groupby("phone")["share"].mean().sort_values(ascending=False).index[:24]
    width = 0.8 / len(runs)
    for place, run in enumerate(runs):
        part = allocation[allocation["run"] == run].set_index("phone")["share"].reindex(order, fill_value=0.0)
        style = rate_style(information.loc[information["run"] == run, "kbps"].iloc[0])
        right.bar(
            np.arange(len(order)) + (place - (len(runs) - 1) / 2) * width, 100.0 * part, width, color=style["color"]
        )
    right.set_xticks(np.arange(len(order)), list(order), fontsize=7.5)
    right.grid(visible=False, axis="x")
    right.set(ylabel="codewords (%)", xlabel="phoneme", title="Codewords whose most frequent phoneme it is")
    keys = [
        key(name, **(rate_style(information.loc[information["run"] == run, "kbps"].iloc[0]) | {"linestyle": "none"}))
        for run, name in zip(runs, names, strict=True)
    ]
    keys += [key("labels shuffled", color=GREY, marker="_", linestyle="none", markersize=8),
             key("phoneme entropy", color="black", linestyle="--", linewidth=0.9)]  # fmt: skip
    legend_right(fig, keys)
    caption(
        fig,
        "One point a codebook. Mutual information from few steps is biased upwards by what the shuffles show. " + note,
    )
    return fig
