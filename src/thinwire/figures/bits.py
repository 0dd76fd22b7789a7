"""Real bits (beyond the paper): quality against kbit/s counted from bytes, headers apart, and floats beside bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.claims import Verdict, judge_ordering
from thinwire.figures.listen import FIRST, load_audio
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED, curve, floor_of, read_table
from thinwire.figures.style import ARCH_COLOUR, GREY, band, bandwidth_axis, caption, key, legend_right
from thinwire.metrics.statistics import bootstrap_mean

SCHEME_NAME: dict[Any, str] = {
    "ndpca": "variable width: water-filling over NDPCA",
    "full_latent": "fixed width: the plain latent, all of it",
}
SCHEME_COLOUR: dict[Any, str] = {"ndpca": ARCH_COLOUR["E4D1"], "full_latent": "#009E73"}


def load_bits(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """bits.parquet of the named runs: a run with NDPCA gives the scheme of variable width, a plain one that of fixed
    width.
    """
    return pd.concat([read_table(page, run, "bits") for run in runs], ignore_index=True)


def sounds(page: Page, run: str, most: int = 2) -> dict[str, dict[str, np.ndarray]]:
    """Waveforms by segment: clean, first microphone, and what bytes of several rates decode to."""
    return {
        segment: {name: x for name, x in versions.items() if name in FIRST or name.startswith("kbps")}
        for segment, versions in load_audio(page, run, most).items()
    }


def rate_table(bits: pd.DataFrame, draws: int) -> pd.DataFrame:
    """Per scheme and target: measured rates (kbit/s, header apart), entropy beside payload, components, PSNR with its
    interval.
    """
    rows = []
    for (scheme, target), part in bits.groupby(["scheme", "kbps_target"]):
        interval = bootstrap_mean(part["psnr_magnitude"].to_numpy(), SEED, draws)
        kilo = {name: part[f"bits_{name}"].mean() / 1000 for name in ("total", "header", "payload", "entropy")}
        rows.append(
            {"scheme": scheme, "target_kbps": target}
            | {f"{name}_kbps": value for name, value in kilo.items()}
            | {
                "over_entropy_percent": 100 * (kilo["payload"] / kilo["entropy"] - 1)
                if kilo["entropy"] > 0
                else np.nan,
                "components": part["m_used"].mean(),
                "psnr_db": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "items": part["segment_id"].nunique(),
            }
        )
    return pd.DataFrame(rows)


def draw_rates(table: pd.DataFrame, items: pd.DataFrame, draws: int, note: str) -> Figure:
    """PSNR against measured kbit/s for both schemes, with and without header, beside floats sent as 32 bits each."""
    floats = curve(items, "psnr_magnitude", draws=draws)
    fig, (left, right) = plt.subplots(1, 2, figsize=(12.6, 4.6), width_ratios=[4, 3])
    for scheme, rows in table.groupby("scheme", sort=False):
        colour = SCHEME_COLOUR[scheme]
        left.plot(rows["payload_kbps"], rows["psnr_db"], color=colour, marker="o")
        left.plot(rows["total_kbps"], rows["psnr_db"], color=colour, linestyle=":", marker="o", markerfacecolor="white")
        band(left, rows["payload_kbps"].to_numpy(), rows["low"].to_numpy(), rows["high"].to_numpy(), colour)
    left.plot(floats["m"] * 32 / 1000, floats["mean"], color="black", linestyle="--", marker="s", markersize=3.5)
    left.set_xscale("log")
    left.set(xlabel="rate (kbit/s)", ylabel="PSNR of magnitudes (dB)", title="Quality against real bits")
    ticks = [t for t in (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10) if left.get_xlim()[0] <= t <= left.get_xlim()[1]]
    left.set_xticks(ticks, [f"{t:g}" for t in ticks])
    left.minorticks_off()
    ours = table[table["scheme"] == "ndpca"]
    places = np.arange(len(ours))
    right.bar(places, ours["payload_kbps"], color=SCHEME_COLOUR["ndpca"], label="payload")
    right.bar(places, ours["header_kbps"], bottom=ours["payload_kbps"], color="#c9c9c9", label="header")
    right.plot(places, ours["entropy_kbps"], "k_", markersize=16, label="entropy under the tables")
    right.plot(places, ours["target_kbps"], "x", color=SCHEME_COLOUR["full_latent"], label="target")
    right.set_xticks(places, [f"{t:g}" for t in ours["target_kbps"]], fontsize=8)
    right.set(xlabel="target (kbit/s)", ylabel="measured (kbit/s)", title="Where the bits go (NDPCA)")
    right.legend(loc="upper left")
    keys = [key(SCHEME_NAME[name], color=SCHEME_COLOUR[name], marker="o") for name in table["scheme"].unique()]
    keys += [
        key("with header", color=GREY, linestyle=":", marker="o", markerfacecolor="white"),
        key("floats at 32 bits each", color="black", linestyle="--", marker="s"),
    ]
    legend_right(fig, keys)
    caption(
        fig,
        "Rates are counted from bytes, one container for every segment (a longer signal shares one header). "
        "Bands: 95 % bootstrap over items. " + note,
    )
    return fig


def draw_floats(bits: pd.DataFrame, note: str) -> Figure:
    """How many bits a float takes: components sent against payload bits, item by item, with the 32-bit line of a
    plain float.
    """
    ours = bits[bits["scheme"] == "ndpca"]
    fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.9))
    left.plot(ours["m_used"], ours["bits_payload"], ".", color=SCHEME_COLOUR["ndpca"], alpha=0.6)
    grid = np.array(sorted(ours["m_used"][ours["m_used"] > 0].unique()), float)
    if len(grid):
        left.plot(grid, 32 * grid, color="black", linestyle="--", label="32 bits a float")
        ticks = 2.0 ** np.arange(np.floor(np.log2(grid.min())), np.ceil(np.log2(grid.max())) + 1)
        bandwidth_axis(left, ticks, "components sent (floats/s)")
        left.legend()
    left.set_yscale("log")
    left.set(ylabel="payload (bit/s)", title="Floats against bits")
    cost = (
        ours[ours["m_used"] > 0].assign(each=lambda t: t["bits_payload"] / t["m_used"]).groupby("kbps_target")["each"]
    )
    right.errorbar(range(len(cost)), cost.mean(), cost.std(), color=SCHEME_COLOUR["ndpca"], marker="o")
    right.set_xticks(range(len(cost)), [f"{t:g}" for t in cost.groups])
    right.set(
        xlabel="target (kbit/s)", ylabel="payload a component (bit)", title="What one component costs", ylim=(0, None)
    )
    caption(fig, "Left: one point an item and target. Right: mean and standard deviation over items. " + note)
    return fig


def at_equal_rates(bits: pd.DataFrame, points: int = 8) -> pd.DataFrame:
    """PSNR of each item (rows) and scheme at equal mean payloads, averaged over `points` rates that both span.

    A target rate is an expectation, so payloads of two schemes differ by some bits; each item's PSNR is interpolated
    linearly over the logarithm of its scheme's mean payload.
    """
    payload = bits.groupby(["scheme", "kbps_target"])["bits_payload"].mean()
    schemes = list(payload.index.get_level_values("scheme").unique())
    rates = {scheme: np.log(payload[scheme].sort_index().to_numpy()) for scheme in schemes}
    low, high = max(r.min() for r in rates.values()), min(r.max() for r in rates.values())
    grid = np.linspace(low, high, points)
    curves = bits.pivot_table(index=["scheme", "segment_id"], columns="kbps_target", values="psnr_magnitude")
    curves = curves.sort_index(axis=1)
    means = {
        scheme: {segment: np.interp(grid, rates[scheme], row).mean() for segment, row in curves.loc[scheme].iterrows()}
        for scheme in schemes
    }
    return pd.DataFrame(means)


def judge(page: Page, bits: pd.DataFrame) -> list[Verdict]:
    """Section 2.2: variable width beats fixed width with entropy coding."""
    claim = page.claims["ndpca.var_dim_beats_entropy"]
    scores = at_equal_rates(bits).dropna()
    difference = (scores["ndpca"] - scores["full_latent"]).to_numpy()
    floor = floor_of(page, claim.id)
    reason = floor.reason
    evidence = [page.evidence("tables", "rates"), page.evidence("figures", "psnr_vs_kbps")]
    options = {"seed": SEED, "draws": page.params.evaluation.bootstrap}
    return [judge_ordering(claim, difference, floor.ok, reason, evidence=evidence, **options)]
