"""The training curves of any run, finished or going on: every value that is logged, in its unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.errors import PipelineError
from thinwire.figures.style import SOURCE_COLOUR, log_axis

# Units of logged values; any other is a plain number.
UNITS = {
    "total": "1",
    "mse": "1",
    "cosine": "1",
    "cosine_signed": "1",
    "nuclear": "1",
    "snr": "dB, negated",
    "psnr": "dB, negated",
    "magnitude": "1",
    "phase": "rad",
    "task": "1",
    "perceptual": "logit",
    "entropy_bits": "bit/40 ms",
    "hard_entropy_bits": "bit/40 ms",
}


def live_curves(root: Path, run: str) -> tuple[pd.DataFrame, Path]:
    """The newest curves.tsv of a run, finished (models/) or going on (resume/); raises PipelineError where there is
    none yet.
    """
    found = [
        path
        for path in (root / "models" / run / "curves.tsv", *(root / "resume").glob(f"{run}-*/curves.tsv"))
        if path.is_file()
    ]
    if not found:
        raise PipelineError(
            f"{run}: no curves.tsv in models/ or resume/ yet; start it with `dvc repro train_<paper>@{run}`"
        )
    newest = max(found, key=lambda path: path.stat().st_mtime)
    return pd.read_csv(newest, sep="\t"), newest


def scale(axes: Axes, values: pd.Series) -> None:
    """Logarithmic where all values allow it."""
    known = values.dropna()
    if len(known) and (known > 0).all():
        log_axis(axes)


def draw_live(curves: pd.DataFrame, run: str) -> Figure:
    """Every logged value of one run by step, training and validation."""
    names = [name for name in curves.columns if name not in ("step", "split") and curves[name].notna().any()]
    columns = min(4, len(names))
    rows = int(np.ceil(len(names) / columns))
    fig, panels = plt.subplots(rows, columns, figsize=(3.0 * columns, 2.6 * rows), squeeze=False)
    for axes in panels.flat[len(names) :]:
        axes.set_visible(False)
    for axes, name in zip(panels.flat, names, strict=False):
        for colour, (split, part) in zip(SOURCE_COLOUR, curves.dropna(subset=[name]).groupby("split"), strict=False):
            axes.plot(part["step"], part[name], color=colour, label=split)
        scale(axes, curves[name])
        axes.set(title=name, xlabel="step", ylabel=f"({UNITS.get(name, '1')})")
    panels[0][0].legend()
    fig.suptitle(f"{run}: step {int(curves['step'].max())}", x=0.01, ha="left")
    return fig
