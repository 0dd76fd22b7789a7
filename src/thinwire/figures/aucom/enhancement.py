"""Table 1: the enhancer beside the 15 lines that the paper prints, what it gains at each level of noise, and how far
such scores depend on who computes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from thinwire.figures.aucom.whiskers import whiskers
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED
from thinwire.figures.style import GREY, SOURCE_COLOUR, caption, key, legend_right
from thinwire.figures.tfcodec.runs import interval_of
from thinwire.metrics.statistics import bootstrap_mean

RUN = "aucom_enhancer"
MEASURES = {
    "pesq": "PESQ-wb (MOS-LQO)",
    "csig": "CSIG (1 to 5)",
    "cbak": "CBAK (1 to 5)",
    "covl": "COVL (1 to 5)",
    "ssnr": "SSNR (dB)",
    "stoi": "STOI (0 to 1)",
}
METHODS = {
    "noisy": ("Noisy", "", ""),
    "segan": ("SEGAN", "2017", "waveform"),
    "demucs": ("DEMUCS", "2021", "waveform"),
    "se_conformer": ("SE-Conformer", "2021", "waveform"),
    "mossformer": ("MossFormer", "2023", "waveform"),
    "mossformer2": ("MossFormer2", "2024", "waveform"),
    "metricgan": ("MetricGAN", "2019", "magnitude"),
    "metricganplus": ("MetricGAN+", "2021", "magnitude"),
    "dpt_fsnet": ("DPT-FSNet", "2021", "complex"),
    "frcrn": ("FRCRN", "2022", "complex"),
    "tridentse": ("TridentSE", "2023", "complex"),
    "db_aiat": ("DB-AIAT", "2021", "magnitude, complex"),
    "cmgan": ("CMGAN", "2022", "magnitude, complex"),
    "phasen": ("PHASEN", "2020", "magnitude, phase"),
    "mp_senet": ("MP-SENet", "2023", "magnitude, phase"),
    "aucomsennet": ("AUComSENNet", "2025", "magnitude, phase"),
}
"""Lines of Table 1 by the end of their claims' names: method, year, input."""
MEASURED = {"noisy": "noisy", "aucomsennet": "enhanced"}
"""The lines that are measured here, and the signal that stands for them."""
LEVELS = ("under 5", "5 to 10", "10 to 15", "15 and more")
"""SNR in dB over whole pairs, pauses included, in classes around the test set's 2.5, 7.5, 12.5 and 17.5 dB."""
LEVEL_EDGES = (5.0, 10.0, 15.0)
UNKNOWN = "not known"
ALL = "all"
OURS, PAPER = SOURCE_COLOUR[0], SOURCE_COLOUR[5]
# One checkpoint's output (MP-SENet's own, on VoiceBank+DEMAND), computed twice: facts 3.2, from its repository's issue
# 30; its present model's line is from the same repository.
IMPLEMENTATIONS = {"csig": (4.728, 4.652), "cbak": (3.950, 3.863), "covl": (4.225, 4.138)}
PRESENT_MP_SENET = {"pesq": 3.60, "csig": 4.81, "cbak": 3.99, "covl": 4.34}


def noise_level(snr_db: pd.Series) -> pd.Series:
    """The class of LEVELS that each SNR (dB) belongs to; UNKNOWN for NaN."""
    classes = pd.Series(np.array(LEVELS)[np.searchsorted(LEVEL_EDGES, snr_db, side="right")], snr_db.index)
    return classes.where(snr_db.notna(), UNKNOWN)


def levels_in(names: Sequence[str]) -> list[str]:
    """The levels that occur, least SNR first."""
    return [level for level in (*LEVELS, UNKNOWN) if level in set(names)]


def table1(page: Page, items: pd.DataFrame) -> pd.DataFrame:
    """Table 1 in long form: line, method, year, input, measure, paper, measured, low, high, items.

    `items` is items.parquet of the enhancer; only the noisy and the enhanced speech are measured. A score that the
    paper leaves out is empty.
    """
    rows = []
    for line, (method, year, kind) in METHODS.items():
        printed = page.claims[f"aucom.table1_{line}"].paper_value
        values = printed if isinstance(printed, dict) else {}
        for measure in MEASURES:
            row: dict[str, Any] = {"line": line, "method": method, "year": year, "input": kind, "measure": measure}
            row |= {"paper": values.get(measure), "measured": np.nan, "low": np.nan, "high": np.nan, "items": 0}
            if line in MEASURED:
                found = interval_of(page, items[items["signal"] == MEASURED[line]], measure)
                row |= {"measured": found.mean, "low": found.low, "high": found.high, "items": found.items}
            rows.append(row)
    return pd.DataFrame(rows)


def side_by_side(table: pd.DataFrame) -> pd.DataFrame:
    """`table1` as the paper prints it, a line a method: its scores, and those measured where there are some."""
    wide = table.pivot_table(
        index="method", columns="measure", values=["paper", "measured"], sort=False, dropna=False, aggfunc="first"
    )
    names = list(dict.fromkeys(table["method"]))
    return wide.reindex(index=names, columns=pd.MultiIndex.from_product([["paper", "measured"], MEASURES])).round(2)


def whose_pairs(page: Page) -> str:
    """What the measured pairs are beside the paper's."""
    corpus = page.params.corpora.voicebank
    if corpus.root or corpus.test_root:
        return "the pairs are of VoiceBank+DEMAND, as the paper's"
    return "other noise and other talkers than the paper's, so differences are what can be compared"


def draw_table1(table: pd.DataFrame, pairs: str, note: str) -> Figure:
    """Six measures, a line a method: the paper's value, and the measured ones with their intervals; `pairs` says whose
    they are.
    """
    names = list(dict.fromkeys(table["method"]))
    places = np.arange(len(names))[::-1]
    fig, panels = plt.subplots(1, len(MEASURES), figsize=(13.4, 5.4), sharey=True)
    for axes, (measure, label) in zip(panels, MEASURES.items(), strict=True):
        rows = table[table["measure"] == measure]
        axes.plot(rows["paper"].to_numpy(float), places, "D", color=PAPER, markerfacecolor="white", zorder=2)
        bars = whiskers(rows, "measured")
        axes.errorbar(rows["measured"], places, xerr=bars, fmt="o", color=OURS, elinewidth=1.4, zorder=3)
        axes.set_yticks(places, names)
        axes.set(title=label.split(" (")[0], xlabel=label, ylim=(-0.6, len(names) - 0.4))
        axes.margins(x=0.09)
        axes.xaxis.set_major_locator(MaxNLocator(3))
        axes.axhspan(-0.5, 0.5, color="#f2f2f2", zorder=0)
        axes.axhspan(len(names) - 1.5, len(names) - 0.5, color="#f2f2f2", zorder=0)
    legend_right(
        fig,
        [
            key("measured here", color=OURS, marker="o"),
            key("paper", color=PAPER, marker="D", linestyle="none", markerfacecolor="white"),
        ],
    )
    caption(
        fig,
        "Higher is better. Only the shaded lines are measured here: the noisy test speech and what the enhancer makes "
        f"of it, with 95 % bootstrap over pairs; {pairs}. {note}",
    )
    return fig


def paired(items: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Pairs of which both signals have a measure: index segment_id; snr_db, noisy, enhanced, gain."""
    scores = items.pivot_table(index="segment_id", columns="signal", values=measure, aggfunc="mean")
    table = scores.reindex(columns=["noisy", "enhanced"]).dropna()
    snr = items.groupby("segment_id")["snr_db"].mean().reindex(table.index)
    return table.assign(snr_db=snr, gain=table["enhanced"] - table["noisy"])


def gain_table(page: Page, items: pd.DataFrame) -> pd.DataFrame:
    """Enhanced minus noisy, paired, for all pairs and at each level of noise: snr_db (class), measure, gain, low,
    high, items; mean_snr_db of the class.
    """
    rows = []
    for measure in MEASURES:
        pairs = paired(items, measure)
        classes = noise_level(pairs["snr_db"])
        for level in [ALL, *levels_in(list(classes))]:
            own = pairs if level == ALL else pairs[classes == level]
            gain = bootstrap_mean(own["gain"].to_numpy(), SEED, page.params.evaluation.bootstrap)
            rows.append((level, measure, gain.mean, gain.low, gain.high, gain.items, own["snr_db"].mean()))
    names = ["snr_db", "measure", "gain", "low", "high", "items", "mean_snr_db"]
    return pd.DataFrame(rows, columns=names)


def draw_gains(items: pd.DataFrame, table: pd.DataFrame, note: str) -> Figure:
    """What enhancement gains by SNR, one panel a measure: every pair, and the mean of each class; `table` is
    `gain_table`.
    """
    fig, panels = plt.subplots(2, 3, figsize=(11.4, 6.0), sharex=True)
    for axes, (measure, label) in zip(panels.flat, MEASURES.items(), strict=True):
        pairs = paired(items, measure)
        axes.plot(pairs["snr_db"], pairs["gain"], ".", color=GREY, alpha=0.45, markersize=4)
        rows = table[(table["measure"] == measure) & (table["snr_db"] != ALL) & (table["snr_db"] != UNKNOWN)]
        bars = whiskers(rows, "gain")
        axes.errorbar(rows["mean_snr_db"], rows["gain"], bars, fmt="o-", color=OURS, elinewidth=1.4, zorder=3)
        axes.axhline(0.0, color="black", linewidth=0.9)
        whole = table[(table["measure"] == measure) & (table["snr_db"] == ALL)].iloc[0]
        axes.set_title(f"{label.split(' (')[0]}: {signed(whole['gain'], whole['low'], whole['high'])}")
        axes.set_ylabel(f"gain, {label}")
    for axes in panels[1]:
        axes.set_xlabel("SNR of the pair (dB)")
    legend_right(
        fig,
        [
            key("mean of a class", color=OURS, marker="o"),
            key("one pair", color=GREY, marker=".", linestyle="none"),
            key("no difference", color="black", linewidth=0.9),
        ],
    )
    caption(
        fig,
        "Enhanced minus noisy, paired; above each picture over all pairs. Classes: under 5, 5 to 10, 10 to 15, 15 dB "
        "and more, over the whole pair, pauses included. Bars: 95 % bootstrap over pairs. " + note,
    )
    return fig


def signed(mean: float, low: float, high: float) -> str:
    """A difference with its interval."""
    digits = 2 if max(abs(low), abs(high)) >= 0.1 else 3
    return f"{mean:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"


def sensitivity_table(page: Page) -> pd.DataFrame:
    """What Table 1's last digits are worth. A line a measure: MP-SENet's own checkpoint by its authors' script and by
    pysepm (`authors_script`, `pysepm`, the same audio) and their distance `implementation`; the paper's lead over
    MP-SENet (`paper_lead`); and over that repository's present model (`lead_over_present`). From facts 3.2; nothing is
    measured.
    """
    ours, rival = (page.claims[f"aucom.table1_{line}"].paper_value for line in ("aucomsennet", "mp_senet"))
    assert isinstance(ours, dict)
    assert isinstance(rival, dict)
    rows = []
    for measure, present in PRESENT_MP_SENET.items():
        script, pysepm = IMPLEMENTATIONS.get(measure, (np.nan, np.nan))
        lead = ours[measure] - rival[measure]
        rows.append((measure, script, pysepm, script - pysepm, lead, ours[measure] - present))
    names = ["measure", "authors_script", "pysepm", "implementation", "paper_lead", "lead_over_present"]
    return pd.DataFrame(rows, columns=names)
