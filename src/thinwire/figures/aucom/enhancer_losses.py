"""The enhancer's losses: their weights (Eq. 17), and the anti-wrapped phase errors as printed and as used (Eq. 13 to
16)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.claims import Verdict
from thinwire.figures.aucom.verdicts import judge_holds
from thinwire.figures.paths import Page
from thinwire.figures.style import GREY, SOURCE_COLOUR, caption, key, legend_right
from thinwire.systems.aucom_enhancer.losses import anti_wrapped, phase_losses

WEIGHTS = {
    "mag": ("magnitude",),
    "time": ("time",),
    "complex": ("complex",),
    "metric": ("metric",),
    "phase": ("instantaneous_phase", "group_delay", "angular_frequency"),
}
"""Names of Eq. 17 and the losses in use that take them."""
TURN = 2.0 * math.pi
SLOPE = 0.3
"""Radians a bin or a frame, of the phase errors that tell the axes apart."""
SHAPE = (1, 9, 7)
NOTHING, SOMETHING = 1e-5, 1e-2


def weight_table(page: Page) -> pd.DataFrame:
    """loss, in_use_as, paper, in_use, same: a line a loss in use."""
    printed = page.claims["aucom.loss_weights"].paper_value
    assert isinstance(printed, dict)
    weights = page.params.systems.aucom_enhancer.losses
    rows = [
        (loss, name, printed[loss], float(getattr(weights, name))) for loss, names in WEIGHTS.items() for name in names
    ]
    table = pd.DataFrame(rows, columns=["loss", "in_use_as", "paper", "in_use"])
    return table.assign(same=np.isclose(table["in_use"], table["paper"]))


def as_printed(x: np.ndarray) -> np.ndarray:
    """|x - round(x / 2 pi 2 pi)|, Eq. 13 as it stands there: the bracket around 2 pi round(...) is missing."""
    return np.abs(x - np.round(x / TURN * TURN))


def as_used(x: np.ndarray) -> np.ndarray:
    """The distance to the nearest whole turn, by the code of training."""
    return anti_wrapped(torch.from_numpy(np.asarray(x, np.float64))).numpy()


def axis_losses() -> dict[str, dict[str, float]]:
    """Phase losses of errors that are linear in frequency, and in time, by SLOPE: named by the axis."""
    bins, frames = (torch.arange(n, dtype=torch.float64) for n in SHAPE[1:])
    errors = {"frequency": SLOPE * bins[:, None].expand(SHAPE[1:]), "time": SLOPE * frames.expand(SHAPE[1:])}
    still = torch.zeros(SHAPE, dtype=torch.float64)
    return {
        axis: {name: float(value) for name, value in phase_losses(still, still + error).items()}
        for axis, error in errors.items()
    }


def wrapping_table() -> pd.DataFrame:
    """What the rule asks of Eq. 13 to 16: check, value, wanted (`0`, `not 0`, or the slope in rad), holds."""
    grid, whole = np.linspace(-10.0, 10.0, 2001), np.arange(-10.0, 11.0)
    rows: list[tuple[str, float, float | str]] = []
    for name, function in (("as printed", as_printed), ("as used", as_used)):
        ours = name == "as used"
        shifted = float(np.abs(function(grid + TURN) - function(grid)).max())
        others = function(whole[whole != 0.0])
        at_whole = float(others.min() if ours else others.max())
        rows.append((f"{name}, error of whole radians but 0", at_whole, "not 0" if ours else 0.0))
        rows.append((f"{name}, change by a shift of a turn", shifted, 0.0 if ours else "not 0"))
    found = axis_losses()
    for axis, own, other in (("frequency", "group_delay", "angular_frequency"),
                             ("time", "angular_frequency", "group_delay")):  # fmt: skip
        rows.append((f"error linear in {axis}, {own.replace('_', ' ')}", found[axis][own], SLOPE))
        rows.append((f"error linear in {axis}, {other.replace('_', ' ')}", found[axis][other], 0.0))
    table = pd.DataFrame(rows, columns=["check", "value", "wanted"])
    holds = [value > SOMETHING if isinstance(wanted, str) else abs(value - wanted) < NOTHING
             for _, value, wanted in rows]  # fmt: skip
    return table.assign(holds=holds, wanted=[f"{wanted:g}" if not isinstance(wanted, str) else wanted
                                             for wanted in table["wanted"]])  # fmt: skip


def draw_wrapping() -> Figure:
    """Eq. 13 as printed and as used, over the difference of two phases."""
    x = np.linspace(-3 * math.pi, 3 * math.pi, 1501)
    looks: dict[str, dict[str, Any]] = {
        "as printed": {"color": SOURCE_COLOUR[5], "linestyle": "--"},
        "as used": {"color": SOURCE_COLOUR[0]},
    }
    fig, axes = plt.subplots(figsize=(8.4, 3.0))
    axes.plot(x, as_printed(x), **looks["as printed"])
    axes.plot(x, as_used(x), **looks["as used"])
    turns = np.arange(-3, 4)
    axes.set_xticks(turns * math.pi, ["0" if k == 0 else f"{k}π".replace("1π", "π") for k in turns])
    for k in (-1, 0, 1):
        axes.axvline(k * TURN, color=GREY, linestyle=":", linewidth=1.0)
    axes.set(xlabel="difference of two phases (rad)", ylabel="error (rad)", title="Anti-wrapping, Eq. 13")
    legend_right(fig, [*(key(name, **look) for name, look in looks.items()),
                       key("whole turns", color=GREY, linestyle=":")])  # fmt: skip
    caption(
        fig,
        "As printed the brackets cancel: the error is zero at every whole number of radians and has nothing to do with "
        "turns. As used it is the distance to the nearest whole turn, as in MP-SENet.",
    )
    return fig


def judge(page: Page) -> list[Verdict]:
    """Eq. 13 to 17: weights, and what is wrong with the printed form."""
    weights, wrapping = weight_table(page), wrapping_table()
    unlike = weights[~weights["same"]]
    reason = "; ".join(f"{row.in_use_as} {row.in_use:g}, not {row.paper:g}" for row in unlike.itertuples())
    in_use = dict(zip(weights["in_use_as"], weights["in_use"], strict=True))
    evidence = [page.evidence("tables", "loss_weights")]
    verdicts = [judge_holds(page, "aucom.loss_weights", in_use, unlike.empty, evidence, reason)]
    found = dict(zip(wrapping["check"], wrapping["value"], strict=True))
    evidence = [page.evidence("tables", "anti_wrapping"), page.evidence("figures", "anti_wrapping")]
    return [*verdicts, judge_holds(page, "aucom.awl_axes", found, bool(wrapping["holds"].all()), evidence)]
