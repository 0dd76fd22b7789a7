"""Section F: speed, in the paper's convention (times real time) and in the usual one (its inverse)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.artifacts import read_json
from thinwire.claims import Verdict
from thinwire.figures.paths import Page
from thinwire.figures.style import GREY, SOURCE_COLOUR, caption
from thinwire.figures.tfcodec.verdicts import judge_holds

WAYS = {"encode": "encoding", "decode": "decoding"}
OURS = "TF-Codec"
PRINTED = f"{OURS}, as printed (Xeon E5-1620 v4)"
# Names of measurements in reports/benchmarks.json, with the way in their middle, and how systems are called here.
SYSTEMS = {
    "stream_{}": f"{OURS}, ONNX Runtime",
    "stream_{}_torch": f"{OURS}, PyTorch",
    "encodec_{}": "EnCodec 24 kHz, PyTorch",
    "opus_{}": "Opus (libopus)",
}
NOT_MEASURED = {"value": None, "target": None, "on_clock": None, "note": "not in the report"}


def load_benchmarks(page: Page) -> dict[str, Any]:
    """reports/benchmarks.json: speeds taken in one run on one machine."""
    return read_json(page.path("reports", "benchmarks.json"))


def speed_table(page: Page, report: dict[str, Any]) -> pd.DataFrame:
    """Every system and way: times real time (the paper's "RTF"), its inverse (the usual RTF), the target of this
    project, which CPU time is held to, times real time on the clock, and what was measured; the paper's own in the
    first two lines. Empty values: not measured, see `note`.
    """
    printed = page.claims["tfc.rtf"].paper_value
    assert isinstance(printed, dict)
    measured = {row["name"]: row for row in report["measurements"]}
    rows = [(PRINTED, way, printed[way], np.nan, np.nan, "printed") for way in WAYS]
    for name, system in SYSTEMS.items():
        for way in WAYS:
            row = measured.get(name.format(way), NOT_MEASURED)
            rows.append((system, way, row["value"], row["target"], row["on_clock"], row["note"]))
    table = pd.DataFrame(rows, columns=["system", "way", "times_real_time", "target", "times_on_clock", "note"])
    table = table.astype({"times_real_time": float, "target": float, "times_on_clock": float})
    table.insert(3, "rtf", 1.0 / table["times_real_time"])
    return table


def fastest(table: pd.DataFrame) -> dict[str, float]:
    """The faster backend of the codec each way, times real time; NaN where none was measured."""
    ours = table[table["system"].str.startswith(OURS) & (table["system"] != PRINTED)]
    return {way: float(ours.loc[ours["way"] == way, "times_real_time"].max()) for way in WAYS}


def clocks(table: pd.DataFrame, found: dict[str, float]) -> str:
    """What the clock said of the speeds `found` by `fastest`, in words; nothing where it was not noted."""
    ours = table[table["system"].str.startswith(OURS)].dropna(subset=["times_on_clock"])
    said = [
        f"{way} {speed:.3g}"
        for way, value in found.items()
        for speed in ours.loc[(ours["way"] == way) & (ours["times_real_time"] == value), "times_on_clock"]
    ]
    return f"; times real time on the clock {', '.join(said)}" if said else ""


def draw_speed(table: pd.DataFrame, note: str) -> Figure:
    """Encoding and decoding, times real time on one thread, with the targets."""
    systems = list(dict.fromkeys(table["system"]))
    fig, panels = plt.subplots(1, 2, figsize=(11.4, 1.4 + 0.42 * len(systems)), sharex=True, sharey=True)
    for axes, way in zip(panels, WAYS, strict=True):
        _bars(axes, table[table["way"] == way].set_index("system").reindex(systems))
        axes.set(xlabel="times real time", title=WAYS[way])
    top = float(np.nanmax(table["times_real_time"]))
    ticks = [tick for tick in (1, 3, 10, 30, 100, 300, 1000, 3000, 10000) if tick < 5 * top]
    panels[0].set_xscale("log")
    panels[0].set_xlim(1.0, 30.0 * top)
    panels[0].set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    for axes in panels:
        axes.minorticks_off()
    panels[0].set_yticks(np.arange(len(systems))[::-1], systems)
    caption(
        fig,
        "Times real time is duration over computation, which the paper calls real-time factor; the usual one is its "
        "inverse, in the table. One thread of this machine; bars are CPU time, in brackets what the clock says; models "
        "at the paper's size with random weights; EnCodec codes whole signals at once. Upright lines: this project's "
        "targets, for CPU time. " + note,
    )
    return fig


def _bars(axes: Axes, rows: pd.DataFrame) -> None:
    places = np.arange(len(rows))[::-1]
    values = rows["times_real_time"].to_numpy(float)
    colours = [GREY if system == PRINTED else SOURCE_COLOUR[0] for system in rows.index]
    axes.barh(places, np.nan_to_num(values), 0.55, color=colours)
    clocks = rows["times_on_clock"].to_numpy(float)
    for place, value, clock, target in zip(places, values, clocks, rows["target"], strict=True):
        text = f"{float(f'{value:.3g}'):,g} x" if np.isfinite(value) else "not measured"
        text += f" ({float(f'{clock:.3g}'):,g} x)" if np.isfinite(clock) else ""
        axes.annotate(text, (np.nan_to_num(value, nan=1.0), place), xytext=(4, 0), textcoords="offset points",
                      va="center", fontsize=8)  # fmt: skip
        if np.isfinite(target):
            axes.plot([target, target], [place - 0.36, place + 0.36], color=SOURCE_COLOUR[5], linewidth=2)
    axes.grid(visible=False, axis="y")


def judge(page: Page) -> list[Verdict]:
    """Section IV-F: at least the paper's speed, by the faster backend."""
    printed = page.claims["tfc.rtf"].paper_value
    assert isinstance(printed, dict)
    table = speed_table(page, load_benchmarks(page))
    found = fastest(table)
    usual = ", ".join(f"{way} {1.0 / value:.3g}" for way, value in found.items())
    told = f"CPU time of the faster backend; usual RTF {usual}" + clocks(table, found)
    missing = [way for way, value in found.items() if not np.isfinite(value)]
    reason = f"{' and '.join(missing)}: not measured, run the benchmarks" if missing else told
    evidence = [page.evidence("tables", "speed"), page.evidence("figures", "speed")]
    fast = not missing and all(found[way] >= value for way, value in printed.items())
    return [
        judge_holds(
            page, "tfc.rtf", {way: value for way, value in found.items() if np.isfinite(value)}, fast, evidence, reason
        )
    ]
