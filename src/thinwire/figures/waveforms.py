"""What arrives at the ear against bandwidth: decoded and enhanced, held against clean speech and the microphones."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.figures.results import System, curves, rows_of
from thinwire.figures.style import ARCH_COLOUR, GREY, band, bandwidth_axis, caption, key, legend_right, system_name

TARGETS = {"": "clean speech", "_noisy": "the noisy microphones"}
VERSIONS = {"": "decoded", "_enhanced": "enhanced"}
HEARD = {"si_sdr": "SI-SDR (dB)", "pesq": "PESQ (MOS-LQO)", "stoi": "STOI (1)"}
MEASURES = ("psnr_magnitude", "psnr_paper", "psnr_complex", "snr_spectral", *HEARD)


def column_of(measure: str, version: str, target: str) -> str:
    """The column of items.parquet that holds a measure of one version against one target."""
    name = "psnr" if measure == "psnr_magnitude" and version else measure
    return f"{name}{version}{target}"


def waveform_table(items: pd.DataFrame, systems: Sequence[System], draws: int) -> pd.DataFrame:
    """Every measure of every system along the whole grid: version, target, and the columns of `results.curves`.

    Only the items that went through the sampler count, so decoded and enhanced stand on the same ones.
    """
    some = items.dropna(subset=["psnr_enhanced"])
    heard = [system for system in systems if not rows_of(some, system).empty]  # a run's own bottleneck only
    frames = [
        curves(some, heard, column_of(measure, version, target), draws).assign(
            metric=measure, version=VERSIONS[version], target=TARGETS[target]
        )
        for measure in MEASURES
        for version in VERSIONS
        for target in TARGETS
    ]
    table = pd.concat(frames, ignore_index=True)
    front = ["metric", "version", "target"]
    return table[[*front, *(name for name in table.columns if name not in front)]]


def draw_waveforms(table: pd.DataFrame, note: str) -> Figure:
    """SI-SDR, PESQ and STOI of the aware NDPCA systems, a row a target; `table` is `waveform_table`."""
    shown = table[(table["bottleneck"] == "ndpca") & (table["setting"] == "aware")]
    fig, panels = plt.subplots(len(TARGETS), len(HEARD), figsize=(12.4, 6.4), squeeze=False)
    for row, target in zip(panels, TARGETS.values(), strict=True):
        for axes, (measure, label) in zip(row, HEARD.items(), strict=True):
            part = shown[(shown["metric"] == measure) & (shown["target"] == target)]
            for (arch, version), rows in part.groupby(["arch", "version"], sort=False):
                colour, line = ARCH_COLOUR[arch], "-" if version == "decoded" else ":"
                axes.plot(rows["m"], rows["mean"], color=colour, linestyle=line, marker="o")
                if version == "decoded":
                    band(axes, rows["m"].to_numpy(), rows["low"].to_numpy(), rows["high"].to_numpy(), colour)
            bandwidth_axis(axes, part["m"])
            axes.set(ylabel=label, title=f"target: {target}")
    keys = [key(system_name(arch, "ndpca"), color=ARCH_COLOUR[arch], marker="o") for arch in shown["arch"].unique()]
    legend_right(fig, [*keys, key("decoded", color=GREY), key("enhanced", color=GREY, linestyle=":")])
    caption(
        fig,
        "Waveforms by Griffin-Lim from decoded magnitudes, whose phase is a guess: SI-SDR mostly tells that. "
        f"The noisy target is the first microphone. 95 % bands (decoded only) are wide: items are few. {note}",
    )
    return fig
