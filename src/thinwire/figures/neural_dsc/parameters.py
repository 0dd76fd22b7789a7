"""Parameters of codecs and priors, part by part: as trained here, and at the published widths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.claims import Verdict
from thinwire.figures.neural_dsc.runs import DOMAIN_NAME, FORM_NAME, FORMS, codec_of, facts, form_style, kind_of, row_of
from thinwire.figures.neural_dsc.verdicts import untestable
from thinwire.figures.paths import Page
from thinwire.figures.style import SOURCE_COLOUR, caption, key, legend_right
from thinwire.nn.trainable import count_parameters
from thinwire.params.neural_dsc import NdscConv, NdscRow, Settings
from thinwire.params.neural_dsc_prior import Settings as PriorSettings
from thinwire.systems.neural_dsc.model import NeuralDsc
from thinwire.systems.neural_dsc.prior import LatentPrior

PARTS = ("encoder", "codebook", "decoder", "SI and conditioning nets", "prior")
COLOUR = dict(zip(PARTS, SOURCE_COLOUR, strict=False))
PAPER_SHAPE = (3, 128, 256)
"""Of the published stereo pairs."""
PAPER_CONV = {factor: NdscConv(width=16 if factor == 8 else 32, residual_layers=3, code_dim=64) for factor in (8, 4, 2)}
"""By downsampling (facts 4.2): 16 channels of x beside 16 of y at 8x, and at 4x and 2x 64 in all; `code_dim` at 4x and
2x and the residual layers there are not said: as at 8x, a reading."""
PAPER_BLOCKS = {8: 4, 4: 4, 2: 2}
"""Blocks of the published prior, whose dimension is 128 with 4 heads and 512 hidden units."""


def parts_of(net: NeuralDsc) -> dict[str, int]:
    """Parameters of a codec by part; of the codebook its numbers, which are moving averages and not trained."""
    condition = getattr(net.decoder, "condition", None)
    conditioning = 0 if condition is None else count_parameters(condition)
    return {
        "encoder": count_parameters(net.encoder),
        "codebook": net.quantiser.codebook.numel(),
        "decoder": count_parameters(net.decoder) - conditioning,
        "SI and conditioning nets": conditioning,
    }


def build(page: Page, run: str, form: str | None = None, paper: bool = False) -> NeuralDsc:
    """A codec of a run's row without memory, as `params.yaml` has it or at the published widths; in any form."""
    row = NdscRow(**(row_of(page, run) | ({} if form is None else {"form": form})))
    settings, shape = page.params.systems.neural_dsc, tuple(facts(page, run)["shape"])
    if paper:
        settings = Settings(conv=PAPER_CONV[row.downsample])
        shape = PAPER_SHAPE if row.domain in ("stereo", "halves") else shape
    with torch.device("meta"):
        return NeuralDsc(settings, row, shape)


def prior_parameters(page: Page, run: str, paper: bool = False) -> int:
    """Parameters of a prior's run, here or at the published widths."""
    if not paper:
        return int(sum(facts(page, run)["parameters"].values()))
    net = build(page, codec_of(page, run), paper=True)
    settings = PriorSettings(dim=128, blocks=PAPER_BLOCKS[net.row.downsample], heads=4, dff=512)
    with torch.device("meta"):
        return count_parameters(LatentPrior(settings, int(np.prod(net.index_grid)), net.codewords))


def part_table(page: Page, runs: Sequence[str], priors: Sequence[str]) -> pd.DataFrame:
    """A row a codec, size (`here`, `paper`) and part: run, label, form, size, part, parameters."""
    own = {codec_of(page, prior): prior for prior in priors}
    rows = []
    for run in runs:
        row = row_of(page, run)
        for size, paper in (("here", False), ("paper", True)):
            found = parts_of(build(page, run, paper=paper))
            found |= {"prior": prior_parameters(page, own[run], paper)} if run in own else {}
            rows += [(run, _label(row), row["form"], size, part, count) for part, count in found.items()]
    return pd.DataFrame(rows, columns=["run", "label", "form", "size", "part", "parameters"])


def form_table(page: Page, runs: Mapping[str, str]) -> pd.DataFrame:
    """What each form of a codec has, by what it codes (`runs`: title to any run of it): item, form, parts, total."""
    rows = []
    for title, run in runs.items():
        for form in FORMS:
            found = parts_of(build(page, run, form))
            rows.append({"item": title, "form": form, **found, "total": sum(found.values())})
    return pd.DataFrame(rows)


def _label(row: Mapping[str, object]) -> str:
    size = "" if row["domain"] in ("gradients", "bits") else f", {row['downsample']}x"
    return f"{DOMAIN_NAME[kind_of(row)]}\n{row['bits']} bit{size}"


def draw_parts(table: pd.DataFrame, note: str) -> Figure:
    """Stacked counts of every codec, here and at the published widths."""
    fig, panels = plt.subplots(1, 2, figsize=(12.8, 0.42 * table["run"].nunique() + 2.2), sharey=True)
    titles = {"here": "As trained here", "paper": "At the published widths"}
    runs = list(dict.fromkeys(table["run"]))
    labels = table.drop_duplicates("run").set_index("run")["label"]
    for axes, (size, title) in zip(panels, titles.items(), strict=True):
        counts = table[table["size"] == size].pivot(index="run", columns="part", values="parameters").reindex(runs)
        left = np.zeros(len(runs))
        for part in PARTS:
            if part in counts:
                values = counts[part].fillna(0.0).to_numpy() / 1e3
                axes.barh(np.arange(len(runs)), values, 0.62, left=left, color=COLOUR[part])
                left += values
        for place, total in enumerate(left):
            axes.annotate(_count(1e3 * total), (total, place), xytext=(4, 0), textcoords="offset points", va="center",
                          fontsize=7.5)  # fmt: skip
        axes.set(title=title, xlabel="parameters (thousands)", xlim=(0, 1.17 * left.max()))
        axes.grid(visible=False, axis="y")
    panels[0].set_yticks(np.arange(len(runs)), [str(labels[run]).replace("\n", ", ") for run in runs], fontsize=8)
    panels[0].invert_yaxis()
    legend_right(fig, [key(part, color=COLOUR[part], linewidth=6) for part in PARTS])
    caption(
        fig,
        "Counted in instantiated modules. A sender needs encoder, codebook and prior; a receiver all but the encoder. "
        "Published widths: images of 128x256, 16 + 16 channels at 8x and 64 at 4x and 2x, 3 residual layers, codes of "
        f"64 numbers, a prior of 128 numbers and 4 blocks (2 at 2x). {note}",
    )
    return fig


def _count(value: float) -> str:
    return f"{value / 1e6:.2f} M" if value >= 1e6 else f"{value / 1e3:.0f} k"


def draw_forms(table: pd.DataFrame, note: str) -> Figure:
    """Encoder and decoder of the three forms, item by item; `table` is `form_table`."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(12.4, 3.9))
    items = list(dict.fromkeys(table["item"]))
    for number, form in enumerate(FORMS):
        rows = table[table["form"] == form].set_index("item").loc[items]
        places = np.arange(len(items)) + 0.26 * (number - 1)
        decoder = rows["decoder"] + rows["SI and conditioning nets"]
        left.bar(places, rows["encoder"] / 1e3, 0.25, color=form_style(form)["color"])
        right.bar(places, decoder / 1e3, 0.25, color=form_style(form)["color"])
    for axes, title in ((left, "Encoder"), (right, "Decoder, with the nets that read y")):
        axes.set_xticks(np.arange(len(items)), items, fontsize=8)
        axes.set(title=title, ylabel="parameters (thousands)", ylim=(0, None))
        axes.grid(visible=False, axis="x")
    legend_right(fig, [key(FORM_NAME[form], color=form_style(form)["color"], linewidth=6) for form in FORMS])
    caption(
        fig,
        "All forms have equal width: where a form does not know y, zeros take its place, and only the layers that "
        f"would read it are left out. {note}",
    )
    return fig


def judge(page: Page, table: pd.DataFrame) -> list[Verdict]:
    """Own counts beside a claim whose other side is not published."""
    named = table[table["run"].str.startswith("stereo")]
    totals = named.groupby(named["size"] + "_" + named["run"], sort=False)["parameters"].sum()
    measured = {str(name): float(count) for name, count in totals.items()}
    evidence = [page.evidence("figures", "parts"), page.evidence("tables", "parts")]
    return [untestable(page, "ndsc.fewer_params", evidence, measured=measured)]
