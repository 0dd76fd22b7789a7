"""Table 3: parameters and operations of encoders for a minute of audio, in both ways of counting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.artifacts import read_json
from thinwire.figures.aucom.runs import name as system_name
from thinwire.figures.paths import Page
from thinwire.figures.style import SOURCE_COLOUR, caption, key, legend_right

RUN = "aucom_complexity"
PRINTED = {
    "aucom_v1": "aucom.table3_aucom",
    "aucom_deepcod": "aucom.table3_deepcod",
    "aucom_sensing": "aucom.table3_cs",
    "bilinear_4x4": "aucom.table3_intp",
    "bicubic_4x4": "aucom.table3_intp",
    "encodec": "aucom.table3_encodec",
    "dac_16k": "aucom.table3_dac",
    "dac_44k": "aucom.table3_dac",
}
"""The claim with the paper's line for a system; which interpolation and which DAC it means, it does not say."""
NEURAL_NAME = {"encodec": "EnCodec 24 kHz", "dac_16k": "DAC 16 kHz", "dac_44k": "DAC 44.1 kHz"}
PAPER_WAY = "flops_counted_as_paper"
WHOLE_WAY = "flops_per_minute"
WAY_NAME = {
    PAPER_WAY: "counted as the paper does: one a multiplication or bias, no LSTM",
    WHOLE_WAY: "everything: two a multiplication, LSTM too",
}
COLOUR = {"printed": "#000000", PAPER_WAY: SOURCE_COLOUR[0], WHOLE_WAY: SOURCE_COLOUR[4]}


def load(page: Page) -> dict[str, Any]:
    """complexity.json: what was counted, at all sizes."""
    return read_json(page.path("results", RUN, "complexity.json"))


def lines_of(counted: dict[str, Any], size: str) -> dict[str, dict[str, float]]:
    """The lines of one size by label; waveform codecs, of one size, as the paper counts them, for 16 kHz samples."""
    neural = {name: found["at_paper_rate"] for name, found in counted["neural"].items()}
    return dict(counted["sizes"][size]["systems"]) | neural


def title(label: str) -> str:
    """How a line is called."""
    return NEURAL_NAME.get(label) or system_name(label)


def table3(page: Page, counted: dict[str, Any], size: str = "paper") -> pd.DataFrame:
    """Each system: parameters and operations (10^9 a minute) as printed, and as counted in both ways, with how many
    times AUCOM v1's operations that is, and why there are none. Codecs whose package is not there have a line too.
    """
    lines = lines_of(counted, size)
    ours = lines["aucom_v1"]
    rows = []
    for label in [*lines, *counted["unavailable"]]:
        printed = _printed(page, label)
        line = lines.get(label, {})
        row: dict[str, Any] = {"system": title(label), "label": label}
        row |= {"printed_parameters": printed.get("params"), "parameters": line.get("params")}
        row |= {"parameters_without_lstm": line.get("params_without_lstm"), "printed_gflop": printed.get("gflop")}
        for way in WAY_NAME:
            row |= {_column(way): line[way] / 1e9 if line else None}
        row |= {f"times_v1_{_column(way)}": line[way] / ours[way] if line else None for way in WAY_NAME}
        rows.append(row | {"note": counted["unavailable"].get(label, "")})
    table = pd.DataFrame(rows)
    return table.astype({name: float for name in table.columns if name not in ("system", "label", "note")})


def size_table(counted: dict[str, Any]) -> pd.DataFrame:
    """AUCOM's three versions at every size: mels, parameters, operations (10^9 a minute) in both ways."""
    rows = []
    for size, found in counted["sizes"].items():
        for label, line in found["systems"].items():
            if label.startswith("aucom_v"):
                whole = (line["params"], line["params_without_lstm"], line[PAPER_WAY] / 1e9, line[WHOLE_WAY] / 1e9)
                rows.append((size, found["n_mels"], title(label), *whole))
    names = ["size", "n_mels", "system", "parameters", "parameters_without_lstm", *map(_column, WAY_NAME)]
    return pd.DataFrame(rows, columns=names)


def _printed(page: Page, label: str) -> dict[str, float]:
    claim = PRINTED.get(label)
    value = page.claims[claim].paper_value if claim else {}
    assert isinstance(value, dict)
    return value


def _column(way: str) -> str:
    return {PAPER_WAY: "gflop_as_paper", WHOLE_WAY: "gflop_whole"}[way]


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The lines that the figure shows: of interpolation only that with as many symbols as AUCOM v2."""
    other = table["label"].str.match(r"(bilinear|bicubic)_(?!4x4)")
    return table[~other].reset_index(drop=True)


def draw(table: pd.DataFrame, note: str) -> Figure:
    """Table 3 as bars: parameters left, operations right, printed beside counted."""
    rows = shown(table)
    fig, (left, right) = plt.subplots(1, 2, figsize=(11.8, 1.8 + 0.42 * len(rows)), sharey=True)
    places = np.arange(len(rows))[::-1].astype(float)
    _bars(left, places, {"printed": rows["printed_parameters"], PAPER_WAY: rows["parameters"]}, 10.0)
    operations = {way: 1e9 * rows[_column(way)] for way in WAY_NAME}
    _bars(right, places, {"printed": 1e9 * rows["printed_gflop"]} | operations, 1e5)
    left.set_yticks(places, rows["system"])
    left.set(xlabel="parameters of the encoder", title="What is stored")
    right.set(xlabel="operations a minute of audio", title="What is computed")
    handles = [key("printed in the paper", color=COLOUR["printed"], linewidth=4)]
    handles += [key(_wrapped(WAY_NAME[way]), color=COLOUR[way], linewidth=7) for way in WAY_NAME]
    legend_right(fig, handles)
    caption(
        fig,
        "Encoders alone: mel features, rounding and entropy coding are the same for all and left out, as are the "
        "quantisers of EnCodec and DAC. Waveform codecs are counted for 16 kHz samples, as the paper does. Which "
        "interpolation and which DAC it means is not said; both are held against its line. " + note,
    )
    return fig


def _wrapped(text: str) -> str:
    return text.replace(": ", ":\n").replace(", ", ",\n")


def _bars(axes: Axes, places: np.ndarray, columns: dict[str, pd.Series], left: float) -> None:
    axes.set_xscale("log")
    height = 0.8 / len(columns)
    everything = pd.concat(list(columns.values())).to_numpy(float)
    axes.set_xlim(left, 15.0 * float(np.nanmax(everything)))
    for turn, (name, column) in enumerate(columns.items()):
        at = places + 0.4 - (turn + 0.5) * height
        values = column.to_numpy(float)
        axes.barh(at, np.maximum(np.nan_to_num(values), left) - left, 0.92 * height, left=left, color=COLOUR[name])
        for place, value in zip(at, values, strict=True):
            if np.isfinite(value) or name != "printed":
                text = "not counted" if np.isnan(value) else _short(value)
                value = np.nan_to_num(value, nan=left)
                axes.annotate(text, (max(value, left), place), xytext=(3, 0), textcoords="offset points", va="center",
                              fontsize=7)  # fmt: skip
    axes.minorticks_off()
    axes.grid(visible=False, axis="y")


def _short(value: float) -> str:
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{float(f'{value / limit:.3g}'):,g} {unit}"
    return f"{value:.3g}"


def resampling_table() -> pd.DataFrame:
    """What resampling saves the DFT: samples a second, and n log2 n of a window of 25 ms, at both rates."""
    rates = {"44.1 kHz": 44_100.0, "16 kHz": 16_000.0}
    windows = {name: 0.025 * rate for name, rate in rates.items()}
    rows = [
        ("samples a second", *rates.values()),
        ("n log2 n of a window of 25 ms", *(n * float(np.log2(n)) for n in windows.values())),
    ]
    table = pd.DataFrame(rows, columns=["work", *rates])
    return table.assign(ratio=table["44.1 kHz"] / table["16 kHz"])
