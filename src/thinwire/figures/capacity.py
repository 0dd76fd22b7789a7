"""Capacity, budget and rate over time (Fig. 3a, Eq. 1 to 3): what the channel allows and what the coder makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.channel.capacity import budget, rate_distortion
from thinwire.claims import Verdict, judge_exact
from thinwire.coding.quantise import gaussian_centroid
from thinwire.figures.paths import Page
from thinwire.figures.results import training_note
from thinwire.figures.style import ARCH_COLOUR, BOTTLENECK_LINE, GREY, bandwidth_axis, caption

CAPACITY_COLOUR = "#0072B2"
BUDGET_COLOUR = ARCH_COLOUR["E4D1"]
HIGH_RATE_GAP = 0.5 * np.log2(2 * np.pi * np.e / 12)  # 0.2546 bit: uniform quantiser against R(D), in the limit


@dataclass(frozen=True)
class Link:
    """The trace that the coder followed, a row a second: t_s, capacity_bps, m, m_sent, psnr_magnitude, segment_id,
    bound.

    `bound` is the right-hand side of Eq. 3, `m` its whole part m(t), `m_sent` what the coder used, and `largest` is D,
    the most that the model can send.
    """

    trace: pd.DataFrame
    sigma2: float
    distortion: float
    symbols: int
    largest: int
    note: str

    @property
    def bits_per_float(self) -> float:
        """s R(D), bits that one float costs (Eq. 2)."""
        return self.symbols * rate_distortion(self.sigma2, self.distortion)


def load_link(page: Page, run: str) -> Link:
    """Read the trace that a run's evaluation followed."""
    channel = page.params.channel
    sigma2 = 10.0 ** (channel.sigma2_over_d_db / 10.0)
    trace = pd.read_parquet(page.path("data", "channel", f"{run}.parquet")).sort_values("t_s", ignore_index=True)
    bound = trace["capacity_bps"] / (channel.symbols_per_float * rate_distortion(sigma2, 1.0))
    note = training_note(page, [run], trace["segment_id"].nunique())
    return Link(
        trace.assign(bound=bound), sigma2, 1.0, channel.symbols_per_float, page.params.systems.ndpca.shape.latent, note
    )


def quantiser_rates(seed: int, draws: int = 200_000) -> pd.DataFrame:
    """Entropy and mean square error of a uniform quantiser on Gaussian draws, against R(D) at that very error.

    Decoded as the codec does, to the mean of the cell. Columns: step, distortion (over sigma^2), bits (entropy),
    r_of_d, gap, gap_middle (decoded to the middle of the cell), all in bit. The steps give 1 to 5 bit.
    """
    source = np.random.default_rng(seed).standard_normal(draws)
    rows = []
    for step in np.geomspace(2.2, 0.13, 9):
        index = np.round(source / step)
        share = np.unique(index, return_counts=True)[1] / draws
        bits = float(-(share * np.log2(share)).sum())
        distortion = float(np.mean((source - step * gaussian_centroid(index, 1.0 / step)) ** 2))
        bound = rate_distortion(1.0, distortion)
        middle = bits - rate_distortion(1.0, float(np.mean((source - step * index) ** 2)))
        rows.append((step, distortion, bits, bound, bits - bound, middle))
    return pd.DataFrame(rows, columns=["step", "distortion", "bits", "r_of_d", "gap", "gap_middle"])


def summary(link: Link) -> pd.DataFrame:
    """The link and its use in numbers: quantity, value, unit."""
    trace, largest = link.trace, link.largest
    used = trace["m_sent"] * link.bits_per_float
    rows = [
        ("seconds", len(trace), "s"),
        ("mean capacity", trace["capacity_bps"].mean(), "bit/s"),
        ("bits a float, s R(D)", link.bits_per_float, "bit"),
        ("mean budget m", trace["m"].mean(), "floats/s"),
        ("smallest budget m", trace["m"].min(), "floats/s"),
        ("largest budget m", trace["m"].max(), "floats/s"),
        ("share of seconds at the model's largest m", float((trace["m"] >= largest).mean()), "1"),
        ("share of capacity used", float(used.sum() / trace["capacity_bps"].sum()), "1"),
        ("correlation of m with capacity", float(np.corrcoef(trace["m"], trace["capacity_bps"])[0, 1]), "1"),
        ("mean PSNR of magnitudes", trace["psnr_magnitude"].mean(), "dB"),
    ]
    return pd.DataFrame(rows, columns=["quantity", "value", "unit"])


def judge(page: Page, link: Link, rates: pd.DataFrame) -> list[Verdict]:
    """Eq. 1, Eq. 3 and Fig. 3a, by the rules of `papers/`."""
    trace, cost = link.trace, link.bits_per_float
    grid = np.geomspace(1e-4, 4.0, 400)
    error = max(abs(rate_distortion(1.0, float(d)) - max(0.0, 0.5 * np.log2(1.0 / d))) for d in grid)
    gaps = rates[rates["bits"] >= 2.0]["gap"]
    closed = error <= 1e-9 and bool(gaps.between(0.0, 0.27).all())
    allowed = pd.Series(budget(trace["capacity_bps"].to_numpy(), link.sigma2, link.distortion, link.symbols))
    within = (allowed * cost <= trace["capacity_bps"] * (1 + 1e-12)) & (trace["capacity_bps"] < (allowed + 1) * cost)
    correlation = float(np.corrcoef(allowed, trace["capacity_bps"])[0, 1])
    followed = trace["m_sent"] == np.minimum(allowed, link.largest)
    text = f"the quantiser lies {gaps.min():.3f} to {gaps.max():.3f} bit above R(D) from 2 bit upwards"
    over = f"the coder used min(m(t), {link.largest}) floats in {int(followed.sum())} of {len(trace)} s"
    return [
        judge_exact(
            page.claims["ndpca.eq1_rate_distortion"],
            float(gaps.mean()),
            closed,
            reason=text,
            evidence=[page.evidence("tables", "quantiser"), page.evidence("figures", "rate_distortion")],
        ),
        judge_exact(
            page.claims["ndpca.eq3_budget"],
            float(allowed.mean()),
            bool(within.all()),
            reason=f"{int(within.sum())} of {len(trace)} seconds",
            evidence=[page.evidence("tables", "trace")],
        ),
        judge_exact(
            page.claims["ndpca.fig3a_capacity_trace"],
            correlation,
            correlation >= 0.99 and bool(followed.all()),
            reason=over,
            evidence=[page.evidence("figures", "capacity_and_budget"), page.evidence("tables", "trace")],
        ),
    ]


def draw_link(link: Link) -> Figure:
    """Fig. 3a: capacity, and under it the floats that are sent, second by second; then the PSNR that this buys."""
    trace = link.trace
    fig, axes = plt.subplots(3, 1, figsize=(9.5, 6.6), sharex=True, height_ratios=[1, 1, 1])
    axes[0].step(trace["t_s"], trace["capacity_bps"], where="post", color=CAPACITY_COLOUR)
    axes[0].set(ylabel="capacity C(t) (bit/s)", title="What the channel allows", ylim=(0, None))
    axes[1].step(trace["t_s"], trace["bound"], where="post", color=GREY, linewidth=0.9, label="bound of Eq. 3")
    axes[1].step(trace["t_s"], trace["m_sent"], where="post", color=BUDGET_COLOUR, label="floats sent, m(t)")
    axes[1].axhline(
        link.largest, color="black", linewidth=0.8, linestyle=":", label=f"all that the model has (D = {link.largest})"
    )
    axes[1].set(
        ylabel="m(t) (floats/s)",
        title="What is sent: the whole part of C / (s R(D)), all encoders together",
        ylim=(0, None),
    )
    axes[1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes[2].plot(trace["t_s"] + 0.5, trace["psnr_magnitude"], ".", color=GREY, markersize=4, label="this second")
    smooth = trace["psnr_magnitude"].rolling(9, center=True, min_periods=3).mean()
    axes[2].plot(trace["t_s"] + 0.5, smooth, color=BUDGET_COLOUR, label="9 s mean")
    axes[2].set(
        ylabel="PSNR of magnitudes (dB)", xlabel="time (s)", title="What it buys: one model follows, second by second"
    )
    axes[2].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    text = "Simulated fading unless channel.trace names a measured one. "
    text += f"R(D) = {link.bits_per_float / link.symbols:.2f} bit, s = {link.symbols}. "
    caption(fig, text + "E4D1 NDPCA; every second is another test segment. " + link.note)
    return fig


def draw_budget(link: Link, scale: float) -> Figure:
    """The same fading on a link of `scale` times the capacity: what Eq. 3 allows, and what the model uses of it."""
    capacity = scale * link.trace["capacity_bps"].to_numpy()
    allowed = budget(capacity, link.sigma2, link.distortion, link.symbols)
    fig, axes = plt.subplots(figsize=(9.5, 2.8))
    axes.step(link.trace["t_s"], capacity / link.bits_per_float, where="post", color=GREY, linewidth=0.9,
              label="bound of Eq. 3")  # fmt: skip
    axes.step(link.trace["t_s"], np.minimum(allowed, link.largest), where="post", color=BUDGET_COLOUR,
              label="floats sent, m(t)")  # fmt: skip
    axes.axhline(link.largest, color="black", linewidth=0.8, linestyle=":", label=f"D = {link.largest}")
    axes.set(xlabel="time (s)", ylabel="m(t) (floats/s)", title=f"Mean capacity {capacity.mean():.0f} bit/s",
             ylim=(0, None))  # fmt: skip
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return fig


def draw_theory(link: Link, rates: pd.DataFrame) -> Figure:
    """Eq. 1 with a quantiser that one can build beside it, and PSNR against the floats that the channel left."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.7))
    grid = np.geomspace(rates["distortion"].min(), 1.0, 200)
    snr = -10 * np.log10(grid)
    rate = np.array([rate_distortion(1.0, float(d)) for d in grid])
    left.plot(snr, rate, color="black", label="R(D), Eq. 1")
    shown = -10 * np.log10(rates["distortion"])
    left.plot(shown, rates["bits"], "o", color=BUDGET_COLOUR, label="uniform quantiser, entropy")
    left.plot(snr, rate + HIGH_RATE_GAP, color=GREY, linestyle="--", label="R(D) + 0.2546 bit")
    used = -10 * np.log10(link.distortion / link.sigma2)
    left.axvline(used, color=CAPACITY_COLOUR, linewidth=0.9, linestyle=":", label=f"used here ({used:g} dB)")
    left.set(xlabel="σ² / D (dB)", ylabel="rate (bit/symbol)", title="Bits that a float costs")
    left.legend(loc="upper left")
    trace = link.trace[link.trace["m_sent"] >= 1]
    right.plot(trace["m_sent"], trace["psnr_magnitude"], ".", color=GREY, markersize=4, label="one second each")
    centres = trace.groupby(pd.cut(np.log2(trace["m_sent"]), [k - 0.5 for k in range(13)]), observed=True)[
        "psnr_magnitude"
    ].agg(["mean", "size"])
    middle = np.array([2.0**interval.mid for interval in centres.index])
    right.plot(
        middle,
        centres["mean"],
        color=BUDGET_COLOUR,
        linestyle=BOTTLENECK_LINE["ndpca"],
        marker="o",
        label="mean an octave",
    )
    bandwidth_axis(right, middle, "floats that the channel left, m(t) (floats/s)")
    right.set(ylabel="PSNR of magnitudes (dB)", title="More channel, better speech")
    right.legend(loc="upper left")
    caption(fig, "Left: analytic, no model. Right: the seconds of the trace above. " + link.note)
    return fig
