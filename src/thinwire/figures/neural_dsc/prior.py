"""The latent prior: bits that it saves of codes as they are, counted in every way, real bytes beside the ideal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.claims import Verdict
from thinwire.figures.neural_dsc.maps import show_grid, show_map, upright
from thinwire.figures.neural_dsc.models import load_look
from thinwire.figures.neural_dsc.runs import DOMAIN_NAME, codec_of, domain_style, kind_of, rates, row_of, run_name
from thinwire.figures.neural_dsc.verdicts import judge_pairs
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED
from thinwire.figures.style import GREY, SOURCE_COLOUR, caption, key, legend_right
from thinwire.metrics.statistics import bootstrap_mean

COUNTED = {
    "fixed_bits": "fixed length",
    "entropy_bits": "static tables of training counts",
    "ideal_bits": "prior, cross-entropy",
    "reference_bits": "prior, as the authors' code counts",
    "payload_bits": "prior, real bytes",
}
COLOUR = dict(zip(COUNTED, (GREY, SOURCE_COLOUR[1], SOURCE_COLOUR[4], SOURCE_COLOUR[3], SOURCE_COLOUR[0]), strict=True))
PUBLISHED = (21.8, 48.4)
"""Per cent saved on KITTI, least and most of the published points."""
PAIRS = {"stereo": "stereo", "half images": "halves", "mel": "mel"}
"""How the claim calls a domain."""


def load(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """rates.parquet of priors, seeds averaged: one row a run and test item, with kind, bits and downsample of the codec
    and `saved`, per cent of fixed length that real bytes spare.
    """
    table = rates(page, runs)
    columns = [*COUNTED, "header_bits"]
    table = table.groupby(["run", "segment_id"], sort=False)[columns].mean().reset_index()
    rows = {run: row_of(page, run) for run in runs}
    said = {run: {"kind": kind_of(row), "bits": row["bits"], "downsample": row["downsample"]}
            for run, row in rows.items()}  # fmt: skip
    table = table.join(pd.DataFrame.from_dict(said, orient="index"), on="run")
    return table.assign(saved=100.0 * (1.0 - table["payload_bits"] / table["fixed_bits"]))


def summary(page: Page, items: pd.DataFrame) -> pd.DataFrame:
    """A row a prior: codec, indices of an item, mean bits of an item in every way of counting, per cent saved with its
    95 % interval, bits of payload over the ideal, per cent of static tables, items.
    """
    rows = []
    for run, part in items.groupby("run", sort=False):
        saved = bootstrap_mean(part["saved"].to_numpy(), SEED, page.params.evaluation.bootstrap)
        static = 100.0 * (1.0 - part["entropy_bits"].mean() / part["fixed_bits"].mean())
        rows.append(
            {"run": run, "codec": run_name(page, codec_of(page, str(run))), "kind": part["kind"].iloc[0],
             "label": f"{DOMAIN_NAME[part['kind'].iloc[0]]}\n{part['bits'].iloc[0]} bit, {part['downsample'].iloc[0]}x",
             "indices": part["fixed_bits"].iloc[0] / part["bits"].iloc[0]}
            | {column: part[column].mean() for column in COUNTED}
            | {"header_bits": part["header_bits"].mean(), "saved_percent": saved.mean, "low": saved.low,
               "high": saved.high, "static_percent": static,
               "over_ideal_bits": (part["payload_bits"] - part["ideal_bits"]).mean(), "items": saved.items}
        )  # fmt: skip
    return pd.DataFrame(rows)


def draw_saved(table: pd.DataFrame, note: str) -> Figure:
    """Bits of an item over fixed length, counted in every way, a group of bars a codec; `table` is `summary`."""
    fig, axes = plt.subplots(figsize=(12.4, 4.4))
    places, width = np.arange(len(table)), 0.21
    for number, column in enumerate(list(COUNTED)[1:]):
        share = 100.0 * table[column] / table["fixed_bits"]
        axes.bar(places + (number - 1.5) * width, share, width, color=COLOUR[column], zorder=2)
    error = np.clip([table["saved_percent"] - table["low"], table["high"] - table["saved_percent"]], 0.0, None)
    axes.errorbar(places + 1.5 * width, 100.0 - table["saved_percent"], error[::-1], fmt="none", ecolor="black",
                  capsize=2, linewidth=1.0, zorder=3)  # fmt: skip
    axes.axhline(100.0, color=COLOUR["fixed_bits"], linewidth=1.4)
    axes.axhspan(100.0 - PUBLISHED[1], 100.0 - PUBLISHED[0], color="black", alpha=0.1, linewidth=0, zorder=1)
    axes.set_xticks(places, table["label"], fontsize=7.5)
    axes.set(ylabel="bits of an item (% of fixed length)", title="What the same indices cost", ylim=(0, None))
    axes.grid(visible=False, axis="x")
    bars = [key(COUNTED[column], color=COLOUR[column], linewidth=6) for column in list(COUNTED)[1:]]
    legend_right(
        fig,
        [
            key("fixed length", color=COLOUR["fixed_bits"]),
            *bars,
            key("published, real KITTI", color="black", alpha=0.12, linewidth=8),
        ],
    )
    caption(
        fig,
        "The prior sees indices alone, never the side information; the decoded item is the same whatever they cost. "
        "Real bytes: range-coded payload, container's header apart. Bars on real bytes: 95 % bootstrap over items. "
        f"Published: what the authors' code computes as saved on KITTI, {PUBLISHED[0]:g} to {PUBLISHED[1]:g} %. {note}",
    )
    return fig


def draw_ideal(items: pd.DataFrame, note: str) -> Figure:
    """Real bytes against the ideal length, item by item, and how much the bytes lie over it."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(11.4, 4.2))
    kinds = list(dict.fromkeys(items["kind"]))
    for kind in kinds:
        part = items[items["kind"] == kind]
        look = domain_style(kind)
        left.plot(part["ideal_bits"], part["payload_bits"], linestyle="none", alpha=0.5, **look)
        over = part["payload_bits"] - part["ideal_bits"]
        right.plot(part["ideal_bits"], over, linestyle="none", alpha=0.5, **look)
    ends = [float(items["ideal_bits"].min()), float(items["ideal_bits"].max())]
    left.plot(ends, ends, color="black", linewidth=1.0)
    right.axhspan(1.0, 2.0, color="black", alpha=0.10, linewidth=0)
    right.axhline(0.0, color="black", linewidth=1.0)
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xlabel("cross-entropy under the prior (bit an item)")
    left.set_yscale("log")
    left.set(ylabel="payload (bit an item)", title="Real bytes against the ideal")
    right.set(ylabel="payload minus ideal (bit an item)", title="What real coding adds")
    handles = [key(DOMAIN_NAME[kind], linestyle="none", **domain_style(kind)) for kind in kinds]
    legend_right(fig, [*handles, key("equal", color="black", linewidth=1.0),
                       key("authors' count", color="black", alpha=0.15, linewidth=8)])  # fmt: skip
    caption(
        fig,
        "One point an item and codec. A payload is the fewest whole bytes that zeros may follow, and the container "
        "tells how many, so that some items take less than the ideal; the authors' code reports the ideal rounded "
        f"up, plus one bit. {note}",
    )
    return fig


def load_bits(page: Page, run: str) -> dict[str, np.ndarray]:
    """bits.npz of a prior: ideal bits of each index, in the grid's shape, by item."""
    with np.load(page.path("results", run, "bits.npz"), allow_pickle=False) as store:
        return {name: store[name] for name in store.files}


def draw_where(page: Page, runs: Sequence[str], item: int = 0, note: str = "") -> Figure:
    """Of one item of each prior: what is coded, its indices, and what each index costs."""
    fig, panels = plt.subplots(len(runs), 3, figsize=(11.4, 2.5 * len(runs) + 0.5), squeeze=False)
    for line, run in zip(panels, runs, strict=True):
        codec = codec_of(page, run)
        row, bits, look = row_of(page, codec), load_bits(page, run), load_look(page, codec)
        name = [found for found in look if found in bits][item]
        show_map(line[0], look[name]["x"], row["domain"])
        line[0].set_title(f"{DOMAIN_NAME[kind_of(row)]}: x")
        if row["domain"] in ("mel", "stft"):
            line[0].set(xlabel="time (s)", ylabel="mel band")
        origin = upright(row["domain"])
        title = f"indices, {row['bits']} bit each"
        image = show_grid(line[1], look[name]["indices"], title, cmap="twilight", origin=origin)
        fig.colorbar(image, ax=line[1], label="index", pad=0.01)
        most = max(float(row["bits"]), float(bits[name].max()))
        title = f"bits of each index ({bits[name].sum():.0f} of {row['bits'] * bits[name].size})"
        image = show_grid(line[2], bits[name], title, cmap="cividis", vmin=0.0, vmax=most, origin=origin)
        fig.colorbar(image, ax=line[2], label="bit", pad=0.01)
    caption(
        fig,
        "Indices are coded in raster order, row by row from the array's first; each costs -log2 of the probability "
        f"that the prior gave it after those before. An index may cost more than its fixed length. {note}",
    )
    return fig


def kept(page: Page, runs: Sequence[str]) -> range:
    """Places of items that all priors kept."""
    return range(min(len(set(load_bits(page, run)) & set(load_look(page, codec_of(page, run)))) for run in runs))


def judge(page: Page, items: pd.DataFrame, runs: Sequence[str]) -> list[Verdict]:
    """Per cent of fixed length that real bytes save, item by item, in three domains; `runs` are the priors."""
    chosen = items[items["run"].isin(list(runs))]
    parts = {pair: chosen[chosen["kind"] == kind] for pair, kind in PAIRS.items()}
    differences = {
        pair: 100.0 * (part["fixed_bits"] - part["payload_bits"]) / part["fixed_bits"] for pair, part in parts.items()
    }
    told = ", ".join(f"{pair} {part['saved'].mean():.1f} %" for pair, part in parts.items() if len(part))
    evidence = [page.evidence("figures", "saved"), page.evidence("tables", "rates")]
    reason = f"saved of fixed length, real bytes: {told}; published {PUBLISHED[0]:g} to {PUBLISHED[1]:g} % on KITTI"
    return [judge_pairs(page, "ndsc.prior_gain", differences, evidence, reason)]
