"""Eq. 4: what a symbol costs in a Huffman code, against its entropy, row by row of the latent and in theory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from scipy.stats import norm

from thinwire.coding.huffman import code_lengths
from thinwire.coding.quantise import PRECISION_BITS, integer_table
from thinwire.figures.aucom.runs import name, style
from thinwire.figures.style import GREY, caption, key, legend_right

REACH = 6.0
"""Deviations of a Gaussian beyond which it has no symbols to speak of."""
TAU_COLOUR = ("#0d0887", "#5c01a6", "#9c179e", "#cc4778", "#ed7953", "#fdb42f")


@dataclass(frozen=True)
class Bits:
    """Bits a symbol."""

    entropy: float
    huffman: float


def gaussian_bits(tau: float) -> Bits:
    """Entropy and mean Huffman length of a unit Gaussian rounded to multiples of `tau` (facts 3.1: 2.105 and 2.219 at
    tau 1, 1.241 and 1.481 at tau 2).
    """
    most = int(np.ceil(REACH / tau))
    share = np.diff(norm.cdf((np.arange(-most, most + 2) - 0.5) * tau))
    share /= share.sum()
    lengths = code_lengths(integer_table(share, PRECISION_BITS, -most))
    known = share[share > 0]
    return Bits(float(-(known * np.log2(known)).sum()), float(share @ lengths))


def length_table(rows: pd.DataFrame, runs: Sequence[str]) -> pd.DataFrame:
    """Means over the rows of a latent, weighted by their symbols, at each tau: system, run, tau, entropy_bits,
    huffman_bits, over_percent (Huffman over entropy), and the same of a unit Gaussian. `rows`: rows.parquet of runs.
    """
    lines = []
    for run, tau in rows.loc[rows["run"].isin(list(runs)), ["run", "tau"]].drop_duplicates().itertuples(index=False):
        part = rows[(rows["run"] == run) & (rows["tau"] == tau)]
        symbols = part["symbols"].to_numpy(float)
        entropy, huffman = (_mean(part[column].to_numpy(float), symbols) for column in ("entropy_bits", "huffman_bits"))
        theory = gaussian_bits(tau)
        lines.append((name(run), run, tau, entropy, huffman, _over(huffman, entropy), theory.entropy,
                      theory.huffman, _over(theory.huffman, theory.entropy)))  # fmt: skip
    columns = ["system", "run", "tau", "entropy_bits", "huffman_bits", "over_percent", "gaussian_entropy_bits",
               "gaussian_huffman_bits", "gaussian_over_percent"]  # fmt: skip
    return pd.DataFrame(lines, columns=columns)


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    usable = np.isfinite(values) & (weights > 0)
    return float(np.average(values[usable], weights=weights[usable])) if usable.any() else np.nan


def _over(huffman: float, entropy: float) -> float:
    return 100.0 * (huffman / entropy - 1.0) if entropy > 1e-9 else np.nan


def draw_lengths(rows: pd.DataFrame, table: pd.DataFrame, runs: Sequence[str], note: str) -> Figure:
    """Left: every row of every latent at every tau. Right: the means over tau, beside a Gaussian's. `table` is
    `length_table`.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(11.6, 4.4))
    taus = sorted(set(rows["tau"]))
    colours = {tau: TAU_COLOUR[k * (len(TAU_COLOUR) - 1) // max(len(taus) - 1, 1)] for k, tau in enumerate(taus)}
    for run in runs:
        for tau in taus:
            part = rows[(rows["run"] == run) & (rows["tau"] == tau)]
            marker = {"marker": style(run)["marker"], "linestyle": "none", "markersize": 4.0, "alpha": 0.7}
            left.plot(part["entropy_bits"], part["huffman_bits"], color=colours[tau], **marker)
    end = max(float(np.nanmax(rows[["entropy_bits", "huffman_bits"]].to_numpy(float))), 1.0) * 1.04
    left.plot([0, end], [0, end], color="black", linewidth=0.9)
    left.plot([0, end - 1], [1, end], color="black", linewidth=0.9, linestyle="--")
    left.axhline(1.0, color=GREY, linewidth=0.9, linestyle=":")
    left.set(xlabel="entropy under the table (bit a symbol)", ylabel="Huffman code (bit a symbol)", xlim=(-0.03, end),
             ylim=(0, end), title="Each row of the latent")  # fmt: skip
    for run in runs:
        part = table[table["run"] == run].sort_values("tau")
        right.plot(part["tau"], part["huffman_bits"], **style(run))
        right.plot(part["tau"], part["entropy_bits"], **style(run) | {"linestyle": ":", "markerfacecolor": "white"})
    theory = table.drop_duplicates("tau").sort_values("tau")
    right.plot(theory["tau"], theory["gaussian_huffman_bits"], color="black", linewidth=1.0)
    right.plot(theory["tau"], theory["gaussian_entropy_bits"], color="black", linewidth=1.0, linestyle=":")
    right.set(xlabel="tau (steps in deviations of the latent)", ylabel="bit a symbol", ylim=(0, None), xticks=taus,
              title="Mean over rows")  # fmt: skip
    legend_right(
        fig,
        [
            *(key(name(run), **style(run)) for run in runs),
            *(key(f"tau = {tau:g}", color=colours[tau], marker="o", linestyle="none") for tau in taus),
            key("equal to the entropy", color="black", linewidth=0.9),
            key("a bit more: Huffman's bound", color="black", linewidth=0.9, linestyle="--"),
            key("Huffman", color=GREY),
            key("entropy", color=GREY, linestyle=":"),
            key("black: a unit Gaussian", color="black"),
        ],
    )
    caption(
        fig,
        "Test items under the tables of training. A codeword has at least one bit: near the entropy at tau 1, Huffman "
        "codes are many times too long where nearly all symbols are zero. Rows whose table knows one symbol cost "
        "nothing. " + note,
    )
    return fig
