"""What travels with a model: normalisation tables, and the code table of each row."""

from __future__ import annotations

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from thinwire.figures.aucom.codewords import probabilities, row_table
from thinwire.figures.aucom.look import Look, show_rows
from thinwire.figures.aucom.runs import name as run_name
from thinwire.figures.style import GREY, SOURCE_COLOUR, WEIGHT_MAP, caption, legend_right


def draw_tables(look: Look, tau: float = 2.0, note: str = "") -> Figure:
    """What travels with a model: normalisation tables, and the code table of each row at a tau."""
    fig, ((left, right), (low, last)) = plt.subplots(2, 2, figsize=(11.4, 6.2))
    fig.colorbar(show_rows(left, look.mu, "mu: mean of r"), ax=left, pad=0.01)
    spread = show_rows(right, look.sigma, "sigma: deviation of r", {"cmap": WEIGHT_MAP, "vmin": 0.0})
    fig.colorbar(spread, ax=right, pad=0.01)
    for axes in (left, right):
        axes.set_xlabel("time in the chunk (s)")
    tables = look.tables(tau)
    values, chances = probabilities(tables)
    low.grid(visible=False)
    image = low.imshow(
        np.where(chances > 0, chances, np.nan), origin="lower", aspect="auto", interpolation="nearest", cmap=WEIGHT_MAP,
        vmin=0.0, vmax=1.0, extent=(values[0] - 0.5, values[-1] + 0.5, 0.0, len(chances)),
    )  # fmt: skip
    low.set(title=f"probability of each symbol, tau {tau:g}", xlabel="symbol", ylabel="row")
    low.xaxis.set_major_locator(MaxNLocator(integer=True))
    fig.colorbar(image, ax=low, pad=0.01)
    table = row_table(tables, tau)
    places = table["row"].to_numpy(float)
    last.bar(places, table["huffman_bits"], 0.8, color=SOURCE_COLOUR[4], label="Huffman code")
    last.bar(places, table["entropy_bits"], 0.8, color=SOURCE_COLOUR[0], label="entropy")
    last.axhline(1.0, color=GREY, linestyle="--", linewidth=1.0)
    last.set(title="bits a symbol that the tables expect", xlabel="row", ylabel="bit", xlim=(-0.6, len(table) - 0.4))
    legend_right(fig, last.get_legend_handles_labels()[0])
    caption(
        fig,
        f"{run_name(look.run)}. Tables are made of training material and stand on both sides; nothing of them is sent. "
        f"Dashed: one bit, below which no codeword goes; rows that only ever showed one symbol cost nothing. {note}",
    )
    return fig
