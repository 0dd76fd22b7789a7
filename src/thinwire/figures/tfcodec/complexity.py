"""Section F: parameters, operations and delay, beside what the paper prints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.artifacts import read_json
from thinwire.claims import Verdict
from thinwire.figures.paths import Page
from thinwire.figures.style import SOURCE_COLOUR, caption, key, legend_right
from thinwire.figures.tfcodec.verdicts import judge_holds

SIZES = {"paper": "paper_size", "here": "in_use"}  # keys of complexity.json, and how tables call them
SIZE_NAME = {"paper": "presets/paper.yaml", "here": "params.yaml"}
PARTS = ("encoder", "decoder", "predictive", "quantiser")
PART_NAME = {"encoder": "encoder", "decoder": "decoder", "predictive": "predictive loop", "quantiser": "quantiser"}
COLOUR = {"print": "#000000", "paper": SOURCE_COLOUR[5], "here": SOURCE_COLOUR[0]}


def load(page: Page) -> dict[str, Any]:
    """complexity.json: what was counted and measured at both sizes."""
    return read_json(page.path("results", "complexity", "complexity.json"))


def size_table(page: Page, sizes: dict[str, Any]) -> pd.DataFrame:
    """Parameters (million) of each part: printed, at the paper's size, in use; and its operations (million MAC/s)."""
    printed = page.claims["tfc.params"].paper_value
    assert isinstance(printed, dict)
    rows = []
    for part in (*PARTS, "total"):
        row: dict[str, Any] = {
            "part": PART_NAME.get(part, "total without quantiser"),
            "printed_million": printed.get(part),
        }
        for size, name in SIZES.items():
            macs = sizes[size]["macs_per_second"]
            row[f"{name}_million"] = sizes[size]["parameters"][part] / 1e6
            whole = sum(macs[one] for one in PARTS if one != "quantiser")
            row[f"{name}_mmacs_per_s"] = macs.get(part, whole) / 1e6
        rows.append(row)
    return pd.DataFrame(rows)


def delay_table(page: Page, sizes: dict[str, Any]) -> pd.DataFrame:
    """Algorithmic delay (ms): as printed, by construction, and as an impulse measures it; the predictor's memory."""
    printed = page.claims["tfc.delay"].paper_value
    assert isinstance(printed, dict)
    rows = [
        (name, printed.get(name), *(sizes[size]["delay_ms"][name] for size in SIZES))
        for name in ("window", "grouping", "total", "measured")
    ]
    field = page.claims["tfc.receptive_field"].paper_value
    rows.append(("receptive field of the predictor", field, *(sizes[size]["receptive_field_ms"] for size in SIZES)))
    return pd.DataFrame(rows, columns=["what", "printed_ms", "paper_size_ms", "in_use_ms"])


def draw_sizes(table: pd.DataFrame, note: str) -> Figure:
    """Parameters (left) and operations a second (right) of every part."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(11.4, 3.9), sharey=True)
    places = np.arange(len(table))[::-1]
    left.barh(
        places + 0.17, table["printed_million"].fillna(0.0), 0.1, color=COLOUR["print"], label="printed in the paper"
    )
    for shift, size in ((0.03, "paper"), (-0.2, "here")):
        left.barh(
            places + shift - 0.03, table[f"{SIZES[size]}_million"], 0.2, color=COLOUR[size], label=SIZE_NAME[size]
        )
        right.barh(places + shift - 0.03, table[f"{SIZES[size]}_mmacs_per_s"], 0.2, color=COLOUR[size])
    left.set_yticks(places, table["part"])
    left.set(xlabel="parameters (million)", title="What is stored")
    right.set(xlabel="multiply-adds a second (million)", title="What is computed")
    for axes in (left, right):
        axes.grid(visible=False, axis="y")
    legend_right(fig, left.get_legend_handles_labels()[0])
    caption(fig, "The paper's total leaves the codebooks out, and so does ours. " + note)
    return fig


def draw_delay(page: Page, sizes: dict[str, Any], note: str) -> Figure:
    """Where the delay comes from: windows of the four frames of a step, and the sample that waits longest."""
    spectrum = page.params.systems.tfcodec.spectrum
    ms = 1000.0 / 16_000
    hop, window = spectrum.hop_length * ms, spectrum.n_fft * ms
    fig, axes = plt.subplots(figsize=(9.6, 3.3))
    for frame in range(4):
        end = (frame + 1) * hop
        axes.barh(4 - frame, window, 0.5, left=end - window, color=SOURCE_COLOUR[0], alpha=0.35)
        axes.barh(4 - frame, hop, 0.5, left=end - hop, color=SOURCE_COLOUR[0])
        axes.annotate(f"frame {frame + 1}", (end - window + 1, 4 - frame), va="center", fontsize=8)
    start, coded = hop - window, 4 * hop
    axes.axvline(start, color=COLOUR["paper"], linestyle="--", linewidth=1.2)
    axes.axvline(coded, color=COLOUR["paper"], linestyle="--", linewidth=1.2)
    axes.annotate("", (coded, 0.35), (start, 0.35), arrowprops={"arrowstyle": "<->", "color": COLOUR["paper"]})
    delay = sizes["here"]["delay_ms"]
    text = f"{delay['window']:g} ms window + {delay['grouping']:g} ms grouping = {delay['total']:g} ms"
    axes.annotate(text, ((start + coded) / 2, 0.42), ha="center", va="bottom", fontsize=8.5, color=COLOUR["paper"])
    axes.set(
        yticks=[], ylim=(0.1, 4.6), xlabel="time (ms; 0: the step's first new sample)", title="One step of four frames"
    )
    axes.set_xticks(np.arange(start, coded + 1, hop))
    axes.grid(visible=False, axis="y")
    axes.legend(
        handles=[key("a frame's window", color=SOURCE_COLOUR[0], alpha=0.35, linewidth=7),
                 key("its new samples", color=SOURCE_COLOUR[0], linewidth=7)],
        loc="upper left", bbox_to_anchor=(1.0, 1.0),
    )  # fmt: skip
    measured = delay["measured"]
    caption(
        fig,
        "The first sample under the step's first window is final once the step is decoded. An impulse through the "
        f"streaming coder comes out after {measured:g} ms. Causal framing: no window reaches beyond its newest hop. "
        + note,
    )
    return fig


def judge(page: Page) -> list[Verdict]:
    """Section IV-F without speed, of the modules at the paper's size."""
    paper = load(page)["paper"]
    printed = page.claims["tfc.params"].paper_value
    assert isinstance(printed, dict)
    counts = {name: paper["parameters"][name] / 1e6 for name in printed}
    rounded = all(round(counts[name], 2) == value for name, value in printed.items())
    delay, reach = paper["delay_ms"], float(paper["receptive_field_ms"])
    parts = {name: float(delay[name]) for name in ("window", "grouping", "total")}
    late = list(parts.values()) == [40.0, 30.0, 70.0] and 0.0 <= 70.0 - delay["measured"] <= 1.0
    told = f"measured {delay['measured']:g} ms"
    size = [page.evidence("tables", "sizes"), page.evidence("figures", "sizes")]
    wait = [page.evidence("tables", "delay"), page.evidence("figures", "delay")]
    return [
        judge_holds(page, "tfc.params", counts, rounded, size),
        judge_holds(page, "tfc.delay", parts, late, wait, told),
        judge_holds(page, "tfc.receptive_field", reach, reach == 280.0, wait),
    ]
