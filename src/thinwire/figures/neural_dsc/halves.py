"""Half images to look at: what each form makes of the top half, over the bottom half that is side information."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.figures.neural_dsc.runs import FORMS, row_of
from thinwire.figures.paths import Page
from thinwire.figures.style import caption


def load_pictures(page: Page, runs: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
    """Kept images by item: x, y and what each form decodes, (3, H, W) in -.5 .. .5; items that all runs kept."""
    kept: dict[str, dict[str, np.ndarray]] = {}
    for run in runs:
        form = row_of(page, run)["form"]
        with np.load(page.path("results", run, "look.npz"), allow_pickle=False) as store:
            for name in store.files:
                item, version = name.rsplit("/", 1)
                if version in ("x", "y", "correct"):
                    kept.setdefault(item, {})[form if version == "correct" else version] = store[name]
    return {item: kept[item] for item in sorted(kept) if {"x", "y", *FORMS} <= set(kept[item])}


def draw_pictures(pictures: Mapping[str, Mapping[str, np.ndarray]], note: str) -> Figure:
    """Half images whole: the top as sent or decoded over the bottom that is side information."""
    columns = {"x": "sent", **{form: form for form in FORMS}}
    fig, panels = plt.subplots(len(pictures), len(columns), figsize=(2.5 * len(columns), 2.55 * len(pictures) + 0.6),
                               squeeze=False)  # fmt: skip
    for line, (item, versions) in enumerate(pictures.items()):
        for axes, (name, title) in zip(panels[line], columns.items(), strict=True):
            whole = np.concatenate([versions[name], versions["y"]], axis=1)
            axes.imshow(np.clip(whole + 0.5, 0.0, 1.0).transpose(1, 2, 0), interpolation="nearest")
            axes.axhline(versions[name].shape[1] - 0.5, color="white", linewidth=1.0, linestyle=":")
            axes.set(xticks=[], yticks=[])
            axes.grid(visible=False)
            if not line:
                axes.set_title(title)
            if name != "x":
                mse = float(np.square(versions[name] - versions["x"]).mean())
                axes.set_xlabel(f"{-10 * np.log10(max(mse, 1e-12)):.1f} dB", fontsize=8)
            else:
                axes.set_ylabel(item, fontsize=7.5)
    caption(fig, "Above the dotted line what was decoded, below it the side information as it is. " + note)
    return fig
