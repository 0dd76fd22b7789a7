"""Table V and section IV-C4: what the adversarial stage and its feature-matching loss change, and the discriminator."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.claims import Verdict
from thinwire.figures.paths import Page
from thinwire.figures.style import SOURCE_COLOUR, caption
from thinwire.figures.tfcodec import complexity
from thinwire.figures.tfcodec.look import FLOOR_DB, Look, show_spectrum
from thinwire.figures.tfcodec.verdicts import judge_holds, judge_named

HIGH_KHZ = 4.0


def contradiction(page: Page, table: pd.DataFrame) -> pd.DataFrame:
    """The text's "largely improved" against its table: printed and measured change of every measure at every rate.

    `table` is `scores.score_table`; `table_says` and `measured_says` are the signs, empty where an interval includes 0.
    """
    rows = table[table["gain"].notna()].copy()
    rows["table_says"] = np.where(rows["paper_gain"] > 0, "rises", "falls")
    clear = np.where(rows["gain_low"] > 0, "rises", np.where(rows["gain_high"] < 0, "falls", "undecided"))
    rows["measured_says"] = clear
    return rows[["system", "measure", "paper_gain", "table_says", "gain", "gain_low", "gain_high", "measured_says"]]


def draw_detail(looks: Sequence[Look], item: int, note: str) -> Figure:
    """One clip's spectrogram, and what each run decodes of it: is there detail above 4 kHz?"""
    spectrum = looks[0].of(item, "spectrum")
    assert spectrum is not None
    fig, panels = plt.subplots(1, 1 + len(looks), figsize=(3.2 * (1 + len(looks)), 3.7), sharey=True)
    image = show_spectrum(panels[0], spectrum, "clean")
    for axes, look in zip(panels[1:], looks, strict=True):
        decoded = look.of(item, "decoded")
        assert decoded is not None
        high = int(len(decoded) * HIGH_KHZ / 8.0)
        gap = float(np.mean(np.maximum(decoded[high:], FLOOR_DB) - np.maximum(spectrum[high:], FLOOR_DB)))
        show_spectrum(axes, decoded, "\n".join(textwrap.wrap(look.name, 24)))
        axes.title.set_fontsize(8.5)
        axes.set(ylabel="", xlabel=f"time (s); above 4 kHz {gap:+.1f} dB")
    panels[0].set_xlabel("time (s)")
    for axes in panels:
        axes.axhline(HIGH_KHZ, color="white", linewidth=0.8, linestyle=":")
    fig.colorbar(image, ax=panels, label="dB re maximum", shrink=0.8)
    caption(
        fig,
        f"Test clip {looks[0].items[item]}. Below each: mean level above 4 kHz (dotted line) against the clean clip's, "
        f"over all points in time and frequency, floor {FLOOR_DB:g} dB. " + note,
    )
    return fig


def draw_curves(curves: Mapping[str, pd.DataFrame], note: str) -> Figure:
    """Both players of the game by step: what generator and features lose to the discriminator (training batches)."""
    names = [name for name in ("adversarial", "feature") if any(name in frame for frame in curves.values())]
    fig, panels = plt.subplots(1, len(names), figsize=(1.0 + 4.6 * len(names), 3.4), squeeze=False)
    for axes, name in zip(panels[0], names, strict=True):
        for colour, (label, frame) in zip(SOURCE_COLOUR, curves.items(), strict=False):
            rows = frame[frame["split"] == "train"]
            if name in rows and rows[name].notna().any():
                axes.plot(rows["step"], rows[name], color=colour, label=label, marker="o", markersize=3)
        axes.set(xlabel="step", ylabel="loss (1)", title=f"{name} loss")
    # From the first panel, which has every run: the last lacks those trained without that loss.
    panels[0][-1].legend(*panels[0][0].get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(1.0, 1.0))
    caption(fig, "Unweighted, mean over the steps since the last validation. " + note)
    return fig


def discriminator_table(page: Page) -> pd.DataFrame:
    """The instantiated discriminator at the paper's size beside the printed one."""
    printed = page.claims["tfc.discriminator"].paper_value
    assert isinstance(printed, dict)
    found = complexity.load(page)["paper"]["discriminator"]
    rows = [(name, printed.get(name), value) for name, value in found.items()]
    return pd.DataFrame(rows, columns=["what", "paper", "measured"])


def judge(page: Page) -> list[Verdict]:
    """Table V with its counter-example, feature matching, and the discriminator."""
    evidence = [page.evidence("tables", "table5"), page.evidence("figures", "table5")]
    table = discriminator_table(page).dropna(subset=["paper"])
    measured = {name: float(value) for name, value in zip(table["what"], table["measured"], strict=True)}
    same = bool((table["paper"] == table["measured"]).all())
    return [
        *judge_named(page, evidence),
        judge_holds(page, "tfc.discriminator", measured, same, [page.evidence("tables", "discriminator")]),
    ]
