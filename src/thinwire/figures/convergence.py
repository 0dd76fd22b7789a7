"""Convergence of training (Fig. 8) and the values of the losses (Tables 1 to 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.artifacts import read_json
from thinwire.claims import Verdict, judge_exact, judge_ordering, not_testable
from thinwire.figures.live import UNITS, scale
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED, floor_of
from thinwire.figures.style import (
    ARCH_COLOUR,
    BOTTLENECK_LINE,
    GREY,
    caption,
    key,
    legend_right,
    system_name,
)

TABLES = {
    "table1": ("agnostic", ("e1_agnostic", "e2_ndpca_agnostic", "e4_ndpca_agnostic")),
    "table2": ("agnostic", ("e2_plain_agnostic", "e4_plain_agnostic")),
    "table3": ("aware", ("e1_aware", "e2_ndpca_aware", "e4_ndpca_aware")),
    "table4": ("aware", ("e2_plain_aware", "e4_plain_aware")),
}
NAMED = ("mse", "cosine", "nuclear", "psnr", "task", "perceptual")
MISSING = "missing from the supplied text"


def shown_bottleneck(page: Page, run: str) -> str:
    """`ndpca`, or `truncate` for a run that was trained without it."""
    return "ndpca" if page.params.run(run).bottleneck == "ndpca" else "truncate"


def load_curves(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """curves.tsv of the named runs: run, arch, bottleneck, setting, step, split, total and every named loss."""
    frames = []
    for run in runs:
        row = page.params.run(run)
        frame = pd.read_csv(page.path("models", run, "curves.tsv"), sep="\t")
        frames.append(frame.assign(run=run, arch=row.arch, bottleneck=shown_bottleneck(page, run), setting=row.setting))
    return pd.concat(frames, ignore_index=True)


def _lines(axes: Axes, part: pd.DataFrame, loss: str) -> None:
    for (arch, bottleneck), rows in part.dropna(subset=[loss]).groupby(["arch", "bottleneck"], sort=False):
        axes.plot(rows["step"], rows[loss], color=ARCH_COLOUR[arch], linestyle=BOTTLENECK_LINE[bottleneck])
    scale(axes, part[loss])


def _keys(curves: pd.DataFrame) -> list:
    pairs = curves[["arch", "bottleneck"]].drop_duplicates().itertuples(index=False)
    return [key(system_name(a, b), color=ARCH_COLOUR[a], linestyle=BOTTLENECK_LINE[b]) for a, b in pairs]


def draw_convergence(curves: pd.DataFrame, note: str) -> Figure:
    """Fig. 8: the overall (weighted) loss by step, train above dev, agnostic beside aware."""
    settings = [name for name in ("agnostic", "aware") if name in set(curves["setting"])]
    fig, panels = plt.subplots(2, len(settings), figsize=(3.4 + 3.9 * len(settings), 6.2), sharex=True, squeeze=False)
    for column, setting in enumerate(settings):
        for row, split in enumerate(("train", "dev")):
            axes = panels[row][column]
            _lines(axes, curves[(curves["setting"] == setting) & (curves["split"] == split)], "total")
            axes.set_title(f"task-{setting}, {'training' if split == 'train' else 'validation'}")
            axes.set_ylabel("overall loss (1)" if column == 0 else "")
        panels[1][column].set_xlabel("step")
    legend_right(fig, _keys(curves))
    caption(
        fig,
        "Weighted sum of the losses that are computed: agnostic runs have neither task nor perceptual loss; aware ones "
        "have both in training, but in validation no perceptual one, as no discriminator runs there. So settings, and "
        "an aware run's training and validation, are different sums. Training: mean since the last validation, each "
        "batch at a random budget (NDPCA) or at full width (naive), so compare E2D1 with E4D1 within a kind only. "
        + note,
    )
    return fig


def draw_named(curves: pd.DataFrame, note: str) -> Figure:
    """Each named loss on the validation set, systems with NDPCA: solid aware, dotted agnostic."""
    dev = curves[(curves["split"] == "dev") & (curves["bottleneck"] == "ndpca")]
    names = [name for name in NAMED if name in dev and dev[name].notna().any()]
    rows = int(np.ceil(len(names) / 3))
    fig, panels = plt.subplots(rows, 3, figsize=(11.2, 2.9 * rows + 0.4), squeeze=False)
    for axes in panels.flat[len(names) :]:
        axes.set_visible(False)
    for axes, name in zip(panels.flat, names, strict=False):
        for (arch, setting), part in dev.dropna(subset=[name]).groupby(["arch", "setting"], sort=False):
            axes.plot(part["step"], part[name], color=ARCH_COLOUR[arch], linestyle="-" if setting == "aware" else ":")
        positive = dev[dev[name] > 0] if name == "cosine" else dev
        scale(axes, positive[name])
        axes.set(title=name, ylabel=f"loss ({UNITS[name]})", xlabel="step")
    keys = [key(system_name(arch, "ndpca"), color=ARCH_COLOUR[arch]) for arch in dev["arch"].unique()]
    legend_right(fig, [*keys, key("aware", color=GREY), key("agnostic", color=GREY, linestyle=":")])
    caption(
        fig,
        "Unweighted losses on the validation split, each where it is computed: task in aware runs only, perceptual in "
        "training only. The cosine loss of the joint system is 0 by construction. " + note,
    )
    return fig


def loss_tables(page: Page) -> dict[str, pd.DataFrame]:
    """Tables 1 to 4: loss, unit, paper (missing), and train and dev of each system, from losses.json."""
    tables = {}
    for name, (_, runs) in TABLES.items():
        columns: dict[str, dict[str, float]] = {}
        for run in runs:
            row = page.params.run(run)
            for split, losses in read_json(page.path("results", run, "losses.json")).items():
                named = {loss: value for loss, value in losses.items() if loss != "step"}
                columns[f"{system_name(row.arch, shown_bottleneck(page, run))}, {split}"] = named
        frame = pd.DataFrame(columns)
        order = [loss for loss in UNITS if loss in frame.index] + [loss for loss in frame.index if loss not in UNITS]
        frame = frame.loc[order].rename_axis("loss").reset_index()
        frame.insert(1, "unit", [UNITS.get(loss, "1") for loss in frame["loss"]])
        frame.insert(2, "paper", MISSING)
        tables[name] = frame
    return tables


def _late_difference(curves: pd.DataFrame, setting: str, bottleneck: str) -> np.ndarray:
    """Training loss of E4D1 minus E2D1 at the same steps of the second half."""
    part = curves[(curves["setting"] == setting) & (curves["bottleneck"] == bottleneck) & (curves["split"] == "train")]
    table = part.pivot_table(index="step", columns="arch", values="total").dropna(subset=["E2D1", "E4D1"])
    late = table[table.index >= table.index.max() / 2]
    return (late["E4D1"] - late["E2D1"]).to_numpy()


def judge(page: Page, curves: pd.DataFrame) -> list[Verdict]:
    """Fig. 8, Tables 1 to 4 and appendix D's two sentences on losses."""
    claims, seed, draws = page.claims, SEED, page.params.evaluation.bootstrap
    verdicts = []
    for setting in ("agnostic", "aware"):
        claim = claims[f"ndpca.fig8_convergence_{setting}"]
        floor = floor_of(page, claim.id)
        pairs = {
            "NDPCA": _late_difference(curves, setting, "ndpca"),
            "naive": _late_difference(curves, setting, "truncate"),
        }
        evidence = [page.evidence("figures", "convergence"), page.evidence("tables", "curves")]
        reason = f"the items are logged steps of these two trainings; {floor.reason}"
        verdicts.append(judge_ordering(claim, pairs, floor.ok, reason, evidence=evidence, seed=seed, draws=draws))
    losses = {run: read_json(page.path("results", run, "losses.json")) for _, runs in TABLES.values() for run in runs}
    for name in TABLES:
        verdicts.append(not_testable(claims[f"ndpca.{name}_losses"], evidence=[page.evidence("tables", name)]))
    joint = [abs(losses[run][split]["cosine"]) for run in ("e1_agnostic", "e1_aware") for split in ("train", "dev")]
    tables = [page.evidence("tables", name) for name in TABLES]
    verdicts.append(
        judge_exact(
            claims["ndpca.table_cosine_jae_zero"],
            max(joint),
            max(joint) == 0.0,
            evidence=[tables[0], tables[2]],
            reason="one latent has no pairs: true by construction, no evidence of decorrelation",
        )
    )
    quotient = np.array([loss["dev"]["nuclear"] / loss["dev"]["mse"] for loss in losses.values()])
    spread = float(quotient.std() / quotient.mean())
    reason = f"nuclear / MSE from {quotient.min():.3g} to {quotient.max():.3g} over {len(quotient)} runs"
    verdicts.append(
        judge_exact(claims["ndpca.nuclear_is_recon"], spread, spread <= 0.01, reason=reason, evidence=tables)
    )
    return verdicts
