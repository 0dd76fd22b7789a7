"""PSNR against bandwidth (Fig. 3b, 3c): every architecture and bottleneck, task-agnostic and task-aware."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.figures.paths import Page
from thinwire.figures.results import curve, load_items, rows_of, systems_of
from thinwire.figures.style import (
    ARCH_COLOUR,
    BOTTLENECK_MARK,
    GREY,
    band,
    bandwidth_axis,
    caption,
    key,
    legend_right,
    system_name,
    system_style,
)

SETTING_NAME = {"agnostic": "task-agnostic (Fig. 3b)", "aware": "task- and perception-aware (Fig. 3c)"}
METRIC_NAME = {
    "psnr_magnitude": "PSNR of magnitudes, against clean (dB)",
    "psnr_magnitude_noisy": "PSNR of magnitudes, against the noisy mics (dB)",
    "psnr_paper": "PSNR of magnitude and phase, one MSE (dB)",
    "psnr_complex": "PSNR of complex spectra (dB)",
    "psnr_enhanced": "PSNR of magnitudes after enhancement (dB)",
    "snr_spectral": "spectral SNR (dB)",
    "phase_error": "anti-wrapped phase error (rad)",
    "pesq": "PESQ (MOS-LQO)",
    "stoi": "STOI (1)",
    "si_sdr": "SI-SDR (dB)",
}
REPRESENTATION_COLOUR = {"magnitude": "#D55E00", "mag_phase": "#CC79A7", "complex": "#009E73"}
REPRESENTATION_NAME = {
    "magnitude": "magnitude",
    "mag_phase": "magnitude + phase (paper)",
    "complex": "real + imaginary",
}


def draw_system(axes: Axes, rows: pd.DataFrame) -> None:
    """One system's curve with its 95 % band; a model for one rate is a point."""
    first = rows.iloc[0]
    style = system_style(first["arch"], first["bottleneck"])
    axes.plot(
        rows["m"], rows["mean"], **style, label=first["system"], zorder=4 if first["bottleneck"] == "fixed" else 3
    )
    if first["bottleneck"] == "fixed":
        axes.errorbar(
            rows["m"],
            rows["mean"],
            [rows["mean"] - rows["low"], rows["high"] - rows["mean"]],
            fmt="none",
            ecolor=style["color"],
        )
    else:
        band(axes, rows["m"].to_numpy(), rows["low"].to_numpy(), rows["high"].to_numpy(), style["color"])


def draw_predictors(axes: Axes, levels: dict[str, Any]) -> None:
    """Horizontal lines for the predictors that send nothing."""
    for name, key_, line in (
        ("mean spectrum, nothing sent", "mean_spectrum", ":"),
        ("silence, nothing sent", "zero", (0, (1, 4))),
    ):
        axes.axhline(levels[key_], color=GREY, linestyle=line, linewidth=1.1, label=name)


def system_keys(table: pd.DataFrame) -> list:
    """One legend entry a system, in the order in which they first occur."""
    pairs = table[["arch", "bottleneck"]].drop_duplicates().itertuples(index=False)
    return [key(system_name(arch, bottleneck), **system_style(arch, bottleneck)) for arch, bottleneck in pairs]


def draw_psnr(table: pd.DataFrame, levels: dict[str, Any] | None, note: str, metric: str = "psnr_magnitude") -> Figure:
    """Both settings side by side on one scale. `table` is `results.curves`; `levels` the predictors without a network
    (None: not drawn).
    """
    table = table[table["metric"] == metric]
    settings = [setting for setting in SETTING_NAME if setting in set(table["setting"])]
    fig, panels = plt.subplots(1, len(settings), figsize=(3.4 + 3.9 * len(settings), 4.6), sharey=True, squeeze=False)
    for axes, setting in zip(panels[0], settings, strict=True):
        part = table[table["setting"] == setting]
        for _, rows in part.groupby(["arch", "bottleneck"], sort=False):
            draw_system(axes, rows.sort_values("m"))
        if levels is not None:
            draw_predictors(axes, levels)
        bandwidth_axis(axes, part["m"])
        axes.set_title(SETTING_NAME[setting])
    panels[0][0].set_ylabel(METRIC_NAME[metric])
    lines = [
        line
        for line in panels[0][0].get_lines()
        if line.get_label() in ("silence, nothing sent", "mean spectrum, nothing sent")
    ]
    legend_right(fig, [*system_keys(table), *lines])
    caption(
        fig,
        f"Means with 95 % bootstrap bands. {levels['peak'] if levels else 'MAX as in the first figure'}. " + note,
    )
    return fig


def draw_targets(table: pd.DataFrame, note: str) -> Figure:
    """The same reconstructions held against two targets: clean (as trained) and the noisy microphones (reading 1.8.4
    of the method facts).
    """
    metrics = [metric for metric in ("psnr_magnitude", "psnr_magnitude_noisy") if metric in set(table["metric"])]
    fig, panels = plt.subplots(1, len(metrics), figsize=(11.2, 4.2), squeeze=False)
    shown = table[table["bottleneck"].isin(["ndpca"])]
    for axes, metric in zip(panels[0], metrics, strict=True):
        for (arch, setting), rows in shown[shown["metric"] == metric].groupby(["arch", "setting"], sort=False):
            line = "-" if setting == "aware" else ":"
            axes.plot(rows["m"], rows["mean"], color=ARCH_COLOUR[arch], linestyle=line, marker="o")
            band(axes, rows["m"].to_numpy(), rows["low"].to_numpy(), rows["high"].to_numpy(), ARCH_COLOUR[arch])
        bandwidth_axis(axes, shown["m"])
        axes.set(
            ylabel=METRIC_NAME[metric],
            title="target: " + ("the noisy microphones" if metric.endswith("noisy") else "clean speech"),
        )
    keys = [key(system_name(arch, "ndpca"), color=ARCH_COLOUR[arch], marker="o") for arch in shown["arch"].unique()]
    keys += [key("task-aware", color=GREY, linestyle="-"), key("task-agnostic", color=GREY, linestyle=":")]
    legend_right(fig, keys)
    caption(fig, "Does the aware setting reach a higher PSNR? It depends on the target. 95 % bootstrap bands. " + note)
    return fig


def draw_ratio(table: pd.DataFrame, note: str) -> Figure:
    """PSNR as a share of the joint coder's at each bandwidth; `table` is `gains.ratio_to_joint`."""
    settings = [setting for setting in SETTING_NAME if setting in set(table["setting"])]
    fig, panels = plt.subplots(1, len(settings), figsize=(3.4 + 3.9 * len(settings), 3.9), sharey=True, squeeze=False)
    for axes, setting in zip(panels[0], settings, strict=True):
        part = table[table["setting"] == setting]
        for (arch, bottleneck), rows in part.groupby(["arch", "bottleneck"], sort=False):
            axes.plot(rows["m"], rows["percent"], **system_style(arch, bottleneck))
            band(
                axes,
                rows["m"].to_numpy(),
                rows["percent_low"].to_numpy(),
                rows["percent_high"].to_numpy(),
                ARCH_COLOUR[arch],
            )
        axes.axhline(100, color="black", linewidth=1.2)
        bandwidth_axis(axes, part["m"])
        axes.set_title(SETTING_NAME[setting])
    panels[0][0].set_ylabel("PSNR, share of joint E1D1 (%)")
    legend_right(fig, [key("E1D1 joint (= 100 %)", color="black"), *system_keys(table)])
    caption(
        fig,
        "Ratios of dB values, which depend on MAX: the table has the differences in dB. Paired 95 % bootstrap bands. "
        + note,
    )
    return fig


def representation_tables(page: Page, runs: Sequence[str], metrics: Sequence[str]) -> dict[str, pd.DataFrame]:
    """For each metric, the curves of runs that differ in representation: representation, m, mean, low, high, n."""
    items, draws = load_items(page, runs), page.params.evaluation.bootstrap
    tables = {}
    for metric in metrics:
        frames = []
        for system in systems_of(page, runs):
            rows = rows_of(items, system)
            frames.append(
                curve(rows, metric, draws=draws).assign(representation=page.params.run(system.run).representation)
            )
        table = pd.concat(frames, ignore_index=True)
        if not table.empty:  # some metrics are computed for a part of the runs only
            tables[metric] = table
    return tables


def together(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """`representation_tables` as one: metric, then their columns."""
    return pd.concat(tables, names=["metric"]).reset_index("metric").reset_index(drop=True)


def draw_representations(tables: dict[str, pd.DataFrame], note: str) -> Figure:
    """Input as magnitude, as magnitude and phase (the paper), and as real and imaginary part: the same coder, several
    PSNRs.
    """
    fig, panels = plt.subplots(1, len(tables), figsize=(3.0 * len(tables) + 2.6, 3.8), squeeze=False)
    for axes, (metric, table) in zip(panels[0], tables.items(), strict=True):
        for name, rows in table.groupby("representation", sort=False):
            colour = REPRESENTATION_COLOUR[str(name)]
            axes.plot(rows["m"], rows["mean"], color=colour, marker=BOTTLENECK_MARK["ndpca"])
            band(axes, rows["m"].to_numpy(), rows["low"].to_numpy(), rows["high"].to_numpy(), colour)
        bandwidth_axis(axes, table["m"])
        axes.set_ylabel(METRIC_NAME[metric])
        axes.set_title(f"{table['n'].max()} segments")
    shown = list(dict.fromkeys(name for table in tables.values() for name in table["representation"]))
    legend_right(
        fig,
        [key(REPRESENTATION_NAME[name], color=REPRESENTATION_COLOUR[name], marker="o") for name in shown],
        title="input",
    )
    caption(
        fig,
        "E4D1 NDPCA, task-agnostic. Where the decoder gives no phase, complex spectra come from Griffin-Lim. "
        "Each panel says of how many segments. " + note,
    )
    return fig


def draw_at(table: pd.DataFrame, m: int, metric: str = "psnr_magnitude") -> Figure:
    """All systems at one bandwidth, as bars with intervals (what the slider moves)."""
    part = table[(table["m"] == m) & (table["metric"] == metric)]
    settings = [setting for setting in SETTING_NAME if setting in set(part["setting"])]
    names = list(dict.fromkeys(part["system"]))
    fig, axes = plt.subplots(figsize=(8.4, 0.42 * len(names) + 1.4))
    for offset, setting in enumerate(settings):
        rows = part[part["setting"] == setting].set_index("system").reindex(names)
        places = np.arange(len(names)) + 0.2 * (2 * offset - len(settings) + 1)
        colours = [ARCH_COLOUR[name[:4]] for name in names]
        axes.errorbar(
            rows["mean"],
            places,
            xerr=[rows["mean"] - rows["low"], rows["high"] - rows["mean"]],
            fmt="none",
            ecolor=GREY,
        )
        axes.scatter(rows["mean"], places, c=colours, marker="o" if setting == "agnostic" else "D", zorder=3, s=34)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set(xlabel=METRIC_NAME[metric], title=f"m = {m} floats/s (circles: agnostic, diamonds: aware)")
    return fig
