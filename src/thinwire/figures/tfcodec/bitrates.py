"""Table I: codebook sizes and the rates they come to in bytes; how many bits a step of 40 ms takes (section IV-B)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from thinwire.claims import Verdict
from thinwire.figures.paths import Page
from thinwire.figures.results import load_items, read_table
from thinwire.figures.style import GREY, SOURCE_COLOUR, caption, key, legend_right
from thinwire.figures.tfcodec.runs import interval_of, rate_style, run_name
from thinwire.figures.tfcodec.verdicts import exactly, judge_holds, judge_values, resampled

MODES = {mode: f"tfc.table1_{mode}" for mode in ("0.512k", "1k", "3k", "6k")}  # the paper's modes and their claims
HUFFMAN, RANGE, ENTROPY, PAPER = SOURCE_COLOUR[0], SOURCE_COLOUR[2], "#000000", SOURCE_COLOUR[5]


def rate_table(page: Page, items: pd.DataFrame, runs: Sequence[str]) -> pd.DataFrame:
    """Table I, with the paper's numbers for its modes.

    Rates in kbps, means over test clips: nominal (fixed length), entropy under the code tables, Huffman and range coded
    payload from real bytes; apart: header_bytes of a clip's container, and packets_kbps of two packets a step, with the
    packet_headers_kbps in them; deviation of each from the target in per cent.
    """
    rows = []
    claims = {page.claims[claim].models[0]: claim for claim in MODES.values()}
    for run in runs:
        row, own = page.params.run(run), items[items["run"] == run]
        value = page.claims[claims[run]].paper_value if run in claims else None
        printed = value["huffman_kbps"] if isinstance(value, dict) else np.nan
        huffman = interval_of(page, own, "kbps_huffman")
        line = {"system": run_name(page, run), "run": run, "target_kbps": row.kbps, "G": row.groups, "K": row.codewords}
        line |= {"cap_bits_per_step": row.groups * np.log2(row.codewords), "nominal_kbps": own["kbps_nominal"].mean()}
        line |= {f"{name}_kbps": own[f"kbps_{name}"].mean() for name in ("entropy", "huffman", "range")}
        line |= {"huffman_low": huffman.low, "huffman_high": huffman.high, "paper_huffman_kbps": printed}
        line |= {"header_bytes": own["header_bytes"].mean(), "packets_kbps": own["kbps_packets"].mean()}
        line |= {"packet_headers_kbps": own["kbps_packet_headers"].mean(), "items": huffman.items}
        for name in ("huffman", "range", "paper_huffman"):
            line[f"{name}_deviation_percent"] = 100.0 * (line[f"{name}_kbps"] / row.kbps - 1.0)
        rows.append(line)
    return pd.DataFrame(rows)


def step_table(page: Page, items: pd.DataFrame, steps: pd.DataFrame, runs: Sequence[str], printed: str) -> pd.DataFrame:
    """Huffman bits of a 40 ms step over the whole test set, and their spread within a clip; the run `printed` is the
    paper's case.
    """
    frame, spread = (page.claims[f"tfc.{name}"].paper_value for name in ("bits_per_frame_3k", "bits_std_3k"))
    assert isinstance(frame, dict)
    assert isinstance(spread, dict)
    paper = {name: frame[name] for name in ("min", "mean", "max")}
    paper |= {"std_mean": spread["mean"], "std_max": spread["max"]}
    rows = []
    for run in runs:
        bits, own = steps.loc[steps["run"] == run, "bits_huffman"], items[items["run"] == run]
        measured = {"min": bits.min(), "mean": bits.mean(), "max": bits.max()}
        measured |= {"std_mean": own["bits_std"].mean(), "std_max": own["bits_std"].max()}
        for name, value in measured.items():
            rows.append((run_name(page, run), name, paper[name] if run == printed else np.nan, value, len(bits)))
    return pd.DataFrame(rows, columns=["system", "bits_per_step", "paper", "measured", "steps"])


def rate_ticks(low: float, high: float) -> list[float]:
    """Round numbers for a logarithmic axis, three or more of them, as few as that allows."""
    finer = [np.arange(1.0, 10.0, step).round(1) for step in (0.5, 0.2)]
    for digits in ((1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0), *finer):
        ticks = [float(digit * 10.0**power) for power in range(-3, 3) for digit in digits]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) > 2:
            return ticks
    closer = MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [float(tick) for tick in closer if low <= tick <= high]


def draw_rates(table: pd.DataFrame, note: str) -> Figure:
    """Left: every rate of a mode on one line. Right: how far payload and paper are off the target."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(11.6, 1.6 + 0.55 * len(table)), sharey=True, width_ratios=[3, 2])
    places = np.arange(len(table))[::-1]
    left.plot(table["nominal_kbps"], places, "|", color=GREY, markersize=13, markeredgewidth=2)
    left.plot(table["target_kbps"], places, "x", color="black", markersize=9)
    left.plot(table["entropy_kbps"], places - 0.14, "s", color=ENTROPY, markerfacecolor="white")
    left.plot(table["range_kbps"], places - 0.28, "^", color=RANGE)
    left.plot(table["huffman_kbps"], places + 0.14, "o", color=HUFFMAN)
    left.plot(table["paper_huffman_kbps"], places + 0.28, "D", color=PAPER, markerfacecolor="white")
    left.set_xscale("log")
    ticks = rate_ticks(*left.get_xlim())
    left.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    left.minorticks_off()
    names = [f"{row.system}\nG = {row.G}, K = {row.K}" for row in table.itertuples()]
    left.set_yticks(places, names)
    left.set(xlabel="rate (kbit/s)", title="Rate of each mode", ylim=(-0.6, len(table) - 0.4))
    right.axvline(0.0, color="black", linewidth=0.9)
    error = [table["huffman_kbps"] - table["huffman_low"], table["huffman_high"] - table["huffman_kbps"]]
    scale = 100.0 / table["target_kbps"].to_numpy()
    right.errorbar(
        table["huffman_deviation_percent"], places + 0.14, xerr=np.array(error) * scale, fmt="o", color=HUFFMAN
    )
    right.plot(table["range_deviation_percent"], places - 0.14, "^", color=RANGE)
    right.plot(table["paper_huffman_deviation_percent"], places + 0.28, "D", color=PAPER, markerfacecolor="white")
    right.set(xlabel="deviation from the target (%)", title="Is the rate held?")
    legend_right(
        fig,
        [
            key("fixed length, G log2 K", color=GREY, marker="|", linestyle="none", markersize=12, markeredgewidth=2),
            key("target of the rate loss", color="black", marker="x", linestyle="none"),
            key("entropy under the tables", color=ENTROPY, marker="s", linestyle="none", markerfacecolor="white"),
            key("Huffman, from bytes", color=HUFFMAN, marker="o", linestyle="none"),
            key("range coder, from bytes", color=RANGE, marker="^", linestyle="none"),
            key("paper, Huffman", color=PAPER, marker="D", linestyle="none", markerfacecolor="white"),
        ],
    )
    caption(
        fig,
        "Payload of a clip's bytes over its duration, the container's header apart (see the table). Code tables come "
        "from training clips. Bars: 95 % bootstrap over test clips. " + note,
    )
    return fig


def draw_steps(
    page: Page, steps: pd.DataFrame, items: pd.DataFrame, run: str, table: pd.DataFrame, note: str
) -> Figure:
    """Left: bits of every 40 ms step. Right: their standard deviation within each clip. Dashed: the paper's numbers."""
    name = run_name(page, run)
    own = steps[steps["run"] == run]
    printed = table[table["system"] == name].set_index("bits_per_step")["paper"]
    row = page.params.run(run)
    fig, (left, right) = plt.subplots(1, 2, figsize=(10.6, 3.7), width_ratios=[3, 2])
    width = max(1.0, np.ceil(np.ptp(own["bits_huffman"]) / 48))
    edges = np.arange(own["bits_huffman"].min() - width / 2, own["bits_huffman"].max() + width, width)
    style = {"color": rate_style(row.kbps)["color"], "alpha": 0.85}
    left.hist(own["bits_huffman"], edges, **style)
    left.set(xlabel="Huffman bits of a 40 ms step", ylabel="steps", title=f"{name}: {len(own)} steps")
    spread = items.loc[items["run"] == run, "bits_std"]
    right.hist(spread, 16, **style)
    right.yaxis.set_major_locator(MaxNLocator(integer=True))
    right.set(xlabel="standard deviation within a clip (bit)", ylabel="clips", title=f"{len(spread)} clips")
    for axes, names in ((left, ("min", "mean", "max")), (right, ("std_mean", "std_max"))):
        for which in names:
            axes.axvline(printed[which], color=PAPER, linestyle="--", linewidth=1.2)
            axes.annotate(which.removeprefix("std_"), (printed[which], 0.97), xycoords=("data", "axes fraction"),
                          xytext=(3, 0), textcoords="offset points", color=PAPER, fontsize=8, va="top")  # fmt: skip
    cap = row.groups * np.log2(row.codewords)
    left.axvline(cap, color=GREY, linestyle=":", linewidth=1.2)
    left.annotate("fixed length", (cap, 0.86), xycoords=("data", "axes fraction"), xytext=(3, 0),
                  textcoords="offset points", color=GREY, fontsize=8, va="top")  # fmt: skip
    caption(
        fig,
        "Dashed: the paper's minimum, mean and maximum (left), and mean and largest spread within a clip (right). A "
        "step may cost more than the fixed length: rare codewords have long Huffman codes. " + note,
    )
    return fig


def judge(page: Page) -> list[Verdict]:
    """Table I and the three sentences of section IV-B, each of the run that its claim names."""
    runs = {mode: page.claims[claim].models[0] for mode, claim in MODES.items()}
    items = load_items(page, list(runs.values()))
    rates = rate_table(page, items, list(runs.values())).set_index("run")
    evidence = [page.evidence("tables", "table1"), page.evidence("figures", "rates")]
    verdicts = []
    for mode, run in runs.items():
        row = page.params.run(run)
        size = {"G": row.groups, "K": row.codewords, "cap_bits_per_40ms": row.groups * np.log2(row.codewords)}
        measured = {name: exactly(float(value)) for name, value in size.items()}
        measured["huffman_kbps"] = interval_of(page, items[items["run"] == run], "kbps_huffman")
        verdicts.append(judge_values(page, MODES[mode], measured, evidence))
    deviation = rates["huffman_deviation_percent"].to_dict()
    off = {mode: float(deviation[run]) for mode, run in runs.items()}
    held = all(abs(value) <= 3.0 for value in off.values())
    verdicts.append(judge_holds(page, "tfc.rate_controlled", off, held, evidence))
    evidence = [page.evidence("tables", "bits_per_step"), page.evidence("figures", "bits_per_step")]
    for claim, table, column, names in (
        ("tfc.bits_per_frame_3k", "steps", "bits_huffman", ("max", "min", "mean")),
        ("tfc.bits_std_3k", "items", "bits_std", ("mean", "max")),
    ):
        values = read_table(page, page.claims[claim].models[0], table)
        own = values.groupby("segment_id")[column].agg(["max", "min", "sum", "count"])
        verdicts.append(judge_values(page, claim, {name: resampled(page, own, name) for name in names}, evidence))
    return verdicts
