"""The noise gate before the enhancer: what it decides, whether it decides well, and whether it is as printed (section
5.5.2)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.artifacts import read_json
from thinwire.audio import SAMPLE_RATE
from thinwire.claims import Verdict
from thinwire.errors import ParamError
from thinwire.figures.aucom.enhance_first import LOOK, coded_in, drawn_levels, level_axis, saved
from thinwire.figures.aucom.enhancement import ALL, levels_in
from thinwire.figures.aucom.verdicts import judge_holds
from thinwire.figures.aucom.whiskers import whiskers
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED
from thinwire.figures.style import GREY, caption, legend_right
from thinwire.metrics.statistics import bootstrap_mean
from thinwire.systems.aucom.gate import LONGEST_S, SHORTEST_S, NoiseGate

TIMED = "edge_gate"
"""The measurement in reports/benchmarks.json."""


def gate_table(page: Page, tasks: pd.DataFrame) -> pd.DataFrame:
    """What the gate decided at each level and for all: level, items, open_percent with low, high, and the word errors
    that enhancing saves (points of %, coded features where there are some) among items where it `opened` and where it
    stayed `shut`, each with its number of items.
    """
    coded = coded_in(tasks)[-1]
    own = tasks[tasks["coded"] == coded]
    opened = own.groupby("segment_id")["gate_open"].first().astype(float)
    rows = []
    for level in [ALL, *levels_in(list(own["level"]))]:
        here = own if level == ALL else own[own["level"] == level]
        decisions = opened[opened.index.isin(here["segment_id"])]
        share = bootstrap_mean(100.0 * decisions.to_numpy(), SEED, page.params.evaluation.bootstrap)
        row = {"level": level, "items": share.items, "open_percent": share.mean, "low": share.low, "high": share.high}
        for name, wanted in (("opened", 1.0), ("shut", 0.0)):
            chosen = decisions.index[decisions == wanted]
            part = saved(here[here["segment_id"].isin(chosen)], coded, "enhanced") if len(chosen) else np.zeros(0)
            row |= {f"saved_{name}": part.mean() if len(part) else np.nan, f"items_{name}": len(chosen)}
        rows.append(row)
    return pd.DataFrame(rows)


def draw_gate(table: pd.DataFrame, threshold: float, note: str) -> Figure:
    """Left: how often the gate opens. Right: what enhancing saves where it opened and where it stayed shut."""
    levels = drawn_levels(table)
    rows = table.set_index("level").reindex([ALL, *levels])
    places = np.arange(len(rows))
    fig, (left, right) = plt.subplots(1, 2, figsize=(10.6, 3.7))
    bars, orange = whiskers(rows, "open_percent"), LOOK["gated"]["color"]
    left.bar(places, rows["open_percent"], 0.6, yerr=bars, color=orange, ecolor="black", alpha=0.85)
    left.set(title="Gate open", ylabel="items (%)", ylim=(0, 109))
    for place, count in zip(places, rows["items"], strict=True):
        left.annotate(f"{count:.0f}", (place, 1.0), xycoords=("data", "axes fraction"), ha="center", va="top",
                      fontsize=7.5, color=GREY)  # fmt: skip
    for shift, name, colour in ((-0.18, "opened", orange), (0.18, "shut", LOOK["noisy"]["color"])):
        right.bar(places + shift, rows[f"saved_{name}"], 0.34, color=colour, label=f"gate {name}")
    right.axhline(0.0, color="black", linewidth=0.9)
    right.set(title="What enhancing saves", ylabel="word errors (points of %)")
    right.margins(y=0.12)
    for axes in (left, right):
        level_axis(axes, list(rows.index))
        axes.grid(visible=False, axis="x")
    legend_right(fig, *right.get_legend_handles_labels())
    caption(
        fig,
        f"The gate opens where the noise of the first second has an RMS above {threshold:g} of full scale, whatever "
        "the level of the speech. Numbers at the top: items. Right: a gate that decides well leaves nothing to save "
        "where it stays shut. " + note,
    )
    return fig


def gate_facts(page: Page) -> dict[str, float]:
    """What the rule on the gate asks for: rms, shortest_s, longest_s; whether it decides by them (decides, 1 or 0);
    and time_ms of `edge_gate` in reports/benchmarks.json, which is left out where it was not taken.
    """
    threshold = float(page.params.systems.aucom_enhancer.gate_threshold)
    report = read_json(page.path("reports", "benchmarks.json"))["measurements"]
    times = [row["value"] for row in report if row["name"] == TIMED and row["value"] is not None]
    facts = {"rms": threshold, "shortest_s": SHORTEST_S, "longest_s": LONGEST_S, "decides": float(decides(threshold))}
    return facts | ({"time_ms": float(times[0])} if times else {})


def decides(threshold: float) -> bool:
    """Whether the gate opens above its threshold and not below, hears no more than LONGEST_S, and asks for SHORTEST_S
    at least.
    """
    gate = NoiseGate(threshold)
    second = np.resize([1.0, -1.0], round(LONGEST_S * SAMPLE_RATE)) * threshold
    louder = np.concatenate([0.99 * second, 100.0 * second])
    try:
        gate.level(second[: round(SHORTEST_S * SAMPLE_RATE) - 1])
    except ParamError:
        return gate.is_noisy(1.01 * second) and not gate.is_noisy(0.99 * second) and not gate.is_noisy(louder)
    return False


def judge(page: Page, gate: pd.DataFrame) -> Verdict:
    """Section 5.5.2: is the gate as printed? `gate` is `gate_table`."""
    claim = page.claims["aucom.gate"]
    facts, printed = gate_facts(page), claim.paper_value
    assert isinstance(printed, dict)
    same = all(facts[name] == printed[name] for name in ("rms", "shortest_s", "longest_s")) and facts["decides"] == 1.0
    holds = (same and facts["time_ms"] < printed["time_ms"]) if "time_ms" in facts or not same else None
    opened = ", ".join(f"{row.level}: {row.open_percent:.0f} % of {row.items}" for row in gate.itertuples())
    reason = f"opens by SNR in dB: {opened}" + ("" if "time_ms" in facts else f"; no time of {TIMED} was taken")
    evidence = [page.evidence("tables", "gate"), page.evidence("figures", "gate")]
    return judge_holds(page, claim.id, facts, holds, evidence, reason)
