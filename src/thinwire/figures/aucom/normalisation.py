"""Eq. 5 and 6: what dividing each position by its own deviation saves, at equal step and at equal distortion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.figures.aucom.runs import name, style
from thinwire.figures.style import GREY, caption, key, legend_right


def at_distortion(curve: pd.DataFrame, mse: float) -> float:
    """Entropy (bit) of a kind's curve at a distortion, between its steps by straight lines over log MSE; NaN beyond."""
    known = curve[curve["mse"] > 0].sort_values("mse")
    if mse <= 0 or len(known) < 2:
        return np.nan
    return float(np.interp(np.log(mse), np.log(known["mse"]), known["entropy_bits"], left=np.nan, right=np.nan))


def saved_table(normalisation: pd.DataFrame) -> pd.DataFrame:
    """What normalisation saves, in bit a symbol, at each step of each run: run, step, raw and normalised entropy and
    MSE, `saved_equal_step`, and `saved_equal_distortion` (raw at the distortion that normalised has at that step).
    """
    rows = []
    for run, part in normalisation.groupby("run", sort=False):
        raw, own = (part[part["kind"] == kind] for kind in ("raw", "normalised"))
        both = raw.merge(own, on="step", suffixes=("_raw", "_normalised"))
        for row in both.to_dict("records"):
            entropy, mse = row["entropy_bits_normalised"], row["mse_normalised"]
            rows.append((name(str(run)), run, row["step"], row["entropy_bits_raw"], entropy, row["mse_raw"], mse,
                         row["entropy_bits_raw"] - entropy, at_distortion(raw, mse) - entropy))  # fmt: skip
    columns = ["system", "run", "step", "raw_bits", "normalised_bits", "raw_mse", "normalised_mse",
               "saved_equal_step", "saved_equal_distortion"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def draw_normalisation(normalisation: pd.DataFrame, saved: pd.DataFrame, runs: Sequence[str], note: str) -> Figure:
    """Entropy over the step (what Eq. 6 compares), over the distortion that the step makes, and what is saved."""
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(12.6, 3.9))
    for run in runs:
        look = style(run)
        for kind, line in (("raw", ":"), ("normalised", "-")):
            part = normalisation[(normalisation["run"] == run) & (normalisation["kind"] == kind)]
            left.plot(part["step"], part["entropy_bits"], **(look | {"linestyle": line}))
            middle.plot(part["mse"], part["entropy_bits"], **(look | {"linestyle": line}))
        part = saved[saved["run"] == run]
        right.plot(part["step"], part["saved_equal_step"], **(look | {"linestyle": "--"}))
        right.plot(part["step"], part["saved_equal_distortion"], **look)
    right.axhline(0.0, color="black", linewidth=0.9)
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        steps = sorted(set(normalisation["step"]))
        axes.set_xticks(steps, [f"{step:g}" for step in steps])
        axes.set_xlabel("step (units of what is rounded)")
        axes.minorticks_off()
    middle.set_xscale("log")
    left.set(title="At equal step", ylabel="entropy (bit a symbol)")
    middle.set(title="At equal distortion", xlabel="mean squared error of r (1)", ylabel="entropy (bit a symbol)")
    right.set(title="What normalisation saves", ylabel="bit a symbol")
    legend_right(
        fig,
        [
            *(key(name(run), **style(run)) for run in runs),
            key("as it is, r", color=GREY, linestyle=":"),
            key("normalised", color=GREY),
            key("saved at equal step", color=GREY, linestyle="--"),
            key("saved at equal distortion", color=GREY),
        ],
    )
    caption(
        fig,
        "Entropy of the rounded symbols of all positions pooled, as one table would code them. A step of 1 after "
        "division by sigma is a step of sigma before it: at equal step the two have unlike distortions. " + note,
    )
    return fig
