"""The problem (Fig. 1): who knows the side information y, as the three forms are built; and the 3-bit example."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.claims import Verdict
from thinwire.figures.diagram import ROLE_COLOUR, _arrow, _box, _canvas, thousands
from thinwire.figures.neural_dsc.runs import FORM_LOOK, FORM_NAME, FORMS, row_of
from thinwire.figures.neural_dsc.verdicts import judge_holds, judge_picture
from thinwire.figures.paths import Page
from thinwire.figures.style import SOURCE_COLOUR, caption, key, legend_right
from thinwire.nn.trainable import count_parameters
from thinwire.params.neural_dsc import NdscRow
from thinwire.systems.neural_dsc import toy
from thinwire.systems.neural_dsc.model import NeuralDsc
from thinwire.systems.neural_dsc.slepian_wolf import BLOCK

BLOCKS = 64
FLIP = 0.02
# The corners of a cube, drawn flat: two squares, one behind the other.
CORNER = np.array([[1.0, 0.0], [0.0, 1.0], [0.42, 0.34]])


def build_form(page: Page, run: str, form: str) -> NeuralDsc:
    """The codec of bits of a run's row, in any form, as `params.yaml` builds it; its codebook holds latents of its own,
    as after the first step of training.
    """
    row = NdscRow(**(row_of(page, run) | {"form": form}))
    x, y, _ = blocks(page)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(page.params.seed)
        model = NeuralDsc(page.params.systems.neural_dsc, row, (BLOCK,))
    with torch.no_grad():
        model.train()(x, y, None, torch.Generator().manual_seed(page.params.seed))
    return model.eval()


def blocks(page: Page) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Blocks x (n, 648), their side information, and that of other blocks."""
    generator = torch.Generator().manual_seed(page.params.seed)
    x = (torch.rand(BLOCKS, BLOCK, generator=generator) < 0.5).float()
    y = (x + (torch.rand(x.shape, generator=generator) < FLIP).float()) % 2.0
    return x, y, y.roll(1, 0)


@torch.inference_mode()
def who_knows(page: Page, run: str) -> pd.DataFrame:
    """What exchanging the side information changes, form by form: form, codes_changed and output_changed (percent of
    indices and of decoded bits), codes, bits, encoder, decoder (parameters).
    """
    x, y, other = blocks(page)
    rows = []
    for form in FORMS:
        model = build_form(page, run, form)
        codes, exchanged = model.encode(x, y), model.encode(x, other)
        decoded, changed = model.decode(codes, y), model.decode(codes, other)
        rows.append(
            {
                "form": form,
                "codes_changed": 100.0 * float((codes != exchanged).double().mean()),
                "output_changed": 100.0 * float((decoded != changed).double().mean()),
                "codes": math.prod(model.index_grid),
                "bits": math.prod(model.index_grid) * model.row.bits,
                "encoder": count_parameters(model.encoder),
                "decoder": count_parameters(model.decoder),
            }
        )
    return pd.DataFrame(rows)


def draw_forms(table: pd.DataFrame) -> Figure:
    """Fig. 1: an arrow from y wherever exchanging y changed something."""
    fig, panels = plt.subplots(1, len(table), figsize=(12.4, 2.9))
    for axes, form in zip(np.atleast_1d(panels), table["form"], strict=True):
        _chain(axes, table[table["form"] == form].iloc[0])
    caption(
        fig,
        f"Forms of the codec for blocks of {BLOCK} bits, instantiated, with parameters. An arrow leads from y to where "
        f"exchanging the side information of {BLOCKS} blocks changed codes or output; what sees y has weights for it.",
    )
    return fig


def _chain(axes: Axes, row: pd.Series) -> None:
    _canvas(axes, 8.1, 3.3)
    axes.set_title(FORM_NAME[row["form"]], color=FORM_LOOK[row["form"]]["color"])
    _box(axes, 0.0, 1.6, 0.7, 0.9, "x", "white", 9.0)
    _box(axes, 1.4, 1.5, 1.9, 1.1, f"encoder\n{thousands(row['encoder'])}", ROLE_COLOUR["encoder"], 8.0)
    _box(axes, 4.5, 1.5, 1.9, 1.1, f"decoder\n{thousands(row['decoder'])}", ROLE_COLOUR["decoder"], 8.0)
    _box(axes, 7.1, 1.6, 0.8, 0.9, r"$\hat{x}$", "white", 9.0)
    for start, end in ((0.73, 1.37), (3.33, 4.47), (6.43, 7.07)):
        _arrow(axes, (start, 2.05), (end, 2.05))
    axes.text(3.9, 2.15, f"{row['bits']} bit", ha="center", va="bottom", fontsize=8)
    _box(axes, 3.5, 0.0, 0.8, 0.7, "y", ROLE_COLOUR["task"], 9.0)
    if row["codes_changed"]:
        _arrow(axes, (3.45, 0.4), (2.4, 1.45))
    if row["output_changed"]:
        _arrow(axes, (4.35, 0.4), (5.4, 1.45))


def toy_table(pairs: pd.DataFrame, limits: Mapping[str, Any]) -> pd.DataFrame:
    """The 3-bit example form by form: scheme_bits, right (of its pairs), pairs, fewest (messages of any code without
    error), fewest_bits, entropy (H(x|y), or H(x) where nobody knows y).
    """
    rows = []
    for form in FORMS:
        own, fewest = pairs[pairs["form"] == form], int(limits["fewest_messages"][form])
        entropy = limits["entropies"]["H(x)" if form == "separate" else "H(x|y)"]
        rows.append((form, int(own["bits"].iloc[0]), int(own["correct"].sum()), len(own), fewest,
                     math.ceil(math.log2(fewest)), entropy))  # fmt: skip
    names = ["form", "scheme_bits", "right", "pairs", "fewest", "fewest_bits", "entropy"]
    return pd.DataFrame(rows, columns=names)


def draw_toy(table: pd.DataFrame, y: str = "010") -> Figure:
    """The eight words as corners of a cube coloured by the message of the distributed scheme, those that are possible
    beside one y ringed; and bits by form.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(10.6, 4.1), width_ratios=(1.25, 1.0))
    _cube(left, y)
    places = np.arange(len(table))
    right.barh(places, table["fewest_bits"], 0.55, color=[FORM_LOOK[form]["color"] for form in table["form"]])
    for place, row in zip(places, table.to_dict("records"), strict=True):
        right.annotate(f"{row['fewest']} messages", (row["fewest_bits"], place), xytext=(4, 0),
                       textcoords="offset points", va="center", fontsize=8)  # fmt: skip
        right.plot([row["entropy"]] * 2, [place - 0.38, place + 0.38], color=SOURCE_COLOUR[2], linewidth=2.5)
    right.set_yticks(places, list(table["form"]))
    right.set(xlabel="bits", xlim=(0, 4.0), xticks=range(5), title="Fewest bits without error")
    right.invert_yaxis()
    right.grid(visible=False, axis="y")
    colours = [key(f"message {message}", color=SOURCE_COLOUR[message], marker="o", linestyle="none", markersize=8)
               for message in range(4)]  # fmt: skip
    ringed = key(f"possible beside y = {y}", color="black", marker="o", linestyle="none", markersize=11,
                 markerfacecolor="none")  # fmt: skip
    entropy = key("H(x|y); without y H(x)", color=SOURCE_COLOUR[2], linewidth=2.5)
    legend_right(fig, [*colours, ringed, entropy])
    caption(
        fig,
        "x and y have three bits and differ in at most one (an edge of the cube). The distributed encoder sends the "
        "colour of x. Words of one colour are opposite corners, so the four words that are possible beside any y have "
        "four colours. The fewest messages were found by exhaustive search over all codes.",
    )
    return fig


def _cube(axes: Axes, y: str) -> None:
    names = ["".join(map(str, word)) for word in toy.WORDS]
    corners = {name: np.array(word) @ CORNER for name, word in zip(names, toy.WORDS, strict=True)}
    given = toy.WORDS[names.index(y)]
    for one, other in toy.PAIRS:
        if one < other:
            ends = np.array([corners["".join(map(str, word))] for word in (one, other)])
            near = given in (one, other)
            axes.plot(*ends.T, color="black" if near else "#c8c8c8", linewidth=2.0 if near else 1.0, zorder=1)
    for name, word in zip(names, toy.WORDS, strict=True):
        x_at, y_at = corners[name]
        if toy.distance(word, given) <= 1:
            axes.scatter(x_at, y_at, 640, facecolor="white", edgecolor="black", linewidth=1.4, zorder=2)
        axes.scatter(x_at, y_at, 430, color=SOURCE_COLOUR[toy.coset(word)], zorder=3)
        axes.text(x_at, y_at, name, ha="center", va="center", fontsize=8.5, fontweight="bold", zorder=4)
    axes.set(title=f"What the distributed encoder sends of x (y = {y})", aspect="equal")
    axes.margins(0.18)
    axes.set_axis_off()


def judge(page: Page, knows: pd.DataFrame, toys: pd.DataFrame) -> list[Verdict]:
    """Fig. 1 and the 3-bit example, by `who_knows` and `toy_table`."""
    return [_judge_forms(page, knows), _judge_toy(page, toys)]


def _judge_forms(page: Page, knows: pd.DataFrame) -> Verdict:
    changed = knows.set_index("form")["codes_changed"]
    checks = {"joint": changed["joint"] > 0.0, "distributed": changed["distributed"] == 0.0}
    told = ", ".join(f"{form}: {value:.3g} % of codes change with y" for form, value in changed.items())
    evidence = [page.evidence("figures", "forms"), page.evidence("tables", "forms")]
    measured = {str(form): float(value) for form, value in changed.items()}
    return judge_picture(page, "ndsc.fig1_problem", {k: bool(v) for k, v in checks.items()}, measured, evidence, told)


def _judge_toy(page: Page, toys: pd.DataFrame) -> Verdict:
    by_form = toys.set_index("form")
    needed = by_form["fewest_bits"].astype(float)
    right = bool((by_form["right"] == by_form["pairs"]).all() and (by_form["scheme_bits"] == needed).all())
    holds = right and [needed[form] for form in FORMS] == [2.0, 2.0, 3.0]
    told = f"the schemes shown decode all {by_form['pairs'].iloc[0]} pairs with so many bits"
    evidence = [page.evidence("figures", "toy"), page.evidence("tables", "toy")]
    measured = {form: float(needed[form]) for form in FORMS}
    return judge_holds(page, "ndsc.toy3bit", measured, holds, evidence, told if right else "a scheme errs")


def decoding_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """What the distributed decoder makes of each message (columns) beside each y (rows)."""
    own = pairs[pairs["form"] == "distributed"]
    return own.pivot(index="y", columns="message", values="x_hat").add_prefix("message ").reset_index()


def words() -> Sequence[str]:
    """All y of the 3-bit example, for a slider."""
    return ["".join(map(str, word)) for word in toy.WORDS]
