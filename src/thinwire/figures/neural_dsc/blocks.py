"""Kept blocks of bits, bit by bit: what a learned coder gets wrong, and whether y had it wrong too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from thinwire.figures.neural_dsc.flipped_bits import LEARNED
from thinwire.figures.neural_dsc.runs import row_of
from thinwire.figures.paths import Page
from thinwire.figures.style import caption, key, legend_right
from thinwire.systems.neural_dsc.slepian_wolf import BLOCK

COLOURS = ("#e8e8e8", "#D55E00", "#0072B2")
"""Right; wrong as in y; wrong though right in y."""


def load_look(page: Page, run: str) -> dict[str, dict[str, np.ndarray]]:
    """Kept blocks of a run by name: x, y, and what was decoded as `correct`, `wrong`, ... (648,) each."""
    blocks: dict[str, dict[str, np.ndarray]] = {}
    with np.load(page.path("results", run, "look.npz"), allow_pickle=False) as store:
        for name in store.files:
            item, version = name.rsplit("/", 1)
            blocks.setdefault(item, {})[version] = store[name]
    return blocks


def draw_blocks(page: Page, runs: Sequence[str], note: str) -> Figure:
    """Kept blocks bit by bit: right, taken over from a wrong bit of y, or spoiled where y was right."""
    looks = {LEARNED[row_of(page, run)["form"]]: load_look(page, run) for run in runs}
    first = next(iter(looks.values()))
    names = sorted(first)
    fig, panels = plt.subplots(len(looks) + 1, len(names), figsize=(2.9 * len(names) + 2.2, 1.9 * len(looks) + 2.4),
                               squeeze=False)  # fmt: skip
    for column, item in enumerate(names):
        x, y = first[item]["x"], first[item]["y"]
        for line, (name, decoded) in enumerate({"side information y": y, **{
            name: look[item]["correct"] for name, look in looks.items()
        }}.items()):  # fmt: skip
            axes = panels[line][column]
            shown = kinds_of_error(x, y, decoded)
            axes.imshow(shown, cmap=ListedColormap(COLOURS), vmin=0, vmax=2, interpolation="nearest", aspect="auto")
            axes.set(xticks=[], yticks=[])
            axes.grid(visible=False)
            axes.set_xlabel(f"{int((decoded != x).sum())} wrong", fontsize=8)
            if not line:
                axes.set_title(item, fontsize=8.5)
            if not column:
                axes.set_ylabel(name.replace(", ", ",\n"), fontsize=8)
    words = ("right", "wrong, as in y", "wrong, though right in y")
    legend_right(fig, [key(word, color=colour, marker="s", linestyle="none", markersize=8)
                       for word, colour in zip(words, COLOURS, strict=True)])  # fmt: skip
    caption(fig, f"Each block's {BLOCK} bits in rows of 36. A coder that copies y has y's wrong bits. " + note)
    return fig


def kinds_of_error(x: np.ndarray, y: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """0, 1 or 2 for each bit, as `COLOURS` are, in rows of 36."""
    wrong = decoded != x
    return np.where(wrong, np.where(y != x, 1, 2), 0).reshape(-1, 36)


def shares(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """Of the kept blocks' wrong bits, how many are wrong in y as well: run, item, wrong, as_in_y, wrong_in_y."""
    rows = [
        (run, item, int((v["correct"] != v["x"]).sum()), int(((v["correct"] != v["x"]) & (v["y"] != v["x"])).sum()),
         int((v["y"] != v["x"]).sum()))
        for run in runs for item, v in load_look(page, run).items()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["run", "item", "wrong", "as_in_y", "wrong_in_y"])
