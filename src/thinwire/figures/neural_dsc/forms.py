"""Joint, distributed and separate coding (Fig. 4), on every domain in one grid, and what of the joint form's gain the
distributed one keeps."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.claims import Verdict
from thinwire.figures.aucom.whiskers import whiskers
from thinwire.figures.neural_dsc.runs import (
    DOMAIN_NAME,
    FORM_NAME,
    FORMS,
    form_style,
    gain,
    item_values,
    load,
    mean_of,
    means,
    own,
    row_of,
)
from thinwire.figures.neural_dsc.verdicts import judge_named, judge_pairs
from thinwire.figures.paths import Page
from thinwire.figures.style import GREY, caption, key, legend_right
from thinwire.figures.tfcodec.runs import sounds

NEARLY = 0.75
"""Share of the joint form's gain that "nearly matches" asks for (reading of papers/neural_dsc.yaml)."""
UNSURE = "no share (the joint gain is not surely above 0)"
ORDER = ("halves", "stereo", "mel", "stft", "close", "gradients")
RATE = {"halves": "bpp", "stereo": "bpp", "mel": "kbps", "stft": "kbps", "close": "kbps"}
RATE_NAME = {"bpp": "rate (bit per pixel)", "kbps": "rate (kbit/s)", "bits": "rate (bit a gradient)"}
SETTING = ["kind", "bits", "downsample"]
"""Columns that runs share which differ in their form alone."""


def load_forms(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """Items of runs with their own side information, with `psnr` of gradients as 10 log10(energy / squared error), and
    `rate` in the unit of `RATE`.
    """
    items = own(load(page, runs))
    if "sse" in items:
        decibels = 10.0 * np.log10(items["energy"] / np.maximum(items["sse"], 1e-30))
        items = items.assign(psnr=items["psnr"].where(items["kind"] != "gradients", decibels))
    rate = items["payload_bits"].copy()
    for kind, column in RATE.items():
        if column in items:
            rate = rate.where(items["kind"] != kind, items[column])
    return items.assign(rate=rate)


def point_table(page: Page, items: pd.DataFrame) -> pd.DataFrame:
    """Every run: kind, bits, downsample, form, run, rate, psnr, low, high, n; of speech lsd (dB), and si_sdr
    (dB) of complex STFTs' waveforms; in the order of `ORDER` and rates.
    """
    rows = []
    for (*setting, form, run), here in items.groupby([*SETTING, "form", "run"], sort=False):
        found = mean_of(page, item_values(here, "psnr"))
        rows.append((*setting, form, run, here["rate"].mean(), found.mean, found.low, found.high, found.items,
                     here["lsd"].mean(), here["si_sdr"].mean()))  # fmt: skip
    table = pd.DataFrame(rows, columns=[*SETTING, "form", "run", "rate", "psnr", "low", "high", "n", "lsd", "si_sdr"])
    place = table["kind"].map({kind: k for k, kind in enumerate(ORDER)})
    return table.assign(place=place).sort_values(["place", "rate", "form"], ignore_index=True).drop(columns="place")


def settings_of(points: pd.DataFrame) -> dict[tuple[str, int, int], dict[str, str]]:
    """Runs by form, for every setting that has a distributed and a separate run."""
    found: dict[tuple[str, int, int], dict[str, str]] = {}
    for row in points.to_dict("records"):
        found.setdefault((row["kind"], row["bits"], row["downsample"]), {})[row["form"]] = row["run"]
    return {setting: runs for setting, runs in found.items() if {"distributed", "separate"} <= set(runs)}


def gain_table(page: Page, items: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """What side information brings in dB over the separate form, paired over items: kind, bits, downsample, setting (in
    words), form, gain, low, high, n, kept (the distributed gain over the joint one; NaN without a joint run, and where
    the interval of its gain does not lie above 0: a share of what may be nothing says nothing).
    """
    rows = []
    for setting, runs in settings_of(points).items():
        over = {form: mean_of(page, gain(items, runs[form], runs["separate"]))
                for form in ("joint", "distributed") if form in runs}  # fmt: skip
        surely = "joint" in over and over["joint"].low > 0.0
        kept = over["distributed"].mean / over["joint"].mean if surely else np.nan
        for form, found in over.items():
            rows.append((*setting, setting_name(*setting), form, found.mean, found.low, found.high, found.items, kept))
    return pd.DataFrame(rows, columns=[*SETTING, "setting", "form", "gain", "low", "high", "n", "kept"])


def setting_name(kind: str, bits: int, downsample: int) -> str:
    """`half images, 4 bit at 8x`."""
    return f"{DOMAIN_NAME[kind]}, {bits} bit" + ("" if kind == "gradients" else f" at {downsample}x")


def bit_table(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """Block error rates of codecs of bits: form, p, measure, mean, low, high, n."""
    return means(page, own(load(page, runs)), ["form", "p"], ["block_error"])


def draw_grid(points: pd.DataFrame, bits: pd.DataFrame, note: str) -> Figure:
    """A panel a domain: PSNR over rate of each form; of bits (`bit_table`) the block error rate over p."""
    kinds = [kind for kind in ORDER if kind in set(points["kind"])]
    fig, panels = plt.subplots(2, (len(kinds) + 2) // 2, figsize=(13.2, 6.6), squeeze=False)
    flat = list(panels.ravel())
    for axes, kind in zip(flat, kinds, strict=False):
        _draw_kind(axes, points[points["kind"] == kind], kind)
    _draw_bits(flat[len(kinds)], bits)
    for axes in flat[len(kinds) + 1 :]:
        axes.set_axis_off()
    legend_right(fig, [key(FORM_NAME[form], **_look(form)) for form in FORMS])
    caption(
        fig,
        "Each domain's items with their own side information; rates are real bytes without a prior. Lines join runs of "
        "one form. Speech: PSNR of standardised features; gradients: energy over squared error. Bars: 95 % bootstrap "
        "over items, which are the same for all forms, so that differences are surer than bars let see. " + note,
    )
    return fig


def _look(form: str) -> dict[str, Any]:
    """Joint marks are rings, so that equal values of the distributed form show inside them."""
    return form_style(form) | ({"markersize": 8.0, "markerfacecolor": "none"} if form == "joint" else {})


def _draw_kind(axes: Axes, rows: pd.DataFrame, kind: str) -> None:
    for form in FORMS:
        here = rows[rows["form"] == form].sort_values("rate")
        if len(here):
            axes.errorbar(here["rate"], here["psnr"], whiskers(here, "psnr"), elinewidth=1.0, **_look(form))
    ylabel = "energy over squared error (dB)" if kind == "gradients" else "PSNR (dB)"
    if len(set(rows["rate"])) > 1:
        axes.set_xscale("log", base=2)
    axes.set_title("\n".join(textwrap.wrap(DOMAIN_NAME[kind], 24)))
    axes.set(xlabel=RATE_NAME[RATE.get(kind, "bits")], ylabel=ylabel)
    rates = sorted(set(rows["rate"].round(6)))
    axes.set_xticks(rates, [f"{rate:.3g}" for rate in rates])
    axes.minorticks_off()
    axes.margins(x=0.25)


def _draw_bits(axes: Axes, bits: pd.DataFrame) -> None:
    for form in FORMS:
        here = bits[bits["form"] == form].sort_values("p")
        if len(here):
            axes.errorbar(here["p"], here["mean"], whiskers(here, "mean"), elinewidth=1.0, **_look(form))
    axes.set(title=f"{DOMAIN_NAME['bits']} (lower is better)", xscale="log", ylim=(-0.03, 1.06),
             xlabel="probability of a wrong bit in y", ylabel="block error rate (1)")  # fmt: skip


def draw_gains(gains: pd.DataFrame, note: str) -> Figure:
    """Gain over the separate form: joint, distributed, and three quarters of joint, a line a setting."""
    names = list(dict.fromkeys(gains["setting"]))
    fig, axes = plt.subplots(figsize=(9.6, 0.42 * len(names) + 1.9))
    for place, name in enumerate(names):
        for form, shift in (("joint", -0.13), ("distributed", 0.13)):
            one = gains[(gains["setting"] == name) & (gains["form"] == form)]
            if one.empty:
                continue
            look = form_style(form) | {"linestyle": "none"}
            axes.errorbar(one["gain"], [place + shift], xerr=whiskers(one, "gain"), elinewidth=1.2, **look)
            if form == "joint":
                axes.plot([NEARLY * one["gain"].iloc[0]] * 2, [place - 0.38, place + 0.38], color=GREY, linewidth=2.0)
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set(xlabel="dB over the separate form", title="What side information brings")
    marks = [key(FORM_NAME[form], **form_style(form) | {"linestyle": "none"}) for form in ("joint", "distributed")]
    legend_right(fig, [*marks, key("three quarters of joint", color=GREY, linewidth=2.0)])
    caption(
        fig,
        "PSNR, or for gradients energy over squared error; paired over the same test items. Bars: 95 % bootstrap over "
        "items. " + note,
    )
    return fig


def judge(page: Page, items: pd.DataFrame, gains: pd.DataFrame) -> list[Verdict]:
    """Fig. 4 on half images, and correlations without overlap; `items` of `load_forms`."""
    evidence = [page.evidence("figures", "gains"), page.evidence("tables", "gains")]
    halves = gains[(gains["kind"] == "halves") & (gains["form"] == "distributed")]
    shares = halves.set_index("bits")["kept"].map("{:.3g}".format, na_action="ignore").fillna(UNSURE)
    kept = "kept of the joint gain: " + ", ".join(f"{bits} bit {share}" for bits, share in shares.items())
    nearly = {
        f"{bits} bit": (
            gain(items, f"halves_d_{bits}", f"halves_s_{bits}")
            - NEARLY * gain(items, f"halves_j_{bits}", f"halves_s_{bits}")
        ).dropna()
        for bits in (1, 2, 4)
    }
    pairs = {"half images": ("halves_d_4", "halves_s_4"), "gradients": ("grad_d", "grad_s"),
             "worn given far": ("close_d_8x8", "close_s_8x8")}  # fmt: skip
    return [
        judge_pairs(page, "ndsc.fig4_dist_vs_joint", nearly, evidence, kept),
        judge_named(page, "ndsc.fig4_dist_vs_sep", evidence, kept),
        judge_pairs(page, "ndsc.complex_corr", {name: gain(items, *two) for name, two in pairs.items()}, evidence),
    ]


def audible(page: Page, runs: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
    """Waveforms of kept speech by item and name: microphone 1 as it is, its map that was not coded, then what each
    run's form decodes.
    """
    forms = {row_of(page, run)["form"]: (run, "correct") for run in runs}
    found = sounds(page, {"map, not coded": (runs[0], "map"), **forms})
    return {item: {"microphone 1" if name == "clean" else name: wave for name, wave in waves.items()}
            for item, waves in found.items()}  # fmt: skip
