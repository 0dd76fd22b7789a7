"""Latency and memory of a minute of audio on this machine (Fig. 14, 15), and the four entropy coders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.artifacts import read_json
from thinwire.figures.aucom.runs import CODER_NAME, CODERS
from thinwire.figures.paths import Page
from thinwire.figures.style import GREY, SOURCE_COLOUR, caption, key, legend_right

SYSTEMS = {"edge": "AUCOM v1", "encodec": "EnCodec 24 kHz", "dac_16k": "DAC 16 kHz"}
"""What the benchmarks call a system, and how it is called here."""
PARTS = {"fbank": "mel filter bank", "encoder": "encoder, ONNX Runtime", "coder": "Huffman coder"}
MEASURES = {"minute": "latency_ms", "memory": "memory_mb"}
WAYS = {"encode": "encoding", "decode": "decoding"}
NOT_THERE = {"value": None, "target": None, "note": "not in the report; run `make bench`"}
COLOUR = {"measured": SOURCE_COLOUR[0], "printed": "#c4c7cc", "target": SOURCE_COLOUR[5]}


def load_benchmarks(page: Page) -> dict[str, Any]:
    """reports/benchmarks.json: times and memory taken in one run on one machine."""
    return read_json(page.path("reports", "benchmarks.json"))


def measured(report: dict[str, Any], name: str) -> dict[str, Any]:
    """One row of the report; where there is none, a row without a value that says so."""
    rows = {row["name"]: row for row in report["measurements"]}
    return NOT_THERE | rows.get(name, {})


def printed_ranges(page: Page) -> dict[str, dict[str, tuple[float, float]]]:
    """What the text says of five phones, by measure and system: from, to (0: "less than" alone)."""
    latency, memory = (page.claims[f"aucom.{name}"].paper_value for name in ("fig14", "fig15"))
    assert isinstance(latency, dict)
    assert isinstance(memory, dict)
    neural = {
        "latency_ms": (1000.0 * latency["neural_min"], 1000.0 * latency["neural_max"]),
        "memory_mb": (memory["neural_min"], memory["neural_max"]),
    }
    ours = {"latency_ms": (1000.0 * latency["aucom"],) * 2, "memory_mb": (0.0, memory["aucom_max"])}
    return {measure: {"edge": ours[measure], "encodec": found, "dac_16k": found} for measure, found in neural.items()}


def edge_table(page: Page, report: dict[str, Any]) -> pd.DataFrame:
    """Each system: latency (ms) and memory (MB) of a minute here, the project's targets, the paper's values on phones
    from and to, and how it was measured. Empty values: not measured, see `note`.
    """
    printed = printed_ranges(page)
    rows = []
    for name, system in SYSTEMS.items():
        row: dict[str, Any] = {"system": system}
        for part, measure in MEASURES.items():
            found = measured(report, f"{name}_{part}")
            low, high = printed[measure][name]
            row |= {measure: found["value"], f"{measure}_target": found["target"]}
            row |= {f"{measure}_printed_from": low, f"{measure}_printed_to": high}
        rows.append(row | {"note": measured(report, f"{name}_minute")["note"]})
    table = pd.DataFrame(rows)
    return table.astype({name: float for name in table.columns if name not in ("system", "note")})


def part_table(report: dict[str, Any]) -> pd.DataFrame:
    """AUCOM's minute by part, ms; `whole` was timed by itself."""
    names = {f"edge_{name}": what for name, what in PARTS.items()} | {"edge_minute": "whole"}
    rows = [(what, measured(report, name)["value"], measured(report, name)["note"]) for name, what in names.items()]
    return pd.DataFrame(rows, columns=["part", "ms", "note"]).astype({"ms": float})


def coder_table(report: dict[str, Any]) -> pd.DataFrame:
    """Speed of the entropy coders on the same symbols, million a second."""
    rows = []
    for coder in CODERS:
        for way in WAYS:
            found = measured(report, f"coder_{coder}_{way}")
            rows.append((CODER_NAME[coder], way, found["value"], found["target"], found["note"]))
    table = pd.DataFrame(rows, columns=["coder", "way", "msymbols_per_s", "target", "note"])
    return table.astype({"msymbols_per_s": float, "target": float})


def draw_edge(table: pd.DataFrame, note: str) -> Figure:
    """Latency and memory of every system, over the ranges that the paper prints for phones."""
    fig, panels = plt.subplots(1, 2, figsize=(11.4, 1.6 + 0.55 * len(table)), sharey=True)
    labels = {"latency_ms": ("ms a minute of audio", "Fig. 14: latency of encoding"),
              "memory_mb": ("MB", "Fig. 15: memory of the process")}  # fmt: skip
    places = np.arange(len(table))[::-1]
    for axes, (measure, (unit, title)) in zip(panels, labels.items(), strict=True):
        axes.set_xscale("log")
        _ranges(axes, table, measure, places)
        axes.set(xlabel=unit, title=title)
        axes.minorticks_off()
        axes.grid(visible=False, axis="y")
    panels[0].set_yticks(places, table["system"])
    legend_right(fig, [key("measured here", color=COLOUR["measured"], linewidth=7),
                       key("printed, five phones", color=COLOUR["printed"], linewidth=7),
                       key("this project's target", color=COLOUR["target"], linewidth=2)])  # fmt: skip
    caption(
        fig,
        "A minute of audio, each system alone in a process on one thread of this machine. AUCOM goes from samples to "
        "bytes without torch (NumPy filter bank, ONNX Runtime), the others to codes, 5 s at once, under PyTorch; "
        'weights are random, sizes the authors\'. A light bar that begins at the left edge is printed as "less than". '
        + note,
    )
    return fig


def number(value: float) -> str:
    """Three digits, and no exponents where there are more."""
    return f"{value:.3g}" if value < 1000.0 else f"{value:,.0f}"


def _ranges(axes: Axes, table: pd.DataFrame, measure: str, places: np.ndarray) -> None:
    values = table[measure].to_numpy(float)
    low, high = (table[f"{measure}_printed_{end}"].to_numpy(float) for end in ("from", "to"))
    everything = np.concatenate([values[np.isfinite(values)], high, low[low > 0]])
    left, right = float(everything.min()) / 3.0, float(everything.max()) * 6.0
    axes.set_xlim(left, right)
    start = np.where(low > 0, low, left)
    for place, first, last in zip(places, start, high, strict=True):
        if first == last:
            axes.plot([first, first], [place + 0.06, place + 0.4], color=COLOUR["printed"], linewidth=4)
        else:
            axes.barh(place + 0.23, last - first, 0.26, left=first, color=COLOUR["printed"])
    axes.barh(places - 0.12, np.nan_to_num(values, nan=left) - left, 0.34, left=left, color=COLOUR["measured"])
    for place, value, target in zip(places, values, table[f"{measure}_target"], strict=True):
        text = number(value) if np.isfinite(value) else "not measured"
        axes.annotate(text, (np.nan_to_num(value, nan=left), place - 0.12), xytext=(4, 0), textcoords="offset points",
                      va="center", fontsize=8)  # fmt: skip
        if np.isfinite(target):
            axes.plot([target, target], [place - 0.36, place + 0.12], color=COLOUR["target"], linewidth=2)


def draw_parts(parts: pd.DataFrame, coders: pd.DataFrame, target: float, note: str) -> Figure:
    """Where AUCOM's minute goes, and how fast the entropy coders are."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(11.4, 3.4))
    start = 0.0
    for place, (part, ms) in enumerate(parts.loc[parts["part"] != "whole", ["part", "ms"]].itertuples(index=False)):
        if np.isfinite(ms):
            left.barh(0, ms, 0.5, left=start, color=SOURCE_COLOUR[place], label=f"{part}: {ms:.3g} ms")
            start += ms
    whole = float(parts["ms"].to_numpy(float)[parts["part"] == "whole"][0])
    if np.isfinite(whole):
        left.barh(-0.8, whole, 0.5, color=GREY, label=f"whole, timed by itself: {whole:.3g} ms")
    else:
        left.text(0.5, 0.5, "not measured", transform=left.transAxes, ha="center")
    if np.isfinite(target):
        left.axvline(target, color=COLOUR["target"], linewidth=2, label=f"this project's target: {target:g} ms")
    left.set(yticks=[], xlabel="ms a minute of audio", title="Where the time goes", ylim=(-1.3, 0.5))
    left.grid(visible=False, axis="y")
    if left.get_legend_handles_labels()[0]:
        left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=1)
    names = list(dict.fromkeys(coders["coder"]))
    places = np.arange(len(names))[::-1]
    for shift, (way, title) in zip((0.18, -0.18), WAYS.items(), strict=True):
        rows = coders[coders["way"] == way].set_index("coder").reindex(names)
        values = rows["msymbols_per_s"].to_numpy(float)
        shade = SOURCE_COLOUR[0] if way == "encode" else SOURCE_COLOUR[4]
        right.barh(places + shift, np.nan_to_num(values), 0.32, color=shade, label=title)
        for place, value, wanted in zip(places + shift, values, rows["target"], strict=True):
            text = f"{value:.3g}" if np.isfinite(value) else "not measured"
            right.annotate(text, (np.nan_to_num(value), place), xytext=(4, 0), textcoords="offset points",
                           va="center", fontsize=8)  # fmt: skip
            if np.isfinite(wanted):
                right.plot([wanted, wanted], [place - 0.17, place + 0.17], color=COLOUR["target"], linewidth=2)
    right.set_yticks(places, names)
    right.set(xlabel="million symbols a second", title="Entropy coders, the same symbols")
    right.margins(x=0.12)
    right.grid(visible=False, axis="y")
    target_key = key("this project's target", color=COLOUR["target"], linewidth=2)
    handles = [*right.get_legend_handles_labels()[0], target_key]
    right.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=3)
    caption(fig, "One thread of this machine. Right: CPU time; decoding encodes again as proof. " + note)
    return fig
