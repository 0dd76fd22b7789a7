"""Rate against distortion of the features: over lambda and tau (section 4.3.3, 4.3.4), and beside compared systems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.claims import Verdict
from thinwire.figures.aucom import runs as wing
from thinwire.figures.aucom.recognition import POINT, frontier, rate_axis
from thinwire.figures.aucom.verdicts import judge_pairs
from thinwire.figures.aucom.whiskers import whiskers
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED
from thinwire.figures.style import GREY, caption, key, legend_right, log_axis
from thinwire.figures.tfcodec.runs import interval_of
from thinwire.metrics.statistics import bootstrap_mean
from thinwire.params.aucom_codec import FRAME_RATE

SYMBOL_RATE = 0.025
"""Thousands of symbols a second that one row of the latent sends: 25 Hz."""
MSE_NAME = "mean squared error (feature variances)"
LAMBDA_COLOUR = ("#CC79A7", "#0072B2", "#E69F00", "#009E73", "#D55E00", "#000000")
LAMBDA_MARK = ("v", "o", "^", "s", "D", "P")
RATES = {"kbps_huffman": "Huffman", "kbps_entropy": "entropy"}


def load(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """Test items of all corpora of codec runs; segment_id carries its corpus, so that no two corpora share one."""
    items = wing.load(page, runs)
    return items.assign(segment_id=items["corpus"] + "/" + items["segment_id"])


def lambda_of(page: Page, run: str) -> float:
    """The row's own lambda, or the system's."""
    own = page.params.run(run).lmbda
    return float(page.params.systems.aucom_codec.lmbda if own is None else own)


def by_lambda(page: Page, runs: Sequence[str]) -> list[str]:
    """The runs from the smallest lambda to the largest."""
    return sorted(runs, key=lambda run: lambda_of(page, run))


def trade_off(page: Page, items: pd.DataFrame, runs: Sequence[str]) -> pd.DataFrame:
    """Rate and distortion of each run and tau over all its test items: run, lmbda, tau, kbps_entropy, kbps_huffman,
    floor_kbps (one bit a symbol; Huffman goes below it only by rows of one symbol), mse, mse_low, mse_high, error_db,
    items.
    """
    rows = []
    for run in by_lambda(page, runs):
        for tau, own in items[items["run"] == run].groupby("tau"):
            found = interval_of(page, own, "mse")
            row: dict[str, Any] = {"run": run, "lmbda": lambda_of(page, run), "tau": tau}
            row |= {name: own[name].mean() for name in RATES}
            row |= {"floor_kbps": own["rows"].iloc[0] * SYMBOL_RATE, "mse": found.mean, "mse_low": found.low}
            row |= {"mse_high": found.high, "error_db": own["error_db"].mean(), "items": found.items}
            rows.append(row)
    return pd.DataFrame(rows)


def lambda_styles(table: pd.DataFrame) -> dict[float, dict[str, Any]]:
    """Colour and marker of each lambda in a table."""
    values = sorted(set(table["lmbda"]))
    return {value: {"color": LAMBDA_COLOUR[k % len(LAMBDA_COLOUR)], "marker": LAMBDA_MARK[k % len(LAMBDA_MARK)]}
            for k, value in enumerate(values)}  # fmt: skip


def draw_lambda(table: pd.DataFrame, note: str) -> Figure:
    """The trade-off: one curve a lambda, a point a tau, by the rate of Huffman codes and by entropy."""
    fig, panels = plt.subplots(1, 2, figsize=(11.6, 4.4), sharey=True, sharex=True)
    looks = lambda_styles(table)
    for axes, (column, title) in zip(panels, RATES.items(), strict=True):
        for value, look in looks.items():
            rows = table[table["lmbda"] == value].sort_values("tau")
            bars = whiskers(rows, "mse", "mse_low", "mse_high")
            axes.errorbar(rows[column], rows["mse"], bars, elinewidth=1.0, **look)
        if column == "kbps_huffman":
            for floor in sorted(set(table["floor_kbps"])):
                axes.axvline(floor, color=GREY, linestyle=":", linewidth=1.2)
                axes.annotate("1 bit a symbol", (floor, 0.03), xycoords=("data", "axes fraction"), rotation=90,
                              xytext=(-3, 0), textcoords="offset points", fontsize=7.5, color=GREY, va="bottom",
                              ha="right")  # fmt: skip
        axes.set(title=f"Rate by {title}", xlabel="rate (kbit/s)")
    _name_taus(panels[1], table, "kbps_entropy")
    for axes in panels:
        log_axis(axes)
        axes.set_xlim(0, None)
    panels[0].set_ylabel(MSE_NAME)
    legend_right(fig, [key(f"$\\lambda$ = {value:g}", **look) for value, look in looks.items()])
    caption(
        fig,
        "All test items of all corpora; from right to left the steps tau rise (numbers). Lower and further left is "
        "better. Bars: 95 % bootstrap over items. " + note,
    )
    return fig


def _name_taus(axes: Axes, table: pd.DataFrame, column: str) -> None:
    """Write tau beside the points of the middle lambda."""
    values = sorted(set(table["lmbda"]))
    rows = table[table["lmbda"] == values[len(values) // 2]]
    for row in rows.to_dict("records"):
        axes.annotate(f"{row['tau']:g}", (row[column], row["mse"]), xytext=(5, 3), textcoords="offset points",
                      fontsize=7.5, color=GREY)  # fmt: skip


def draw_tau(table: pd.DataFrame, note: str) -> Figure:
    """Rate and distortion against tau, one curve a lambda; the entropy goes on falling where Huffman stops."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(11.0, 3.9))
    looks = lambda_styles(table)
    for value, look in looks.items():
        rows = table[table["lmbda"] == value].sort_values("tau")
        left.plot(rows["tau"], rows["kbps_huffman"], **look)
        left.plot(rows["tau"], rows["kbps_entropy"], **look | {"linestyle": "--", "markerfacecolor": "white"})
        right.plot(rows["tau"], rows["mse"], **look)
    for floor in sorted(set(table["floor_kbps"])):
        left.axhline(floor, color=GREY, linestyle=":", linewidth=1.2)
    left.set(title="Rate", ylabel="rate (kbit/s)", ylim=(0, None))
    right.set(title="Distortion", ylabel=MSE_NAME)
    log_axis(right)
    for axes in (left, right):
        axes.set_xlabel("step $\\tau$ (deviations of the latent)")
        axes.set_xticks(sorted(set(table["tau"])), [f"{tau:g}" for tau in sorted(set(table["tau"]))])
    legend_right(
        fig,
        [
            *(key(f"$\\lambda$ = {value:g}", **look) for value, look in looks.items()),
            key("Huffman", color=GREY),
            key("entropy", color=GREY, linestyle="--"),
            key("1 bit a symbol", color=GREY, linestyle=":"),
        ],
    )
    caption(fig, "Means over all test items of all corpora. " + note)
    return fig


def distortion_table(page: Page, items: pd.DataFrame) -> pd.DataFrame:
    """Every operating point that has a distortion, on one corpus (`recognition.load`): family, label, tau,
    kbps_nominal, system, kbps, mse, low, high, error_db, items.
    """
    rows = []
    measured = items.dropna(subset=["mse"])
    measured = measured[measured["family"] != wing.LOSSLESS]
    for point, own in measured.groupby([*POINT], sort=False, dropna=False):
        found = interval_of(page, own, "mse")
        row: dict[str, Any] = dict(zip(POINT, point, strict=True)) | {"system": wing.name(str(point[1]))}
        row |= {"kbps": own["kbps"].mean(), "mse": found.mean, "low": found.low, "high": found.high}
        rows.append(row | {"error_db": own["error_db"].mean(), "items": found.items})
    return pd.DataFrame(rows)


def draw_systems(table: pd.DataFrame, note: str) -> Figure:
    """Distortion against rate for every system: all operating points, and a line through those that no other of the
    system beats.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(12.2, 4.6))
    families = wing.order(list(table["family"]))
    for axes, column in ((left, "mse"), (right, "error_db")):
        for family in families:
            rows, look = table[table["family"] == family], wing.style(family)
            axes.plot(rows["kbps"], rows[column], **look | {"linestyle": "none", "alpha": 0.6})
            line = frontier(rows, column)
            axes.plot(line["kbps"], line[column], color=look["color"], linestyle=look.get("linestyle", "-"))
        rate_axis(axes, table["kbps"].min(), table["kbps"].max())
    left.set(title="In variances of the features", ylabel=MSE_NAME)
    log_axis(left)
    right.set(title="In decibels", ylabel="RMS error of log-mel features (dB)", ylim=(0, None))
    legend_right(fig, [key(wing.name(family), **wing.style(family)) for family in families])
    caption(
        fig,
        "Distortion of the features that the server gets, means over test items. A line goes through the points of a "
        "system that none of its others beats at their rate or below. MP3 and AAC were made for ears: their features "
        "are computed from the decoded waveform. " + note,
    )
    return fig


def cost_table(page: Page, items: pd.DataFrame, runs: Sequence[str], tau: float = 1.0) -> pd.DataFrame:
    """Eq. 21 in use, at the step of training: does a run make less of the loss that it was trained for than the others?

    Rate R + lambda D in bits a feature value: weighting (lambda of the loss), run, lmbda (its own), rate, distortion,
    cost, and `excess`, low, high over the run of that weighting (paired over items; 0 for itself).
    """
    values = page.params.systems.aucom_codec.n_mels * FRAME_RATE / 1000.0
    own = {run: items[(items["run"] == run) & (items["tau"] == tau)].groupby("segment_id") for run in runs}
    parts = {run: (found["kbps_entropy"].mean() / values, found["mse"].mean()) for run, found in own.items()}
    rows = []
    for best in by_lambda(page, runs):
        weight = lambda_of(page, best)
        for run in by_lambda(page, runs):
            rate, distortion = parts[run]
            cost, least = rate + weight * distortion, parts[best][0] + weight * parts[best][1]
            excess = bootstrap_mean((cost - least).dropna().to_numpy(), SEED, page.params.evaluation.bootstrap)
            front = (weight, run, lambda_of(page, run), rate.mean(), distortion.mean(), cost.mean())
            rows.append((*front, excess.mean, excess.low, excess.high))
    names = ["weighting", "run", "lmbda", "rate", "distortion", "cost", "excess", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def cost_words(costs: pd.DataFrame) -> str:
    """Which run makes least of the loss of each lambda, in words, a line a lambda. `costs` is `cost_table`."""
    lines = []
    for weight in sorted(set(costs["weighting"])):
        best = costs[costs["weighting"] == weight].sort_values("cost").iloc[0]
        if best["lmbda"] == weight:
            lines.append(f"- Under lambda = {weight:g} the run that was trained for it makes the least of the loss.")
            continue
        settled = "" if best["high"] < 0.0 else ", which these items do not settle"
        lines.append(
            f"- Under lambda = {weight:g} the run of lambda = {best['lmbda']:g} makes less of the loss than the one "
            f"that was trained for it: by {-best['excess']:.4f} bits a value, 95 % {-best['high']:.4f} to "
            f"{-best['low']:.4f}{settled}."
        )
    return "\n".join(lines)


def apart_words(page: Page, table: pd.DataFrame) -> str:
    """How far the curves of the lambdas lie apart, and what training tells their runs apart, in words. `table` is
    `trade_off`.
    """
    at_tau = table.groupby("tau")[["kbps_entropy", "mse"]]
    rate, mse = 100.0 * (at_tau.max() / at_tau.min() - 1.0).max()
    runs = dict(zip(table["run"], table["lmbda"], strict=True))
    cards = {value: wing.facts(page, run)["card"] for run, value in runs.items()}
    starts = {value: card["init"] if card["init"].startswith("scratch") else f"weights {card['init']}"
              for value, card in cards.items()}  # fmt: skip
    told = "; ".join(f"lambda = {value:g}: {card['steps']} steps from {starts[value]}" for value, card in cards.items())
    return f"At one tau the runs' rates differ by {rate:.1f} % at most, their distortions by {mse:.1f} % ({told})."


def steps(items: pd.DataFrame, column: str, first: float, second: float) -> np.ndarray:
    """Per test item, a column of one run at one tau minus that at another, of the items that have both."""
    table = items.pivot_table(index="segment_id", columns="tau", values=column, aggfunc="mean")
    return (table.get(first, np.nan) - table.get(second, np.nan) + pd.Series(0.0, table.index)).dropna().to_numpy()


def over(items: pd.DataFrame, column: str, more: str, less: str, tau: float = 1.0) -> np.ndarray:
    """Per test item, a column of the run `more` minus that of `less` at one tau."""
    part = items[items["tau"] == tau]
    table = part.pivot_table(index="segment_id", columns="run", values=column, aggfunc="mean")
    return (table[more] - table[less]).dropna().to_numpy()


def judge(page: Page, items: pd.DataFrame) -> list[Verdict]:
    """Sections 4.3.3 and 4.3.4; `items` are those of the runs of all lambdas (`load`)."""
    claim = page.claims["aucom.tau_monotone"]
    own = items[items["run"] == claim.models[0]]
    rates = {f"rate, tau {a} over {b}": steps(own, "kbps", a, b) for a, b in ((1, 2), (2, 3), (3, 5))}
    rates |= {f"rate, tau {a} not below {b}": steps(own, "kbps", a, b) for a, b in ((5, 8), (8, 10))}
    errors = {f"mse, tau {a} over {b}": steps(own, "mse", a, b) for a, b in ((2, 1), (3, 2), (5, 3))}
    errors |= {f"mse, tau {a} not below {b}": steps(own, "mse", a, b) for a, b in ((8, 5), (10, 8))}
    evidence = [page.evidence("tables", "lambda"), page.evidence("figures", "tau")]
    verdicts = [judge_pairs(page, claim.id, rates | errors, evidence)]
    claim = page.claims["aucom.rd_tradeoff"]
    low, middle, high = by_lambda(page, claim.models)
    gaps = {
        "rate, lambda 4 over 1": over(items, "kbps_entropy", middle, low),
        "rate, lambda 16 over 4": over(items, "kbps_entropy", high, middle),
        "mse, lambda 1 over 4": over(items, "mse", low, middle),
        "mse, lambda 4 over 16": over(items, "mse", middle, high),
    }
    evidence = [page.evidence("tables", "lambda"), page.evidence("figures", "lambda")]
    return [*verdicts, judge_pairs(page, claim.id, gaps, evidence)]
