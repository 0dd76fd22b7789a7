"""One look for every figure: colours by architecture, line styles by bottleneck, units, captions, equal bytes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from thinwire.artifacts import atomic_path

DPI = 140
GREY = "#5f6368"
# Okabe and Ito's palette, safe for colour-blind readers; black is the joint bound, as in the paper.
ARCH_COLOUR: dict[Any, str] = {"E1D1": "#000000", "E2D1": "#0072B2", "E4D1": "#D55E00"}
BOTTLENECK_LINE: dict[Any, str] = {"ndpca": "-", "pca_equal": "-.", "truncate": "--", "fixed": "none"}
BOTTLENECK_MARK = {"ndpca": "o", "pca_equal": "^", "truncate": "s", "fixed": "D"}
BOTTLENECK_NAME = {
    "ndpca": "NDPCA",
    "pca_equal": "PCA, equal split",
    "truncate": "naive (truncated)",
    "fixed": "one model a rate",
}
SOURCE_COLOUR = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
WEIGHT_MAP = "cividis"
SPECTRUM_MAP = "magma"


def use_style() -> None:
    """Set matplotlib's defaults for every figure of the workbook."""
    mpl.rcParams.update(
        {
            "figure.dpi": 100,
            "savefig.dpi": DPI,
            "figure.constrained_layout.use": True,
            "font.family": "DejaVu Sans",
            "font.size": 9,
            "axes.titlesize": 10,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
            "axes.labelsize": 9,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "grid.color": "#e3e3e3",
            "grid.linewidth": 0.7,
            "legend.fontsize": 8,
            "legend.frameon": False,
            "lines.linewidth": 1.6,
            "lines.markersize": 4.5,
            "image.cmap": SPECTRUM_MAP,
        }
    )


def system_name(arch: Any, bottleneck: Any) -> str:
    """How a system is called in legends and tables."""
    return "E1D1 joint" if arch == "E1D1" else f"{arch} {BOTTLENECK_NAME[bottleneck]}"


def system_style(arch: Any, bottleneck: Any) -> dict[str, Any]:
    """Colour by architecture, line and marker by bottleneck, as keywords of `Axes.plot`."""
    hollow = bottleneck in ("fixed", "truncate")
    return {
        "color": ARCH_COLOUR[arch],
        "linestyle": BOTTLENECK_LINE[bottleneck],
        "marker": BOTTLENECK_MARK[bottleneck],
        "markerfacecolor": "white" if hollow else ARCH_COLOUR[arch],
    }


def bandwidth_axis(axes: Axes, grid: Iterable[float], label: str = "total bandwidth m (floats/s)") -> None:
    """Make x a base-2 logarithm with a tick at every bandwidth that was measured."""
    ticks = sorted(set(grid))
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    named = [tick for tick in ticks if np.log2(tick).is_integer()]
    for tick in ticks:  # others only where their label has room
        if all(abs(np.log2(tick / other)) > 0.5 for other in named):
            named.append(tick)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value in named else ""))
    axes.set_xlabel(label)


def log_axis(axes: Axes) -> None:
    """Make y logarithmic with plain numbers, so that a range of less than a decade can be read."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0, 7.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(LogLocator(subs=tuple(np.arange(1.0, 10.0))))
    axes.yaxis.set_minor_formatter(NullFormatter())


def band(axes: Axes, x: np.ndarray, low: np.ndarray, high: np.ndarray, colour: Any) -> None:
    """Shade a 95 % interval behind its curve."""
    axes.fill_between(x, low, high, color=colour, alpha=0.10, linewidth=0)


def caption(fig: Figure, text: str) -> None:
    """Put a caption at the foot of a figure, wrapped to its width; constrained layout makes room for it."""
    width = int(fig.get_figwidth() * 14.5)
    fig.supxlabel("\n".join(textwrap.wrap(text, width)), x=0.01, ha="left", fontsize=7.5, color=GREY)


def blank(text: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    fig, axes = plt.subplots(figsize=(8.0, 1.6))
    axes.text(0.5, 0.5, text, ha="center", va="center")
    axes.set_axis_off()
    return fig


def legend_right(fig: Figure, handles: list, labels: list[str] | None = None, title: str | None = None) -> None:
    """One legend outside the panels, at the right, so that it never covers a curve."""
    names = labels if labels is not None else [str(handle.get_label()) for handle in handles]
    fig.legend(handles, names, loc="outside right upper", title=title, alignment="left")


def key(label: str, **style: Any) -> Line2D:
    """A legend entry for a line style that stands for several curves."""
    return Line2D([], [], label=label, **style)


def save(fig: Figure, path: Path | str) -> Path:
    """Write a PNG whose bytes depend on the drawing alone (no date, no software version), and close the figure."""
    path = Path(path)
    with atomic_path(path) as temporary:
        fig.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})
    plt.close(fig)
    return path
