"""Blocks of bits whose side information has flipped bits: the learned coder, copying, syndrome decoding, the limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.claims import Verdict
from thinwire.figures.aucom.whiskers import whiskers
from thinwire.figures.neural_dsc.runs import FORM_LOOK, compared, difference, limits, load, mean_of, means, own
from thinwire.figures.neural_dsc.verdicts import judge_pairs, judge_values, untestable
from thinwire.figures.paths import Page
from thinwire.figures.style import GREY, caption, key, legend_right
from thinwire.metrics.statistics import Interval
from thinwire.systems.neural_dsc.slepian_wolf import BLOCK, SYNDROME, binary_entropy, copying_bler

PROPER, COPYING, REFERENCE = "proper", "copying", "reference"
LEARNED = {"distributed": "learned, distributed", "joint": "learned, joint"}
CODER_NAME = {
    COPYING: "copying y (no bit sent)",
    PROPER: "syndromes, properly decoded",
    "proper, 6 iterations": "6 iterations for 50",
    "unit ratio": "unit log-likelihood ratio",
    "dense matrix": "dense matrix",
    REFERENCE: "the repository's setting, all three",
} | {name: name for name in LEARNED.values()}  # fmt: skip
CODER_LOOK: dict[str, dict[str, Any]] = {
    "learned, distributed": FORM_LOOK["distributed"],
    "learned, joint": FORM_LOOK["joint"] | {"markerfacecolor": "none", "markersize": 8.0},
    COPYING: {"color": "#E69F00", "marker": "v", "linestyle": ":"},
    PROPER: {"color": "#009E73", "marker": "D"},
    "proper, 6 iterations": {"color": "#56B4E9", "marker": "P", "linestyle": "--"},
    "unit ratio": {"color": "#CC79A7", "marker": "<", "linestyle": "--"},
    "dense matrix": {"color": "#332288", "marker": ">", "linestyle": "--"},
    REFERENCE: {"color": "#D55E00", "marker": "X", "linestyle": "-."},
}  # fmt: skip
PUBLISHED = {
    "ndsc.discus_ldpc": (REFERENCE, "LDPC, published"),
    "ndsc.discus_vqvae": ("learned, distributed", "VQ-VAE, published"),
}
SMALL = 0.1
"""Block error rate up to which a code is said to work, for the table of how far codes go."""


def load_blocks(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """Every test block with every coder: coder, p, segment_id, block_error, bit_errors, seed; learned coders with their
    own side information.
    """
    items = own(load(page, runs)).assign(coder=lambda table: table["form"].map(LEARNED))
    others = compared(page, "flipped").rename(columns={"decoder": "coder"}).assign(seed=0)
    others = others[others["segment_id"].notna()]
    columns = ["coder", "p", "segment_id", "seed", "block_error", "bit_errors"]
    return pd.concat([items[columns], others[columns]], ignore_index=True)


def error_table(page: Page, blocks: pd.DataFrame) -> pd.DataFrame:
    """Coder, name, p, measure (block_error, bit_errors: wrong bits of 648), mean, low, high, n."""
    table = means(page, blocks, ["coder", "p"], ["block_error", "bit_errors"])
    return table.assign(name=table["coder"].map(CODER_NAME)).sort_values(["coder", "p"], ignore_index=True)


def excess_table(page: Page, blocks: pd.DataFrame) -> pd.DataFrame:
    """Each learned coder minus copying on the same blocks: coder, p, measure, mean, low, high, n."""
    rows = []
    for coder in LEARNED.values():
        for p, here in blocks.groupby("p"):
            copied = here[here["coder"] == COPYING]
            for measure in ("block_error", "bit_errors"):
                found = mean_of(page, difference(here[here["coder"] == coder], copied, measure))
                if found.items:
                    rows.append((coder, p, measure, found.mean, found.low, found.high, found.items))
    return pd.DataFrame(rows, columns=["coder", "p", "measure", "mean", "low", "high", "n"])


def reach_table(errors: pd.DataFrame, limit: float) -> pd.DataFrame:
    """How far each coder goes: the largest tested p up to which its block error rate stays at most 10 %, the entropy
    H(p) there in bits a bit, and p over that of the limit. A coder that fails at every tested p has 0.
    """
    rows = []
    for coder, own_rows in errors[errors["measure"] == "block_error"].groupby("coder", sort=False):
        ordered = own_rows.sort_values("p")
        held = ordered[(ordered["mean"] <= SMALL).cumprod().astype(bool)]
        p = float(held["p"].max()) if len(held) else 0.0
        rows.append((coder, CODER_NAME[str(coder)], p, float(binary_entropy(p)), p / limit))
    names = ["coder", "name", "largest_p", "entropy", "of_limit"]
    return pd.DataFrame(rows, columns=names).sort_values("largest_p", ascending=False, ignore_index=True)


def draw_errors(page: Page, errors: pd.DataFrame, limit: float, note: str) -> Figure:
    """The repository's figure, with what it lacks: copying, and the same code properly decoded; wrong bits beside."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(12.4, 4.5))
    shown = [coder for coder in CODER_LOOK if coder in (*LEARNED.values(), COPYING, PROPER, REFERENCE)]
    for axes, measure in ((left, "block_error"), (right, "bit_errors")):
        for coder in shown:
            _curve(axes, errors[(errors["coder"] == coder) & (errors["measure"] == measure)], coder)
        _p_axis(axes, errors, limit)
    fine = np.geomspace(errors["p"].min(), errors["p"].max(), 100)
    left.plot(fine, copying_bler(fine), color=CODER_LOOK[COPYING]["color"], linewidth=1.0, zorder=1)
    for claim, (coder, _) in PUBLISHED.items():
        points = published(page, claim)
        left.plot(list(points), list(points.values()), linestyle="none", marker=CODER_LOOK[coder]["marker"],
                  color=CODER_LOOK[coder]["color"], markerfacecolor="none", markersize=10)  # fmt: skip
    left.set(ylabel="block error rate (1)", title="Blocks with any wrong bit", ylim=(-0.03, 1.06))
    right.set(ylabel=f"wrong bits of {BLOCK}", title="Wrong bits a block", ylim=(0, None))
    told = [key(name, color=CODER_LOOK[coder]["color"], marker=CODER_LOOK[coder]["marker"], linestyle="none",
                markerfacecolor="none", markersize=10) for coder, name in PUBLISHED.values()]  # fmt: skip
    line = key("Slepian-Wolf limit", color=GREY, linestyle="--")
    legend_right(fig, [*(key(CODER_NAME[coder], **CODER_LOOK[coder]) for coder in shown), *told, line])
    caption(
        fig,
        f"Blocks of {BLOCK} fair bits; a coder may send {SYNDROME}. The thin curve is copying in closed form, "
        "1 - (1 - p)^648. Bars: 95 % bootstrap over blocks; where no block failed, up to 3 / n may still fail. "
        "Published points: the authors' repository. " + note,
    )
    return fig


def draw_handicaps(errors: pd.DataFrame, limit: float, blocks: int, note: str) -> Figure:
    """Proper decoding, and each difference to the repository's setting alone."""
    fig, axes = plt.subplots(figsize=(8.8, 4.3))
    shown = [coder for coder in CODER_LOOK if coder not in (*LEARNED.values(), COPYING)]
    for coder in shown:
        _curve(axes, errors[(errors["coder"] == coder) & (errors["measure"] == "block_error")], coder)
    fine = np.geomspace(errors["p"].min(), errors["p"].max(), 100)
    axes.plot(fine, copying_bler(fine), **CODER_LOOK[COPYING] | {"marker": None})
    _p_axis(axes, errors, limit)
    axes.set(ylabel="block error rate (1)", ylim=(-0.03, 1.06), title="What each handicap does to the same code")
    copied = key(CODER_NAME[COPYING], **CODER_LOOK[COPYING] | {"marker": None})
    line = key("Slepian-Wolf limit", color=GREY, linestyle="--")
    legend_right(fig, [*(key(CODER_NAME[coder], **CODER_LOOK[coder]) for coder in shown), copied, line])
    caption(
        fig,
        f"The same {SYNDROME} syndrome bits of the same {blocks} blocks at each p, decoded in five ways: with the "
        "sparse matrix, ln((1-p)/p) and 50 iterations; then with one thing changed; then with all. " + note,
    )
    return fig


def draw_limit(reach: pd.DataFrame, limit: float, note: str) -> Figure:
    """H(p), what must be sent, against the rate that is sent, and how far each coder goes."""
    fig, (top, bottom) = plt.subplots(2, 1, figsize=(8.8, 5.4), sharex=True, height_ratios=(1.0, 1.1))
    shown = [coder for coder in CODER_LOOK if coder in set(reach["coder"])]
    for place, coder in enumerate(shown):
        row = reach[reach["coder"] == coder].iloc[0]
        top.plot([0.0, row["largest_p"]], [place, place], color=CODER_LOOK[coder]["color"], linewidth=1.0)
        top.plot(row["largest_p"], place, **CODER_LOOK[coder] | {"markersize": 7})
    top.set_yticks(np.arange(len(shown)), [CODER_NAME[coder] for coder in shown])
    top.invert_yaxis()
    top.set(title=f"Up to which p at most {100 * SMALL:g} % of blocks fail")
    rate = SYNDROME / BLOCK
    p = np.linspace(0.0, 1.5 * limit, 200)
    bottom.plot(p, binary_entropy(p), color="black")
    bottom.fill_between(p, binary_entropy(p), 0.0, color="#eeeeee", zorder=0)
    bottom.axhline(rate, color=GREY, linewidth=1.0)
    bottom.annotate(f"sent: {SYNDROME}/{BLOCK} = {rate:g}", (0.0, rate), xytext=(6, 4), textcoords="offset points")
    bottom.annotate(f"limit: p = {limit:.4f}", (limit, 0.0), xytext=(5, 6), textcoords="offset points")
    bottom.set(xlabel="probability p of a wrong bit in y", ylabel="H(p) (bits for a bit of x)",
               xlim=(0.0, 1.5 * limit), ylim=(0, None), title="What x needs, given y")  # fmt: skip
    for axes in (top, bottom):
        axes.axvline(limit, color=GREY, linestyle="--", linewidth=1.0)
    caption(
        fig,
        "Above: the largest tested p at which a coder's block error rate, there and below, is so small; 0 for one that "
        "fails more often at every tested p. Grey: rates at which no code of any length can succeed. " + note,
    )
    return fig


def _curve(axes: Axes, rows: pd.DataFrame, coder: str) -> None:
    rows = rows.sort_values("p")
    axes.errorbar(rows["p"], rows["mean"], whiskers(rows, "mean"), elinewidth=1.0, **CODER_LOOK[coder])


def _p_axis(axes: Axes, errors: pd.DataFrame, limit: float) -> None:
    values = sorted(set(errors["p"]))
    axes.axvline(limit, color=GREY, linestyle="--", linewidth=1.0)
    axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values], rotation=45)
    axes.minorticks_off()
    axes.set_xlabel("probability p of a wrong bit in y")


def published(page: Page, claim: str) -> dict[float, float]:
    """Block error rates that the authors' repository has, by p."""
    values = page.claims[claim].paper_value
    assert isinstance(values, dict)
    return {float(name.removeprefix("p")): value for name, value in values.items()}


def judge(page: Page, blocks: pd.DataFrame, errors: pd.DataFrame, reach: pd.DataFrame) -> list[Verdict]:
    """Slepian and Wolf, the repository's two curves, and the outlook."""
    evidence = [page.evidence("figures", "errors"), page.evidence("tables", "errors")]
    of = {coder: blocks[blocks["coder"] == coder] for coder in (COPYING, PROPER)}
    pairs = {}
    for p in (0.003, 0.006, 0.0114):
        copied, proper = (of[coder][np.isclose(of[coder]["p"], p)] for coder in (COPYING, PROPER))
        pairs[f"p = {p:g}"] = difference(copied, proper, "block_error")
    furthest = reach.set_index("coder")["largest_p"].to_dict()
    far = f"block errors of at most 10 % up to p = {furthest.get(PROPER, 0.0):g} with proper decoding"
    far += f"; the limit for the rate that was sent is p = {limits(page)['slepian_wolf_limit']:.3g}"
    theorem = judge_pairs(page, "ndsc.slepian_wolf", pairs, [*evidence, page.evidence("figures", "limit")], far)
    unlike = _in_words(errors, REFERENCE, "with the repository's three handicaps")
    ldpc = judge_values(page, "ndsc.discus_ldpc", _at(errors, page, "ndsc.discus_ldpc", PROPER),
                        [*evidence, page.evidence("figures", "handicaps")], unlike, same=True)  # fmt: skip
    learned = LEARNED["distributed"]
    told = [_in_words(errors, COPYING, "copying"), _in_words(errors, LEARNED["joint"], "joint")]
    beside = "; ".join([*told, "the decoder begins as a copy of y, which the authors' does not"])
    vqvae = judge_values(page, "ndsc.discus_vqvae", _at(errors, page, "ndsc.discus_vqvae", learned),
                         [*evidence, page.evidence("tables", "excess")], beside, same=True)  # fmt: skip
    return [theorem, ldpc, vqvae, untestable(page, "ndsc.discus_integration", evidence)]


_NOTHING = Interval(np.nan, np.nan, np.nan, 0)


def _at(errors: pd.DataFrame, page: Page, claim: str, coder: str) -> dict[str, Interval]:
    rows = errors[(errors["coder"] == coder) & (errors["measure"] == "block_error")]
    found = {}
    for p in published(page, claim):
        here = rows[np.isclose(rows["p"], p)].to_dict("records")
        found[f"p{p:g}"] = Interval(*(here[0][name] for name in ("mean", "low", "high", "n"))) if here else _NOTHING
    return found


def _in_words(errors: pd.DataFrame, coder: str, name: str) -> str:
    rows = errors[(errors["coder"] == coder) & (errors["measure"] == "block_error")].sort_values("p")
    return f"{name}: " + ", ".join(f"{row.mean:.3g} at p = {row.p:g}" for row in rows.itertuples())
