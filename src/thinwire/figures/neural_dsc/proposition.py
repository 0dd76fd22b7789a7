"""Proposition 1 on random discrete models: how far the bound lies below the likelihood, and where it is attained."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.claims import Verdict
from thinwire.figures.neural_dsc.verdicts import judge_holds
from thinwire.figures.paths import Page
from thinwire.figures.style import GREY, SOURCE_COLOUR, caption

TOLERANCE = 1e-9
ENCODER_NAME = {
    ("random", "random"): "any model,\nrandom encoder",
    ("random", "best"): "any model,\nbest encoder",
    ("separable", "random"): "posterior free of y,\nrandom encoder",
    ("separable", "best"): "posterior free of y,\nbest encoder",
    ("separable", "posterior"): "posterior free of y,\nposterior as encoder",
}


def slack_table(slacks: pd.DataFrame) -> pd.DataFrame:
    """Proposition 1 by kind of model and encoder: models, smallest slack of all x and y, mean and largest mean slack,
    identity_error (how far the slack is from KL(q(z|x) || p(z|x, y)) at most), in nats.
    """
    rows = []
    for model, encoder in ENCODER_NAME:
        own = slacks[(slacks["model"] == model) & (slacks["encoder"] == encoder)]
        rows.append((model, encoder, len(own), own["smallest"].min(), own["mean"].mean(), own["mean"].max(),
                     own["identity_error"].max()))  # fmt: skip
    names = ["model", "encoder", "models", "smallest", "mean", "largest_mean", "identity_error"]
    return pd.DataFrame(rows, columns=names)


def draw_slack(slacks: pd.DataFrame) -> Figure:
    """What the bound misses, a point a random model, by encoder; and how near zero the smallest slack comes."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(12.2, 4.2), sharey=True)
    names = list(ENCODER_NAME)
    for place, (model, encoder) in enumerate(names):
        own = slacks[(slacks["model"] == model) & (slacks["encoder"] == encoder)]
        spread = place + np.linspace(-0.3, 0.3, len(own))
        for axes, column in ((left, "mean"), (right, "smallest")):
            axes.plot(own[column], spread, ".", color=SOURCE_COLOUR[place], alpha=0.6)
            axes.plot(own[column].mean(), place, "|", color="black", markersize=22, markeredgewidth=2)
    left.set_yticks(np.arange(len(names)), [ENCODER_NAME[name] for name in names])
    left.invert_yaxis()
    for axes, title in ((left, "Mean over x and y"), (right, "Smallest over x and y")):
        axes.axvline(0.0, color=GREY, linewidth=1.0)
        axes.set(xlabel=r"$\log p(x|y)$ minus the bound (nat)", title=title)
        axes.set_xscale("symlog", linthresh=1e-3)
        axes.set_xticks([0.0, 1e-3, 1e-2, 1e-1, 1.0, 10.0], ["0", "0.001", "0.01", "0.1", "1", "10"])
        axes.set_xlim(min(-3e-4, 1.2 * float(slacks["smallest"].min())), None)
    caption(
        fig,
        "Proposition 1 on random discrete models, exactly; the encoder q(z|x) sees x alone. A point is a model, "
        "strokes are means. Left of zero the bound would be broken. Linear below 0.001, logarithmic above.",
    )
    return fig


def judge(page: Page, slacks: pd.DataFrame) -> list[Verdict]:
    """The bound by delbo.parquet."""
    attained = slacks[(slacks["model"] == "separable") & (slacks["encoder"] == "posterior")]["mean"].abs().max()
    smallest = float(slacks["smallest"].min())
    best = slacks[(slacks["model"] == "random") & (slacks["encoder"] == "best")]["mean"].mean()
    told = f"where the posterior depends on y the best encoder still misses {best:.3g} nat on average"
    measured = {"smallest_slack": smallest, "slack_where_attained": float(attained)}
    evidence = [page.evidence("figures", "slack"), page.evidence("tables", "slack")]
    holds = smallest >= -TOLERANCE and float(attained) <= TOLERANCE
    return [judge_holds(page, "ndsc.prop1_delbo", measured, holds, evidence, told)]
