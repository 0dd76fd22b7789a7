"""Latents and principal directions of the distributed PCA, drawn from look.npz."""

from __future__ import annotations

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.figures.inside import Look, symmetric
from thinwire.figures.style import BOTTLENECK_NAME, GREY, SOURCE_COLOUR, bandwidth_axis, caption


def draw_latents(look: Look, item: int = 0) -> Figure:
    """The latents as encoded and as they reach the decoder at each bandwidth; and the singular values with the cut
    that a budget makes.
    """
    z, singular = look.of(item, "z"), look.data["singular_values"]
    names = ["as encoded", *[f"m = {m}" for m in look.budgets]]
    rows = np.stack([z.reshape(-1), *[look.of(item, f"z_hat/m{m}") for m in look.budgets]])
    fig, (top, low) = plt.subplots(2, 1, figsize=(10.4, 6.4), height_ratios=[1, 1])
    image = top.imshow(rows, aspect="auto", cmap="RdBu_r", interpolation="nearest", **symmetric(rows))
    top.set_yticks(range(len(names)), names)
    top.grid(visible=False)
    for k in range(1, len(z)):
        top.axvline(k * z.shape[1] - 0.5, color="black", linewidth=1.0)
    top.set(xlabel="latent dimension, source after source", title="What the decoder is given")
    fig.colorbar(image, ax=top, label="latent (1)")
    for k, values in enumerate(singular):
        low.plot(np.arange(1, len(values) + 1), values, color=SOURCE_COLOUR[k], marker=".", label=f"source {k + 1}")
    pooled = np.sort(singular.reshape(-1))[::-1]
    floor = pooled[pooled > pooled[0] * 1e-6].min()
    room, last = 0.06 * np.log10(pooled[0] / floor), np.inf
    for m in (m for m in look.budgets if m < len(pooled)):
        low.axhline(pooled[m - 1], color=GREY, linewidth=0.7, linestyle=":")
        if last - np.log10(pooled[m - 1]) > room:  # names only where there is room for them
            last = np.log10(pooled[m - 1])
            low.annotate(
                f"m = {m}",
                (1.0, pooled[m - 1]),
                xycoords=("axes fraction", "data"),
                xytext=(4, 0),
                textcoords="offset points",
                fontsize=7,
                color=GREY,
                va="center",
                annotation_clip=False,
            )
    low.set_yscale("log")
    low.set_ylim(floor * 0.7, pooled[0] * 1.4)
    low.set(
        xlabel="component of the source",
        ylabel="singular value (1)",
        title="Everything above a line is sent at that budget",
    )
    low.set_xlim(0.5, singular.shape[1] + 0.5)
    low.legend(loc="lower left")
    caption(
        fig, f"Item {item}, test segment {look.items[item]}. A source that is not chosen gives its mean. " + look.note
    )
    return fig


def draw_directions(look: Look) -> Figure:
    """Principal directions V_i of every source, strongest first, and the order in which sources come up as the budget
    grows.
    """
    directions, order = look.data["directions"], look.data["order_source"]
    count = len(directions)
    fig = plt.figure(figsize=(2.7 * count + 0.8, 5.0))
    grid = fig.add_gridspec(2, count, height_ratios=[3, 1.6])
    limit = symmetric(directions)
    panels = [fig.add_subplot(grid[0, k]) for k in range(count)]
    for k, axes in enumerate(panels):
        image = axes.imshow(directions[k], aspect="auto", cmap="RdBu_r", interpolation="nearest", **limit)
        axes.grid(visible=False)
        axes.set(
            title=f"source {k + 1}: V", xlabel="component, strongest first", ylabel="latent dimension" if k == 0 else ""
        )
    fig.colorbar(image, ax=panels, label="weight (1)")
    axes = fig.add_subplot(grid[1, :])
    steps = np.arange(1, len(order) + 1)
    for k in range(count):
        axes.step(steps, np.cumsum(order == k), where="post", color=SOURCE_COLOUR[k], label=f"source {k + 1}")
    axes.plot(steps, steps / count, color=GREY, linestyle=":", label="equal split")
    bandwidth_axis(axes, 2 ** np.arange(int(np.log2(len(order))) + 1))
    axes.set(ylabel="components (floats/s)")
    axes.legend(loc="upper left")
    caption(
        fig,
        f"{BOTTLENECK_NAME['ndpca']}, fitted once on the training set: one order for all budgets, "
        "so each budget's set holds all smaller ones. " + look.note,
    )
    return fig
