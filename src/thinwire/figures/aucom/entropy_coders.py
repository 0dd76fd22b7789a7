"""Table 2: four entropy coders on the same symbols, and as the paper made its comparison, beside its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.figures.aucom.runs import CODER_NAME, CODERS, PRINTED, TITLES, VARIANTS, item_means, name, score
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED
from thinwire.figures.style import GREY, SOURCE_COLOUR, caption, key, legend_right
from thinwire.metrics.statistics import Interval, bootstrap_mean
from thinwire.params.aucom_codec import FRAME_RATE, STRIDE

HUFFMAN_TAU, OTHERS_TAU = 2.0, 1.0
"""What section 5.3.3 compares: Huffman on r / 2, the other three on r."""
PAPER, AS_PAPER = SOURCE_COLOUR[5], "#000000"
TAU_LOOK = {OTHERS_TAU: (SOURCE_COLOUR[0], "o"), HUFFMAN_TAU: (SOURCE_COLOUR[2], "s")}
COLOUR_MARK = {"huffman": (SOURCE_COLOUR[5], "o"), "arithmetic": (SOURCE_COLOUR[0], "o"),
               "range": (SOURCE_COLOUR[2], "s"), "rans": (SOURCE_COLOUR[3], "^")}  # fmt: skip
COLUMN_RATE = FRAME_RATE / STRIDE
"""Symbols a second of each row."""


def paper_tau(coder: str) -> float:
    """The tau at which Table 2 prints a coder."""
    return HUFFMAN_TAU if coder == "huffman" else OTHERS_TAU


def printed(page: Page, corpus: str, run: str, coder: str) -> tuple[float, float]:
    """Rate (kbps) and score (%) of Table 2."""
    value = page.claims[claim_of(corpus, run)].paper_value
    assert isinstance(value, dict)
    measure = "wer" if "others_wer" in value else "accuracy"
    return value[f"{coder}_kbps"], value[f"{'huffman' if coder == 'huffman' else 'others'}_{measure}"]


def claim_of(corpus: str, run: str) -> str:
    """The claim that holds a version's cell of Table 2."""
    return f"aucom.table2_{PRINTED[corpus]}_{run.removeprefix('aucom_')}"


def point(items: pd.DataFrame, corpus: str, run: str, tau: float) -> pd.DataFrame:
    """Items of a version on a corpus at a step."""
    return items[(items["corpus"] == corpus) & (items["label"] == run) & (items["tau"] == tau)]


def rate(page: Page, items: pd.DataFrame, coder: str) -> Interval:
    """Item mean of a coder's rate with its 95 % interval, seeds averaged first."""
    values = item_means(items, [f"kbps_{coder}"]).to_numpy()
    return bootstrap_mean(values, SEED, page.params.evaluation.bootstrap)


def table2(page: Page, items: pd.DataFrame) -> pd.DataFrame:
    """Table 2 in long form: corpus, run, coder; paper_kbps, paper_score (%, WER or accuracy); then as the paper made it
    (tau 2 for Huffman, 1 for the others) tau, kbps with low and high, score; and at equal tau kbps_tau1, score_tau1,
    kbps_tau2, score_tau2. `items` are those of v1 to v3.
    """
    rows = []
    for corpus in TITLES:
        for run in VARIANTS:
            at = {tau: point(items, corpus, run, tau) for tau in (OTHERS_TAU, HUFFMAN_TAU)}
            scores = {tau: score(part, draws=1).mean for tau, part in at.items()}
            for coder in CODERS:
                paper, own = printed(page, corpus, run, coder), paper_tau(coder)
                found = rate(page, at[own], coder)
                equal = {f"kbps_tau{tau:g}": rate(page, part, coder).mean for tau, part in at.items()}
                equal |= {f"score_tau{tau:g}": value for tau, value in scores.items()}
                rows.append({"corpus": corpus, "run": run, "coder": coder, "paper_kbps": paper[0],
                             "paper_score": paper[1], "tau": own, "kbps": found.mean, "low": found.low,
                             "high": found.high, "score": scores[own], **equal, "items": found.items})  # fmt: skip
    return pd.DataFrame(rows)


def draw_table2(table: pd.DataFrame, note: str) -> Figure:
    """Rates of the four coders: every corpus a row, every version a column. Filled: equal tau; ring: as the paper made
    it; diamond: what it prints. `table` is `table2`.
    """
    corpora, runs = (list(dict.fromkeys(table[column])) for column in ("corpus", "run"))
    fig, panels = plt.subplots(
        len(corpora), len(runs), figsize=(12.6, 1.45 * len(corpora) + 1.0), sharex="col", sharey=True, squeeze=False
    )
    places = np.arange(len(CODERS))[::-1]
    for line, corpus in enumerate(corpora):
        for axes, run in zip(panels[line], runs, strict=True):
            part = table[(table["corpus"] == corpus) & (table["run"] == run)].set_index("coder").loc[list(CODERS)]
            for tau, (colour, marker) in TAU_LOOK.items():
                axes.plot(part[f"kbps_tau{tau:g}"], places, marker, color=colour, markersize=5)
            axes.plot(part["kbps"], places, "o", color=AS_PAPER, markerfacecolor="none", markersize=9.5)
            axes.plot(part["paper_kbps"], places, "D", color=PAPER, markerfacecolor="white", markersize=5)
            axes.set_yticks(places, [CODER_NAME[coder] for coder in CODERS])
            axes.set_ylim(-0.6, len(CODERS) - 0.4)
            axes.grid(visible=False, axis="y")
            if line == 0:
                axes.set_title(name(run))
        panels[line][0].set_ylabel(TITLES[corpus].replace(" (", "\n("), fontsize=8)
    for axes in panels[-1]:
        axes.set_xlabel("rate (kbit/s, payload from bytes)")
        axes.set_xlim(0, None)
    legend_right(
        fig,
        [
            *(key(f"all four at tau = {tau:g}", color=colour, marker=marker, linestyle="none")
              for tau, (colour, marker) in TAU_LOOK.items()),
            key("as the paper compares\n(Huffman tau 2, others 1)", color=AS_PAPER, marker="o", linestyle="none",
                markersize=9.5, markerfacecolor="none"),
            key("paper, Table 2", color=PAPER, marker="D", linestyle="none", markerfacecolor="white"),
        ],
    )  # fmt: skip
    caption(
        fig,
        "Payload of each test item alone, the container's header apart. Rings make Huffman look cheapest, for it codes "
        "coarser symbols; at one tau the symbols are the same, and so is what the task makes of them. " + note,
    )
    return fig


def equal_table(items: pd.DataFrame, taus: Sequence[float]) -> pd.DataFrame:
    """At each tau, over the items of all corpora: run, tau, coder, kbps, entropy_kbps (under the tables), bits and
    entropy_bits a symbol, and how much the coder takes over the entropy and over arithmetic coding (%); items.
    """
    rows = []
    for run in VARIANTS:
        for tau in taus:
            part = items[(items["label"] == run) & (items["tau"] == tau)]
            means = {kind: float(part[f"kbps_{kind}"].mean()) for kind in ("entropy", *CODERS)}
            kilosymbols = float(part["rows"].mean()) * COLUMN_RATE / 1000.0
            rows += [
                (run, tau, coder, means[coder], means["entropy"], means[coder] / kilosymbols,
                 means["entropy"] / kilosymbols, _over(means[coder], means["entropy"]),
                 _over(means[coder], means["arithmetic"]), len(part))
                for coder in CODERS
            ]  # fmt: skip
    columns = ["run", "tau", "coder", "kbps", "entropy_kbps", "bits", "entropy_bits", "over_entropy_percent",
               "over_arithmetic_percent", "items"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _over(kbps: float, other: float) -> float:
    return 100.0 * (kbps / other - 1.0) if other > 1e-9 else np.nan


def hidden_table(table: pd.DataFrame) -> pd.DataFrame:
    """What the paper's comparison hides, cell by cell of Table 2: Huffman over arithmetic in per cent as the paper
    prints it, as measured in its way, and at equal tau 1 and 2; and the paper's spread of arithmetic, range and rANS
    (largest over smallest), which coders of the same symbols cannot have, beside the measured one. `table`: `table2`.
    """
    ways = {"paper": "paper_kbps", "as_paper": "kbps", "tau1": "kbps_tau1", "tau2": "kbps_tau2"}
    rows = []
    for (corpus, run), part in table.groupby(["corpus", "run"], sort=False):
        row: dict[str, Any] = {"corpus": corpus, "run": run}
        for way, column in ways.items():
            rates = dict(zip(part["coder"], part[column].astype(float), strict=True))
            row[f"{way}_percent"] = _over(rates["huffman"], rates["arithmetic"])
        others = part.loc[part["coder"] != "huffman", ["paper_kbps", "kbps"]].astype(float)
        row["paper_spread"], row["spread"] = others.max() / others.min()
        rows.append(row)
    return pd.DataFrame(rows)


def draw_hidden(hidden: pd.DataFrame, equal: pd.DataFrame, note: str) -> Figure:
    """Left: Huffman against arithmetic coding, four ways. Middle: spread of the three coders that lie near the entropy.
    Right: what each coder takes over the entropy, at every tau.
    """
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(13.0, 4.4), width_ratios=[1.25, 0.8, 1.1])
    ways = {"paper_percent": "paper", "as_paper_percent": "measured,\nas the paper", "tau1_percent": "both at\ntau 1",
            "tau2_percent": "both at\ntau 2"}  # fmt: skip
    colours = [PAPER, AS_PAPER, TAU_LOOK[OTHERS_TAU][0], TAU_LOOK[HUFFMAN_TAU][0]]
    _strip(left, [hidden[column].to_numpy(float) for column in ways], colours)
    left.axhline(0.0, color="black", linewidth=0.9)
    left.set_xticks(range(len(ways)), list(ways.values()))
    left.set(ylabel="Huffman over arithmetic (% of rate)", title="Is Huffman cheaper?")
    _strip(middle, [hidden["paper_spread"].to_numpy(float), hidden["spread"].to_numpy(float)], [PAPER, AS_PAPER])
    middle.axhline(1.0, color="black", linewidth=0.9)
    middle.set_xticks(range(2), ["paper", "measured"])
    middle.set(ylabel="largest over smallest rate (1)", title="Arithmetic, range, rANS")
    end = max(float(np.nanmax(equal[["bits", "entropy_bits"]].to_numpy(float), initial=1.0)), 1.0) * 1.05
    right.plot([0, end], [0, end], color="black", linewidth=0.9)
    for coder in CODERS:
        part, (colour, marker) = equal[equal["coder"] == coder], COLOUR_MARK[coder]
        right.plot(part["entropy_bits"], part["bits"], marker, color=colour, markerfacecolor="none")
    right.set(xlabel="entropy under the tables (bit a symbol)", ylabel="from bytes (bit a symbol)", xlim=(-0.04, end),
              ylim=(0, end), title="What a symbol costs")  # fmt: skip
    hollow = {"markerfacecolor": "none", "linestyle": "none"}
    keys = [key(CODER_NAME[coder], color=colour, marker=marker, **hollow)
            for coder, (colour, marker) in COLOUR_MARK.items()]  # fmt: skip
    lines = [key("equal to the entropy", color="black", linewidth=0.9), key("mean of cells", color=GREY)]
    legend_right(fig, keys + lines)
    caption(
        fig,
        "Left and middle: one point a cell of Table 2 (six corpora, three versions). On the same symbols arithmetic "
        "coding takes at most a few bits more than Huffman, and the three coders near the entropy cannot lie 1.4 times "
        "apart. Right: every version at every tau, mean over the items of all corpora. " + note,
    )
    return fig


def _strip(axes: Axes, columns: Sequence[np.ndarray], colours: Sequence[str]) -> None:
    for place, (values, colour) in enumerate(zip(columns, colours, strict=True)):
        across = place + np.linspace(-0.22, 0.22, max(len(values), 1))
        axes.plot(across[: len(values)], np.sort(values), "o", color=colour, markersize=3.8, alpha=0.75)
        if np.isfinite(values).any():
            axes.plot([place - 0.3, place + 0.3], [np.nanmean(values)] * 2, color=GREY, linewidth=1.4)
    axes.grid(visible=False, axis="x")
