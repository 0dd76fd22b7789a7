"""Fig. 2, Eq. 1: how Gaussian the latent is at each position, and how positions differ; verdicts of the notebook."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from thinwire.claims import Verdict
from thinwire.figures.aucom.lengths import length_table
from thinwire.figures.aucom.normalisation import saved_table
from thinwire.figures.aucom.runs import name, style, tables_of
from thinwire.figures.aucom.verdicts import judge_holds, judge_picture
from thinwire.figures.paths import Page
from thinwire.figures.style import GREY, SOURCE_COLOUR, WEIGHT_MAP, caption, key, legend_right

KS_MEDIAN, KS_ONE_IN_20 = 0.61, 0.89
"""Times 1 / sqrt(n): the Kolmogorov-Smirnov distance that half and one in twenty of truly normal samples exceed, when
mean and deviation are their own (Lilliefors 1967)."""
SHAPES = {"ks": "distance to the normal, KS (1)", "skewness": "skewness (1)", "kurtosis": "excess kurtosis (1)"}
KINDS = {"raw": ("latent as it is, r", "#7f7f7f"), "normalised": ("normalised, $\\tilde{r}$", SOURCE_COLOUR[0])}


def load_densities(page: Page, run: str) -> dict[str, np.ndarray]:
    """densities.npz of a run: `r` and `normalised` (n, 3) at the three positions, `pooled` and `pooled_normalised`."""
    with np.load(page.path("results", run, "densities.npz"), allow_pickle=False) as store:
        return {kind: store[kind].astype(np.float64) for kind in store.files}


def places(positions: pd.DataFrame) -> list[tuple[int, int]]:
    """Row and time of the three positions that were fixed beforehand: a quarter, half and three quarters of either."""
    rows, times = int(positions["row"].max()) + 1, int(positions["time"].max()) + 1
    return [(rows * k // 4, times * k // 4) for k in (1, 2, 3)]


def draw_densities(run: str, densities: dict[str, np.ndarray], positions: pd.DataFrame, note: str) -> Figure:
    """Fig. 2: three positions and all of them pooled, as they are (above) and normalised (below), with normal
    densities.
    """
    fig, panels = plt.subplots(2, 4, figsize=(12.4, 5.0), squeeze=False)
    shown = {"raw": [*densities["r"].T, densities["pooled"]],
             "normalised": [*densities["normalised"].T, densities["pooled_normalised"]]}  # fmt: skip
    titles = [f"row {row}, time {time}" for row, time in places(positions)] + ["all positions"]
    for line, (kind, columns) in enumerate(shown.items()):
        for axes, values, title in zip(panels[line], columns, titles, strict=True):
            usable = values[np.isfinite(values)]
            _density(axes, usable, KINDS[kind][1], unit=kind == "normalised")
            axes.set_title(title if line == 0 else "")
            axes.set_xlabel(f"{KINDS[kind][0]} (1)")
        panels[line][0].set_ylabel("density (1)")
    legend_right(
        fig,
        [
            *(key(text, color=colour, linewidth=6, alpha=0.6) for text, colour in KINDS.values()),
            key("normal of its own\nmean and deviation", color="black"),
            key("N(0, 1)", color="black", linestyle="--"),
        ],
    )
    caption(fig, f"{name(run)}. The three positions were fixed before training. Clips of dev and eval. {note}")
    return fig


def _density(axes: Axes, values: np.ndarray, colour: str, *, unit: bool) -> None:
    if len(values) < 2 or np.ptp(values) == 0.0:
        axes.text(0.5, 0.5, "too few values", transform=axes.transAxes, ha="center", va="center", color=GREY)
        return
    mean, deviation = float(values.mean()), float(values.std())
    low, high = np.quantile(values, [0.002, 0.998])
    low, high = min(low, mean - 3.2 * deviation), max(high, mean + 3.2 * deviation)
    count = int(np.clip(np.sqrt(len(values)) * 1.5, 8, 48))
    axes.hist(values, np.linspace(low, high, count).tolist(), density=True, color=colour, alpha=0.6)
    x = np.linspace(low, high, 200)
    axes.plot(x, norm.pdf(x, mean, deviation), color="black", linewidth=1.3)
    if unit:
        axes.plot(x, norm.pdf(x), color="black", linewidth=1.3, linestyle="--")


def draw_positions(run: str, positions: pd.DataFrame, note: str) -> Figure:
    """Mean and deviation of each position of one run: do they depend on the row, on the time, or on both?"""
    fig, panels = plt.subplots(1, 2, figsize=(12.0, 3.6), sharey=True)
    for axes, column, title in zip(
        panels, ("mu", "sigma"), ("mean $\\mu_{ji}$", "deviation $\\sigma_{ji}$"), strict=True
    ):
        table = positions.pivot_table(index="row", columns="time", values=column)
        axes.grid(visible=False)
        scale = {"cmap": WEIGHT_MAP} if column == "sigma" else {"cmap": "RdBu_r", **_symmetric(table.to_numpy())}
        image = axes.imshow(table, aspect="auto", origin="lower", interpolation="nearest",
                            extent=(0.0, table.shape[1] / 25, 0, len(table)), **scale)  # fmt: skip
        axes.set(title=title, xlabel="time in the chunk (s)")
        fig.colorbar(image, ax=axes, label=f"$\\{column}_{{ji}}$ (1)", shrink=0.9)
        for row, time in places(positions):
            axes.plot((time + 0.5) / 25, row + 0.5, "o", markersize=7, markerfacecolor="none", color="black")
    panels[0].set_ylabel("row of the latent, j")
    share = share_of_rows(positions)
    caption(
        fig,
        f"{name(run)}. Of the variance of the means over all positions {100 * share['mu']:.0f} % lies between rows, of "
        f"that of the deviations {100 * share['sigma']:.0f} %. Circles: the positions of Fig. 2. {note}",
    )
    return fig


def _symmetric(values: np.ndarray) -> dict[str, float]:
    limit = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 0.0
    return {"vmin": -(limit or 1.0), "vmax": limit or 1.0}


def share_of_rows(positions: pd.DataFrame) -> dict[str, float]:
    """How much of the variance of mu and of sigma over positions lies between rows (the rest lies along time)."""
    out = {}
    for column in ("mu", "sigma"):
        whole = float(positions[column].var(ddof=0))
        between = float(positions.groupby("row")[column].transform("mean").var(ddof=0))
        out[column] = between / whole if whole > 0 else 0.0
    return out


def draw_shapes(positions: pd.DataFrame, note: str) -> Figure:
    """How far from normal each position is, over all positions of every run, beside what chance alone would show."""
    fig, panels = plt.subplots(1, 3, figsize=(12.4, 3.7))
    runs = list(dict.fromkeys(positions["run"]))
    for axes, (column, label) in zip(panels, SHAPES.items(), strict=True):
        low, high = positions[column].quantile([0.005, 0.995]).fillna(0.0)
        edges = np.linspace(low, high if high > low else low + 1.0, 40)
        for run in runs:
            values = positions.loc[positions["run"] == run, column].dropna().clip(edges[0], edges[-1])
            shape = np.histogram(values, edges)[0] * 100.0 / max(len(values), 1)
            axes.stairs(shape, edges, color=style(run)["color"], linewidth=1.6)
        axes.set(xlabel=label, ylim=(0, None))
        if column != "ks":
            axes.axvline(0.0, color="black", linewidth=0.9)
    chance = KS_ONE_IN_20 / np.sqrt(float(positions["n"].median()))
    panels[0].axvline(chance, color="black", linestyle="--", linewidth=1.0)
    panels[0].set_ylabel("positions (%)")
    legend_right(
        fig,
        [
            *(key(name(run), color=style(run)["color"]) for run in runs),
            key("one in 20 by chance\nif truly normal", color="black", linestyle="--", linewidth=1.0),
            key("normal", color="black", linewidth=0.9),
        ],
    )
    caption(
        fig,
        f"Each position's values over {positions['n'].median():.0f} chunks against the normal distribution of their "
        f"own mean and deviation; values beyond the outermost half per cent stand in the last bin. {note}",
    )
    return fig


def shape_table(positions: pd.DataFrame) -> pd.DataFrame:
    """Per run: positions, chunks a position; median of |skewness| and of |excess kurtosis|; KS median and 95 %
    quantile, each with a Gaussian's, and the share of positions beyond what one in 20 Gaussians exceeds; deviation of
    mu and of log sigma over positions with what estimating them from so few chunks would make; shares between rows.
    """
    rows = []
    for run, part in positions.groupby("run", sort=False):
        root, share = np.sqrt(part["n"]), share_of_rows(part)
        usable = part[part["sigma"] > 0]
        rows.append(
            {"system": name(str(run)), "run": run, "positions": len(part), "chunks": float(part["n"].median()),
             "abs_skewness_median": part["skewness"].abs().median(),
             "abs_kurtosis_median": part["kurtosis"].abs().median(),
             "ks_median": part["ks"].median(), "ks_median_gaussian": float((KS_MEDIAN / root).median()),
             "ks_95": part["ks"].quantile(0.95), "ks_95_gaussian": float((KS_ONE_IN_20 / root).median()),
             "beyond_chance_percent": 100.0 * float((part["ks"] > KS_ONE_IN_20 / root).mean()),
             "mu_deviation": part["mu"].std(ddof=0), "mu_chance": float((part["sigma"] / root).median()),
             "log_sigma_deviation": np.log(usable["sigma"]).std(ddof=0),
             "log_sigma_chance": float((1.0 / np.sqrt(2.0 * part["n"])).median()),
             "mu_between_rows_percent": 100 * share["mu"], "sigma_between_rows_percent": 100 * share["sigma"]}
        )  # fmt: skip
    return pd.DataFrame(rows)


def judge(page: Page) -> list[Verdict]:
    """Fig. 2 and Eq. 4 to 6, each of the versions that its claim names."""
    runs = page.claims["aucom.fig2_gaussian"].models
    return [_gaussian(page, shape_table(tables_of(page, runs, "positions"))), _drop(page), _length(page)]


def _gaussian(page: Page, table: pd.DataFrame) -> Verdict:
    near = (table["abs_skewness_median"] <= 0.5) & (table["abs_kurtosis_median"] <= 1.0)
    checks = {
        "near_gaussian": bool(near.all()),
        "own_mean": bool((table["mu_deviation"] >= 2.0 * table["mu_chance"]).all()),
        "own_variance": bool((table["log_sigma_deviation"] >= 2.0 * table["log_sigma_chance"]).all()),
    }
    measured = {f"{row['run']}_{kind}": row[f"abs_{kind}_median"] for row in table.to_dict("records")
                for kind in ("skewness", "kurtosis")}  # fmt: skip
    told = "; ".join(
        f"{row['system']}: KS distance {row['ks_median']:.3f} (Gaussians of {row['chunks']:.0f} values: "
        f"{row['ks_median_gaussian']:.3f})" for row in table.to_dict("records")
    )  # fmt: skip
    evidence = [page.evidence("figures", "densities"), page.evidence("figures", "shapes"),
                page.evidence("tables", "shapes")]  # fmt: skip
    return judge_picture(page, "aucom.fig2_gaussian", checks, measured, evidence, told)


def _drop(page: Page) -> Verdict:
    claim = page.claims["aucom.eq6_entropy_drop"]
    saved = saved_table(tables_of(page, claim.models, "normalisation"))
    at_one = saved[saved["step"] == 1.0].to_dict("records")
    shares = {row["run"]: row["saved_equal_distortion"] / (row["normalised_bits"] + row["saved_equal_distortion"])
              for row in at_one}  # fmt: skip
    told = "; ".join(
        f"{row['system']}: at equal distortion {row['normalised_bits']:.2f} bit against "
        f"{row['normalised_bits'] + row['saved_equal_distortion']:.2f} ({100 * shares[row['run']]:.0f} % less), at "
        f"equal step {row['normalised_bits']:.2f} against {row['raw_bits']:.2f}" for row in at_one
    )  # fmt: skip
    complete = len(shares) == len(claim.models) and all(np.isfinite(share) for share in shares.values())
    holds = all(share >= 0.1 for share in shares.values()) if complete else None
    evidence = [page.evidence("figures", "normalisation"), page.evidence("tables", "normalisation")]
    measured = {run: 100.0 * share for run, share in shares.items()}
    return judge_holds(page, claim.id, measured, holds, evidence, told)


def _length(page: Page) -> Verdict:
    claim = page.claims["aucom.eq4_len_entropy"]
    table = length_table(tables_of(page, claim.models, "rows"), claim.models)
    over = {row["run"]: row["over_percent"] for row in table[table["tau"] == 1.0].to_dict("records")}
    complete = len(over) == len(claim.models) and all(np.isfinite(percent) for percent in over.values())
    told = "; ".join(
        f"{row['system']} at tau {row['tau']:g}: {row['huffman_bits']:.3f} over {row['entropy_bits']:.3f} bit"
        for row in table.to_dict("records")
    )
    evidence = [page.evidence("figures", "lengths"), page.evidence("tables", "lengths")]
    holds = all(percent <= 10.0 for percent in over.values()) if complete else None
    return judge_holds(page, claim.id, over, holds, evidence, f"Huffman over entropy: {told}")
