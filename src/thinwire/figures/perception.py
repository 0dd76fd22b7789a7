"""Rate, distortion and perception (Fig. 4): what the weight of the perception loss costs and what it buys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.claims import Verdict, item_scores, judge_ordering
from thinwire.errors import PipelineError
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED, curve, floor_of, load_items, rank_correlation
from thinwire.figures.style import GREY, WEIGHT_MAP, band, bandwidth_axis, caption, key, legend_right

MEASURES = {
    "distortion": "distortion: enhancement loss\n(1 = the noisy microphone)",
    "logit_gap": "distance to clean speech's logits\n(logit)",
    "plcmos": "PLCMOS (MOS)",
    "psnr_magnitude": "PSNR of magnitudes (dB)",
}


def load_sweep(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """Items of the sweep's runs, bottleneck ndpca, ordered by weight; `lambda_perc` comes from `params.yaml`'s rows."""
    items = load_items(page, runs)
    items = items[items["bottleneck"] == "ndpca"].dropna(subset=["distortion"])
    if items.empty:
        raise PipelineError(
            f"results/{runs[0]}/items.parquet: column distortion holds no value; evaluate the runs of the sweep"
        )
    return items.sort_values(["lambda_perc", "m", "segment_id"], ignore_index=True)


def sweep_curves(items: pd.DataFrame, draws: int) -> pd.DataFrame:
    """Every measure of every weight by bandwidth, with 95 % intervals."""
    frames = []
    for measure in MEASURES:
        for weight, rows in items.groupby("lambda_perc"):
            frames.append(curve(rows, measure, draws=draws).assign(measure=measure, lambda_perc=weight))
    return pd.concat(frames, ignore_index=True)[["measure", "lambda_perc", "m", "mean", "low", "high", "n"]]


def _colours(weights: Iterable[float]) -> dict[Any, Any]:
    weights = sorted(weights)
    scale = colormaps[WEIGHT_MAP]
    return {weight: scale(0.88 * i / max(len(weights) - 1, 1)) for i, weight in enumerate(weights)}


def draw_rate(table: pd.DataFrame, note: str) -> Figure:
    """Fig. 4: distortion and realism against bandwidth, one curve a weight."""
    measures = [name for name in MEASURES if name != "plcmos" and not table[table["measure"] == name].empty]
    colours = _colours(table["lambda_perc"].unique())
    fig, panels = plt.subplots(1, len(measures), figsize=(3.4 * len(measures) + 1.6, 4.0))
    for axes, measure in zip(np.atleast_1d(panels), measures, strict=True):
        part = table[table["measure"] == measure]
        for weight, rows in part.groupby("lambda_perc"):
            axes.plot(rows["m"], rows["mean"], color=colours[weight], marker="o")
            band(axes, rows["m"].to_numpy(), rows["low"].to_numpy(), rows["high"].to_numpy(), colours[weight])
        bandwidth_axis(axes, part["m"])
        axes.set_ylabel(MEASURES[measure])
    legend_right(
        fig,
        [key(f"{weight:g}", color=colour, marker="o") for weight, colour in colours.items()],
        title="weight of the\nperception loss",
    )
    caption(fig, "E4D1 NDPCA, aware. Weights are multiples of the aware runs' own. 95 % bootstrap bands. " + note)
    return fig


def draw_tradeoff(table: pd.DataFrame, note: str) -> Figure:
    """Realism against distortion: each line is one bandwidth, walked from weight 0 to the highest."""
    measures = [name for name in ("logit_gap", "plcmos") if not table[table["measure"] == name].empty]
    fig, panels = plt.subplots(1, len(measures), figsize=(4.4 * len(measures) + 1.8, 4.2), squeeze=False)
    colours = _colours(table["lambda_perc"].unique())
    distortion = table[table["measure"] == "distortion"].set_index(["lambda_perc", "m"])["mean"]
    for axes, measure in zip(panels[0], measures, strict=True):
        part = table[table["measure"] == measure]
        for m, rows in part.groupby("m"):
            rows = rows.sort_values("lambda_perc")
            x = np.array([distortion.get((weight, m), np.nan) for weight in rows["lambda_perc"]])
            axes.plot(x, rows["mean"], color=GREY, linewidth=0.9, zorder=1)
            yerr = np.array([rows["mean"] - rows["low"], rows["high"] - rows["mean"]])
            axes.errorbar(x, rows["mean"], yerr, fmt="none", ecolor="#c4c4c4", linewidth=0.8, zorder=1)
            axes.scatter(x, rows["mean"], c=[colours[weight] for weight in rows["lambda_perc"]], s=30, zorder=2)
            axes.annotate(
                f"m = {m:g}",
                (x[0], rows["mean"].iloc[0]),
                xytext=(-6, -3),
                textcoords="offset points",
                ha="right",
                va="top",
                fontsize=7,
                color=GREY,
            )
        axes.margins(0.22, 0.1)
        axes.set(xlabel=MEASURES["distortion"], ylabel=MEASURES[measure])
        better = "down is more real" if measure == "logit_gap" else "up is more real"
        axes.set_title(f"{better}, left is less distorted")
    keys = [key(f"{weight:g}", color=colour, marker="o", linestyle="none") for weight, colour in colours.items()]
    legend_right(fig, keys, title="weight of the\nperception loss")
    caption(
        fig,
        "Means over test items with 95 % bootstrap bars; PLCMOS on the waveform by Griffin-Lim, at fewer bandwidths. "
        + note,
    )
    return fig


def with_weight(items: pd.DataFrame) -> np.ndarray:
    """Per item: rank correlation of distortion with the weight at each bandwidth, averaged over bandwidths."""
    per_m = []
    for _, rows in items.groupby("m"):
        table = rows.pivot_table(index="segment_id", columns="lambda_perc", values="distortion").dropna()
        per_m.append(pd.Series(rank_correlation(table.to_numpy(), np.asarray(table.columns, float)), table.index))
    return pd.concat(per_m, axis=1).dropna().mean(axis=1).to_numpy()


def with_rate(items: pd.DataFrame) -> dict[str, np.ndarray]:
    """Per item and weight: minus the rank correlation of distortion with bandwidth."""
    out = {}
    for weight, rows in items.groupby("lambda_perc"):
        table = rows.pivot_table(index="segment_id", columns="m", values="distortion").dropna()
        out[f"weight {weight:g}"] = -rank_correlation(table.to_numpy(), np.asarray(table.columns, float))
    return out


def _of_run(items: pd.DataFrame, run: str, column: str) -> pd.Series:
    rows = items[items["run"] == run].dropna(subset=[column])
    return item_scores(rows, f"{run}/ndpca", column)


def judge(page: Page, items: pd.DataFrame) -> list[Verdict]:
    """The three claims of Fig. 4."""
    seed, draws = SEED, page.params.evaluation.bootstrap
    options = {"seed": seed, "draws": draws}
    by_weight = items[["lambda_perc", "run"]].drop_duplicates().sort_values("lambda_perc")
    none, most = by_weight["run"].iloc[0], by_weight["run"].iloc[-1]
    evidence = [page.evidence("tables", "sweep"), page.evidence("figures", "distortion_vs_bandwidth")]
    rdp, rate, real = (
        page.claims[f"ndpca.{name}"] for name in ("fig4_rdp", "fig4_rate_monotone", "realism_not_distortion")
    )
    floors = {claim.id: floor_of(page, claim.id) for claim in (rdp, rate, real)}
    gain = (_of_run(items, most, "plcmos") - _of_run(items, none, "plcmos")).dropna().to_numpy()
    extra = [f"distortion {_of_run(items, run, 'distortion').mean():.4g} ({run})" for run in (none, most)]
    if items["logit_gap"].notna().any():
        extra += [f"own logit gap {_of_run(items, run, 'logit_gap').mean():.3g} ({run})" for run in (none, most)]
    tradeoff = [page.evidence("tables", "sweep"), page.evidence("figures", "realism_vs_distortion")]
    note = "; ".join([*extra, floors[real.id].reason])
    return [
        judge_ordering(rdp, with_weight(items), floors[rdp.id].ok, floors[rdp.id].reason, evidence=evidence, **options),
        judge_ordering(
            rate, with_rate(items), floors[rate.id].ok, floors[rate.id].reason, evidence=evidence, **options
        ),
        judge_ordering(real, gain, floors[real.id].ok, note, evidence=tradeoff, **options),
    ]
