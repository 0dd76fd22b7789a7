"""Speech: kbit/s from bytes against quality for microphone 1 given microphone 2, and what that buys over sending
microphone 1 alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.figures.listen import load_audio
from thinwire.figures.neural_dsc.runs import (
    DOMAIN_NAME,
    FORM_NAME,
    FORMS,
    MEASURE_NAME,
    SIDE_NAME,
    codec_of,
    form_style,
    gain,
    interval_of,
    kind_of,
    mean_of,
    own,
    rates,
    row_of,
)
from thinwire.figures.paths import Page
from thinwire.figures.results import read_table
from thinwire.figures.style import GREY, caption, key, legend_right
from thinwire.figures.tfcodec.runs import sounds as sounds_of
from thinwire.metrics.perceptual import pesq_wb, stoi

MEASURES = ("psnr", "lsd", "stoi", "pesq", "si_sdr")
SHOWN = ("psnr", "lsd", "stoi", "pesq")
NEAR = 0.1
"""Rates within this share of each other are called equal."""
HEARD = ("stoi", "pesq")
PIECE_SIDE_NAME = SIDE_NAME | {"wrong": "the next piece's"}
TICKS = (0.2, 0.5, 1.0, 2.0, 5.0)


def table(page: Page, items: pd.DataFrame, priors: Sequence[str] = ()) -> pd.DataFrame:
    """A row a codec: run, kind, form, bits, downsample, kbps (payload bytes), prior_kbps (real bytes with its prior),
    every measure with its 95 % interval (`<measure>_low`, `_high`; NaN where it was not taken), explained, items.
    """
    coded = {codec_of(page, prior): float(rates(page, [prior])["kbps"].mean()) for prior in priors}
    rows = []
    for run, part in own(items).groupby("run", sort=False):
        row = {"run": run, **part[["kind", "form", "bits", "downsample"]].iloc[0], "kbps": part["kbps"].mean()}
        row |= {"prior_kbps": coded.get(str(run), np.nan)}
        for measure in MEASURES:
            known = bool(part[measure].notna().any())
            found = interval_of(page, part, measure) if known else None
            row |= {measure: np.nan if found is None else found.mean}
            row |= {f"{measure}_low": np.nan if found is None else found.low}
            row |= {f"{measure}_high": np.nan if found is None else found.high}
        rows.append(row | {"explained": part["explained"].mean(), "items": part["segment_id"].nunique()})
    return pd.DataFrame(rows).sort_values(["kind", "form", "kbps"], ignore_index=True)


def ceiling(page: Page, run: str) -> dict[str, float]:
    """STOI and PESQ of maps that were not coded, made audible as decoded ones are: the mean of a run's kept items."""
    scores: dict[str, list[float]] = {name: [] for name in HEARD}
    for versions in load_audio(page, run, most=1000).values():
        for name, measure in (("stoi", stoi), ("pesq", pesq_wb)):
            scores[name].append(float(measure(versions["clean"], versions["map"])))
    return {name: float(np.nanmean(values)) if np.isfinite(values).any() else np.nan
            for name, values in scores.items()}  # fmt: skip


def draw_quality(found: pd.DataFrame, ceilings: Mapping[str, Mapping[str, float]], note: str) -> Figure:
    """Every measure against the rate, a row of panels a domain; `ceilings` by domain as `ceiling` gives them."""
    kinds = [kind for kind in DOMAIN_NAME if (found["kind"] == kind).any()]
    fig, panels = plt.subplots(
        len(kinds), len(SHOWN), figsize=(12.8, 2.6 * len(kinds) + 0.9), squeeze=False, sharex=True
    )
    for line, kind in zip(panels, kinds, strict=True):
        rows = found[found["kind"] == kind]
        for axes, measure in zip(line, SHOWN, strict=True):
            for form in FORMS:
                _curve(axes, rows[rows["form"] == form], measure, form)
            top = ceilings.get(kind, {}).get(measure, np.nan)
            if np.isfinite(top):
                axes.axhline(top, color=GREY, linestyle=":", linewidth=1.2)
            axes.set_ylabel(MEASURE_NAME[measure], fontsize=8)
        line[0].set_title(f"{DOMAIN_NAME[kind]}")
    for axes in panels.flat:
        axes.set_xscale("log")
        axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
        axes.minorticks_off()
        axes.margins(x=0.12)
    for axes in panels[-1]:
        axes.set_xlabel("rate of x (kbit/s, bytes)")
    handles = [key(FORM_NAME[form].replace(" (", "\n("), **form_style(form)) for form in FORMS]
    prior = form_style("distributed") | {"markerfacecolor": "white", "linestyle": "none"}
    legend_right(fig, [*handles, key("distributed, with its prior", **prior),
                       key("map that was not coded", color=GREY, linestyle=":")])  # fmt: skip
    caption(
        fig,
        "Rates are bytes of x's payload; y costs nothing here, the decoder has it. PSNR is of features in units of "
        "their spread: 0 dB is the training mean. STOI and PESQ are of some items and against the waveform that was "
        "sent, at one level; waveforms of mel maps by Griffin-Lim, whose own loss is the dotted line (kept items). "
        f"Bars: 95 % bootstrap over items. {note}",
    )
    return fig


def _curve(axes: Axes, rows: pd.DataFrame, measure: str, form: str) -> None:
    rows = rows.dropna(subset=[measure]).sort_values("kbps")
    if rows.empty:
        return
    error = np.clip([rows[measure] - rows[f"{measure}_low"], rows[f"{measure}_high"] - rows[measure]], 0.0, None)
    axes.errorbar(rows["kbps"], rows[measure], error, capsize=2, elinewidth=0.8, **form_style(form))
    coded = rows.dropna(subset=["prior_kbps"])
    look = form_style(form) | {"markerfacecolor": "white", "linestyle": "none"}
    axes.plot(coded["prior_kbps"], coded[measure], **look)


def equal_rates(page: Page, items: pd.DataFrame) -> pd.DataFrame:
    """What knowing y buys at equal rates, item by item: kind, compared, first, second (runs), kbps (of x), and dB of
    PSNR with its 95 % interval. Compared are distributed and joint over separate; y is there for nothing.
    """
    known = own(items).groupby("run", sort=False).agg({"kbps": "mean", "kind": "first", "form": "first"})
    rows = []
    for first, one in known.iterrows():
        for second, other in known.iterrows():
            if one["kind"] != other["kind"] or one["form"] == "separate" or other["form"] != "separate":
                continue
            if abs(one["kbps"] / other["kbps"] - 1.0) <= NEAR:
                found = mean_of(page, gain(items, str(first), str(second)))
                rows.append((one["kind"], f"{one['form']} over separate", first, second, one["kbps"], found.mean,
                             found.low, found.high, found.items))  # fmt: skip
    columns = ["kind", "compared", "first", "second", "kbps", "db", "low", "high", "items"]
    return pd.DataFrame(rows, columns=columns)


def separate_rate(found: pd.DataFrame, measure: str = "psnr") -> pd.DataFrame:
    """The rate at which sending x alone would be as good as each distributed codec: run, kind, kbps, value, alone_kbps,
    on the line between the separate codecs in the logarithm of the rate. Where it lies beyond them it is not known, and
    `alone_kbps`, a text, says what is: `> 1.92`, more than the dearest takes, or `< 0.96`, less than the cheapest.
    """
    rows = []
    for row in found[found["form"] == "distributed"].to_dict("records"):
        alone = found[(found["kind"] == row["kind"]) & (found["form"] == "separate")].sort_values("kbps")
        if len(alone):
            rate = _rate_for(row[measure], alone["kbps"].to_numpy(), alone[measure].to_numpy())
            rows.append((row["run"], row["kind"], row["kbps"], row[measure], rate))
    return pd.DataFrame(rows, columns=["run", "kind", "kbps", measure, "alone_kbps"])


def _rate_for(wanted: float, kbps: np.ndarray, quality: np.ndarray) -> str:
    """The rate of a quality on the line through points (n,) of rising rate; those no better than a cheaper one are not
    on it.
    """
    best = np.maximum.accumulate(quality)
    if wanted > best[-1]:
        return f"> {kbps[-1]:.3g}"
    if wanted < best[0]:
        return f"< {kbps[0]:.3g}"
    better = np.diff(best, prepend=-np.inf) > 0.0
    return f"{np.exp(np.interp(wanted, best[better], np.log(kbps[better]))):.3g}"


def recorded(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """Codecs on the recording that `evaluation.neural_dsc.recording` names: a row a run, microphone that is y (`mic`)
    and kind of side information, with its pieces, psnr and lsd (dB); no row where none is named. One scene: means
    without intervals, and wrong side information that is the next piece's, in the same room by the same talker.
    """
    columns = ["run", "kind", "form", "mic", "si", "pieces", "kbps", "psnr", "lsd"]
    rows = []
    for run in runs:
        if not page.path("results", run).joinpath("recording.parquet").is_file():
            continue
        pieces, row = read_table(page, run, "recording"), row_of(page, run)
        rate = pieces["kbps"].mean()
        for (mic, side), part in pieces.groupby(["mic", "si"], sort=False):
            told = (run, kind_of(row), row["form"], mic, PIECE_SIDE_NAME[str(side)], part["segment_id"].nunique())
            rows.append((*told, rate, part["psnr"].mean(), part["lsd"].mean()))
    return pd.DataFrame(rows, columns=columns)


def sounds(page: Page, runs: Sequence[str], most: int = 2) -> dict[str, dict[str, np.ndarray]]:
    """Waveforms by item: sent, the first run's map without coding, and every run with the item's own y."""
    versions = {"map, not coded": (runs[0], "map")} | {heard_name(page, run): (run, "correct") for run in runs}
    return sounds_of(page, versions, most)


def heard_name(page: Page, run: str) -> str:
    """How players call a run."""
    row = row_of(page, run)
    return f"{row['domain']}, {row['form']}, {row['bits']} bit, {row['downsample']}x"
