"""Items of the codecs as pictures: images, mel maps, and what is left of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from thinwire.figures.style import SPECTRUM_MAP

DECIBELS = 10.0 / np.log(10.0)
"""Mel features are natural logarithms of power."""
FRAME_S = 0.01
"""Of mel frames."""
RANGE_DB = 50.0


def show_map(axes: Axes, values: np.ndarray, domain: str, top: float | None = None) -> Any:
    """An item (C, H, W): an image as it is; a mel map in dB of `top` (natural log; its own maximum), over time."""
    axes.grid(visible=False)
    if domain in ("stereo", "halves"):
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        return axes.imshow(np.clip(values.transpose(1, 2, 0) + 0.5, 0.0, 1.0), interpolation="nearest")
    level = DECIBELS * (values[0] - (values[0].max() if top is None else top))
    return axes.imshow(
        level, origin="lower", aspect="auto", interpolation="nearest", cmap=SPECTRUM_MAP, vmin=-RANGE_DB, vmax=0.0,
        extent=(0.0, level.shape[1] * FRAME_S, 0.0, len(level)),
    )  # fmt: skip


def show_grid(axes: Axes, values: np.ndarray, title: str, **look: Any) -> Any:
    """A map (H, W) of an item's size or of its codes, cell by cell; the frequency of mel maps rises upwards."""
    axes.grid(visible=False)
    axes.set(xticks=[], yticks=[], title=title)
    return axes.imshow(values, interpolation="nearest", aspect="auto", **look)


def upright(domain: str) -> str:
    """Where the first row of a map lies, for `imshow`."""
    return "upper" if domain in ("stereo", "halves") else "lower"
