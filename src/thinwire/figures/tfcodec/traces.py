"""What packet-loss traces look like, and their bursts against the closed form of the chain that draws them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.channel.packets import LONG_SHARE, burst_lengths, draw_trace, loss_rate, markov_chain, mean_burst
from thinwire.figures.style import SOURCE_COLOUR, caption

PACKET_MS = 20  # two packets a step of 40 ms
LONGEST = 12
DRAWN = 50_000


def _lost(rate: float, burst: float, packets: int, seed: int) -> np.ndarray:
    return draw_trace(rate, burst, packets, np.random.default_rng(seed), LONG_SHARE).lost


def burst_table(rate: float, burst: float, seed: int = 0, packets: int = DRAWN) -> pd.DataFrame:
    """Share of the bursts (%) by their length in packets: drawn from one long trace, and in closed form."""
    lengths = burst_lengths(_lost(rate, burst, packets, seed))
    drawn = np.bincount(np.minimum(lengths, LONGEST + 1), minlength=LONGEST + 2)[1 : LONGEST + 1] / len(lengths)
    closed = markov_chain(rate, burst, LONG_SHARE).burst_shares(LONGEST)
    return pd.DataFrame({"packets": np.arange(1, LONGEST + 1), "drawn": 100.0 * drawn, "closed_form": 100.0 * closed})


def draw_traces(rate: float, burst: float, packets: int = 200, count: int = 6) -> Figure:
    """Some traces of a loss rate and mean burst (packets), and the lengths of bursts."""
    traces = [_lost(rate, burst, packets, seed) for seed in range(count)]
    table = burst_table(rate, burst)
    fig, (left, right) = plt.subplots(1, 2, figsize=(11.0, 3.0), width_ratios=[3, 2])
    extent = (0, packets * PACKET_MS / 1000, count, 0)
    left.imshow(np.array(traces), aspect="auto", cmap="Greys", interpolation="nearest", extent=extent)
    left.grid(visible=False)
    left.set(title="traces (black: lost)", xlabel="time (s)", ylabel="trace")
    right.bar(table["packets"], table["drawn"], color=SOURCE_COLOUR[0], label=f"{DRAWN} packets drawn")
    right.plot(table["packets"], table["closed_form"], "o", color=SOURCE_COLOUR[5], label="closed form")
    right.set(title="lengths of bursts", xlabel="packets lost in a row", ylabel="bursts (%)")
    right.legend()
    found = [f"{100 * loss_rate(trace):.0f} %, {mean_burst(trace):.1f}" for trace in traces]
    caption(
        fig,
        f"Asked for: {100 * rate:g} % lost, {burst:g} packets a burst. The traces from above: {'; '.join(found)}.",
    )
    return fig
