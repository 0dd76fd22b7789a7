"""Fig. 12: decompressed mel spectrograms from 2 kbit/s down to 0.5, beside the uncompressed one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from thinwire.claims import Verdict
from thinwire.figures.aucom.runs import VARIANTS, name, style
from thinwire.figures.aucom.verdicts import judge_picture
from thinwire.figures.listen import load_audio
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED
from thinwire.figures.style import SPECTRUM_MAP, caption, key, legend_right
from thinwire.metrics.statistics import bootstrap_mean
from thinwire.params.aucom_codec import FRAME_RATE

CORPUS = "librispeech"
RATES = (2.0, 1.5, 1.0, 0.5)
"""kbit/s of the pictures; the paper goes down to 0.5."""
LOWEST = 0.5
NEAR = 0.2
"""A rate within this share of a wanted one stands for it."""
NEAR_LOWEST = (LOWEST * (1.0 - NEAR), LOWEST * (1.0 + NEAR))
TWO_BANDS = 0.73
"""Share of the features' variance that two bands of loudness every 40 ms keep (measured on real LibriSpeech)."""
DECIBELS = 10.0 / np.log(10.0)
"""Features are natural logarithms of power."""
RANGE_DB = 60.0


@dataclass(frozen=True)
class Point:
    """An operating point of Fig. 12, with its mean rate on LibriSpeech, and the rate that it stands for."""

    run: str
    tau: float
    kbps: float
    wanted: float

    @property
    def title(self) -> str:
        """What stands above its pictures."""
        return f"{self.kbps:.2f} kbps\n{name(self.run)}, tau = {self.tau:g}"


def rate_table(page: Page, items: pd.DataFrame, corpus: str = CORPUS) -> pd.DataFrame:
    """Every operating point on a corpus: label, tau, kbps, mse, explained (1 - mse) with its 95 % interval, error_db
    and items; lowest rate first.
    """
    rows = []
    here = items[(items["corpus"] == corpus) & items["label"].isin(list(VARIANTS))]
    for label, tau in here[["label", "tau"]].drop_duplicates().itertuples(index=False):
        part = here[(here["label"] == label) & (here["tau"] == tau)].groupby("segment_id")[["kbps", "mse", "error_db"]]
        means = part.mean()
        kept = bootstrap_mean(1.0 - means["mse"].to_numpy(), SEED, page.params.evaluation.bootstrap)
        rows.append((label, tau, means["kbps"].mean(), means["mse"].mean(), kept.mean, kept.low, kept.high,
                     means["error_db"].mean(), len(means)))  # fmt: skip
    columns = ["label", "tau", "kbps", "mse", "explained", "low", "high", "error_db", "items"]
    return pd.DataFrame(rows, columns=columns).sort_values(["kbps", "mse"], ignore_index=True)


def nearest(table: pd.DataFrame, kbps: float) -> Point:
    """The operating point that stands for a rate: the least distorted of those within NEAR of it, else the nearest in
    the logarithm. `table` is `rate_table`.

    A Huffman code spends at least a bit on a symbol of a row with two, so larger steps distort more and save little
    there; which of such points is nearest to a rate is chance.
    """
    off = np.log(table["kbps"].clip(lower=1e-6) / kbps).abs()
    outside = off.where((table["kbps"] / kbps - 1.0).abs() > NEAR, 0.0).round(9)
    row = table.assign(off=outside).sort_values(["off", "mse"]).iloc[0]
    return Point(str(row["label"]), float(row["tau"]), float(row["kbps"]), kbps)


def every_point(table: pd.DataFrame) -> list[Point]:
    """All operating points, lowest rate first. `table` is `rate_table`."""
    rows = table[["label", "tau", "kbps"]].itertuples(index=False)
    return [Point(str(label), float(tau), float(kbps), float(kbps)) for label, tau, kbps in rows]


def load_look(page: Page, runs: Sequence[str] = VARIANTS) -> dict[str, dict[str, np.ndarray]]:
    """look.npz of codec runs by test item: `features` (H, L), and `<run>/tau<tau>` of every run and step, in dB of
    power over the item's loudest value.
    """
    out: dict[str, dict[str, np.ndarray]] = {}
    for run in runs:
        with np.load(page.path("results", run, "look.npz"), allow_pickle=False) as store:
            for entry in store.files:
                item, _, kind = entry.rpartition("/")
                if kind == "features":
                    out.setdefault(item, {})[kind] = store[entry].astype(np.float32) * DECIBELS
                elif kind.startswith("tau"):
                    out.setdefault(item, {})[f"{run}/{kind}"] = store[entry].astype(np.float32) * DECIBELS
    for versions in out.values():
        top = float(versions["features"].max())
        for kind in versions:
            versions[kind] = versions[kind] - top
    return out


def draw_spectrograms(
    look: Mapping[str, Mapping[str, np.ndarray]], points: Sequence[Point], items: Sequence[str], note: str
) -> Figure:
    """Fig. 12: a row an item; without loss first, then from the highest rate to the lowest, with the error below each
    title.
    """
    columns = 1 + len(points)
    fig, panels = plt.subplots(
        len(items), columns, figsize=(2.55 * columns + 1.0, 2.1 * len(items) + 1.0), sharex="row", sharey=True,
        squeeze=False,
    )  # fmt: skip
    for line, item in enumerate(items):
        original = look[item]["features"]
        image = show(panels[line][0], original)
        panels[line][0].set_ylabel(f"{item[:28]}\nmel band", fontsize=7.5)
        for axes, point in zip(panels[line][1:], points, strict=True):
            version = look[item].get(f"{point.run}/tau{point.tau:g}")
            if version is None:
                axes.set_visible(False)
                continue
            show(axes, version)
            error = float(np.sqrt(np.mean((version - original) ** 2)))
            axes.annotate(f"{error:.1f} dB off", (0.98, 0.95), xycoords="axes fraction", ha="right", va="top",
                          color="white", fontsize=7)  # fmt: skip
    for axes, title in zip(panels[0], ["uncompressed", *(point.title for point in points)], strict=True):
        axes.set_title(title, fontsize=9)
    for axes in panels[-1]:  # items are as long as they are: each row has a scale of its own
        axes.set_xlabel("time (s)")
    fig.colorbar(image, ax=panels, label="power (dB re the item's maximum)", shrink=0.8, pad=0.01)
    wanted = ", ".join(f"{point.wanted:g}" for point in points)
    caption(
        fig,
        f"Above: mean Huffman rate of LibriSpeech test items at the operating points for {wanted} kbps (of "
        f"those within {100 * NEAR:.0f} % the least distorted); in the "
        f"pictures the RMS error of this item. {note}",
    )
    return fig


def show(axes: Axes, values: np.ndarray) -> AxesImage:
    """Log-mel features (H, L) in dB over time."""
    axes.grid(visible=False)
    return axes.imshow(
        values, origin="lower", aspect="auto", interpolation="nearest", cmap=SPECTRUM_MAP, vmin=-RANGE_DB, vmax=0.0,
        extent=(0.0, values.shape[1] / FRAME_RATE, 0, len(values)),
    )  # fmt: skip


def draw_kept(table: pd.DataFrame, chosen: Sequence[Point], note: str) -> Figure:
    """How much of the features is left, against the rate: share of the variance, and RMS error in dB."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(11.4, 3.9))
    for run in VARIANTS:
        rows = table[table["label"] == run].sort_values("tau")
        error = np.clip([rows["explained"] - rows["low"], rows["high"] - rows["explained"]], 0.0, None)
        left.errorbar(rows["kbps"], 100.0 * rows["explained"], 100.0 * error, fmt="none", ecolor=style(run)["color"])
        left.plot(rows["kbps"], 100.0 * rows["explained"], **style(run))
        right.plot(rows["kbps"], rows["error_db"], **style(run))
    for point in chosen:
        row = table[(table["label"] == point.run) & (table["tau"] == point.tau)].iloc[0]
        for axes, value in ((left, 100.0 * row["explained"]), (right, row["error_db"])):
            axes.plot(point.kbps, value, "o", markersize=11, markerfacecolor="none", color="black", linestyle="none")
    left.axhline(100.0 * TWO_BANDS, color="black", linestyle="--", linewidth=0.9)
    for axes in (left, right):
        axes.axvspan(*NEAR_LOWEST, color="black", alpha=0.05, linewidth=0)
        axes.set_xlabel("rate (kbit/s, Huffman, from bytes)")
        axes.set_xlim(0, None)
    left.set(ylabel="variance kept (%)", title="What is left of the features")
    right.set(ylabel="RMS error (dB)", title="How far off they are", ylim=(0, None))
    legend_right(
        fig,
        [
            *(key(name(run), **style(run)) for run in VARIANTS),
            key("drawn above", color="black", marker="o", markersize=10, markerfacecolor="none", linestyle="none"),
            key("two bands of loudness", color="black", linestyle="--", linewidth=0.9),
            key("0.4 to 0.6 kbps", color="black", alpha=0.12, linewidth=7),
        ],
    )
    caption(
        fig,
        "LibriSpeech test items; along a line tau rises from right to left. 100 % is the variance of training features "
        "over time, each mel's mean removed. Bars: 95 % bootstrap over items. " + note,
    )
    return fig


def sounds(page: Page, table: pd.DataFrame, runs: Sequence[str], most: int = 2) -> dict[str, dict[str, np.ndarray]]:
    """Waveforms of the first items that were kept for listening: clean, from uncompressed features, and from every step
    that was inverted of the named runs, with mean rates. `table` is `rate_table`.
    """
    stores = {run: load_audio(page, run, most) for run in runs}
    rates = {(row["label"], f"tau{row['tau']:g}"): row["kbps"] for row in table.to_dict("records")}
    first = stores[runs[0]]
    out = {item: {"clean": versions["clean"], "features, uncompressed": versions["features"]}
           for item, versions in first.items()}  # fmt: skip
    for run, store in stores.items():
        for item, versions in store.items():
            for kind, wave in versions.items():
                if item in out and (run, kind) in rates:
                    title = f"{name(run)}, tau {kind.removeprefix('tau')}, {rates[run, kind]:.2f} kbps"
                    out[item][title] = wave
    return out


def judge(page: Page, table: pd.DataFrame) -> list[Verdict]:
    """Fig. 12, at the operating point for 0.5 kbps. `table` is `rate_table`."""
    point = nearest(table, LOWEST)
    row = table[(table["label"] == point.run) & (table["tau"] == point.tau)].iloc[0]
    low, high = NEAR_LOWEST
    checks = {
        "rate": bool(((table["kbps"] >= low) & (table["kbps"] <= high)).any()),
        "structure": bool(row["explained"] > TWO_BANDS),
    }
    near = table[(table["kbps"] >= low) & (table["kbps"] <= high)].to_dict("records")
    others = ", ".join(f"{name(one['label'])} at tau {one['tau']:g} {one['explained']:.2f}" for one in near)
    told = (
        f"{name(point.run)} at tau {point.tau:g}, {point.kbps:.3f} kbps: keeps {row['explained']:.2f} "
        f"[{row['low']:.2f}, {row['high']:.2f}] of the variance of {row['items']} items (two bands of loudness "
        f"{TWO_BANDS:g}), {row['error_db']:.1f} dB off; all points from {low:g} to {high:g} kbps: {others or 'none'}"
    )
    measured = {"kbps": point.kbps, "variance_kept": float(row["explained"])}
    evidence = [page.evidence("figures", "spectrograms"), page.evidence("figures", "kept"),
                page.evidence("tables", "kept")]  # fmt: skip
    return [judge_picture(page, "aucom.fig12", checks, measured, evidence, told, corpora=[CORPUS])]
