"""Fig. 7a and the numbers of section IV-C1: what prediction takes out of the coded features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.claims import Verdict
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED, load_items
from thinwire.figures.style import SOURCE_COLOUR, caption, key, legend_right
from thinwire.figures.tfcodec.look import FRAME_S, Look, show_spectrum
from thinwire.figures.tfcodec.runs import interval_of, run_name
from thinwire.figures.tfcodec.scores import paired_items
from thinwire.figures.tfcodec.verdicts import judge_named, judge_pairs, judge_values
from thinwire.metrics.statistics import paired_bootstrap

MEASURES = {
    "correlation": "coded features, frame to frame (Pearson over channels)",
    "correlation_encoder": "encoder output, frame to frame",
    "correlation_step": "coded features, 40 ms to 40 ms",
    "correlation_channel": "coded features, lag 1 of each channel",
    "resemblance": "prediction with encoder output",
    "sparsity_encoder": "encoder output",
    "sparsity_prediction": "prediction",
    "sparsity_coded": "coded features",
}
PREDICTOR_COLOUR = {"none": "#000000", "adaptive": "#0072B2", "conv": "#D55E00"}
PREDICTOR_MARK = {"none": "o", "adaptive": "s", "conv": "^"}
ROWS = (("x_r", "encoder output $x^R$"), ("x_p", "prediction $x^P$"), ("x_n", "coded features $x^N$"))


def feature_table(page: Page, items: pd.DataFrame, runs: Sequence[str]) -> pd.DataFrame:
    """Correlations and sparsity per run with 95 % intervals; the paper's correlation beside those it is printed for."""
    claim = page.claims["tfc.temporal_corr"].paper_value
    assert isinstance(claim, dict)
    rows = []
    for run in runs:
        row, own = page.params.run(run), items[items["run"] == run]
        printed = {"none": claim["without"], "conv": claim["with"]}.get(row.predictor)
        for measure, what in MEASURES.items():
            found = interval_of(page, own, measure)
            if found.items:
                paper = printed if measure == "correlation" else None
                numbers = (paper, found.mean, found.low, found.high, found.items)
                rows.append((run_name(page, run), row.predictor, measure, what, *numbers))
    names = ["system", "predictor", "measure", "what", "paper", "measured", "low", "high", "items"]
    return pd.DataFrame(rows, columns=names)


def draw_numbers(table: pd.DataFrame, note: str) -> Figure:
    """Correlations (left) and sparsity (right) of every predictor, with 95 % intervals and the paper's two numbers."""
    fig, panels = plt.subplots(1, 2, figsize=(12.4, 3.6), width_ratios=[5, 3])
    predictors = list(dict.fromkeys(table["predictor"]))
    groups = (
        [name for name in MEASURES if not name.startswith("sparsity")],
        [name for name in MEASURES if name.startswith("sparsity")],
    )
    for axes, measures in zip(panels, groups, strict=True):
        places = {measure: place for place, measure in enumerate(reversed(measures))}
        for shift, predictor in zip(np.linspace(0.2, -0.2, len(predictors)), predictors, strict=True):
            rows = table[(table["predictor"] == predictor) & table["measure"].isin(measures)]
            height = rows["measure"].map(places) + shift
            error = [rows["measured"] - rows["low"], rows["high"] - rows["measured"]]
            axes.errorbar(
                rows["measured"], height, xerr=error, fmt=PREDICTOR_MARK[predictor], color=PREDICTOR_COLOUR[predictor]
            )
            axes.plot(rows["paper"], height, "D", color=PREDICTOR_COLOUR[predictor], markerfacecolor="white", zorder=1)
        axes.set_yticks(list(places.values()), [MEASURES[measure] for measure in places])
        axes.set_ylim(-0.5, len(places) - 0.5)
        axes.grid(visible=False, axis="y")
        for line in np.arange(len(places) - 1) + 0.5:
            axes.axhline(line, color="#e3e3e3", linewidth=0.7)
    panels[0].set(xlabel="correlation coefficient (1)", title="Temporal correlation")
    panels[0].axvline(0.0, color="black", linewidth=0.9)
    panels[1].set(xlabel="Hoyer (0: even, 1: one channel)", title="Sparsity over channels")
    keys = [key(f"{name} prediction" if name != "none" else "no prediction", color=PREDICTOR_COLOUR[name],
                marker=PREDICTOR_MARK[name], linestyle="none") for name in predictors]  # fmt: skip
    keys.append(key("paper", color=SOURCE_COLOUR[7], marker="D", linestyle="none", markerfacecolor="white"))
    legend_right(fig, keys)
    caption(
        fig,
        "Means over test clips, 95 % bootstrap. The paper does not say how its coefficient is computed: four readings "
        "are drawn, the first is judged. " + note,
    )
    return fig


def unit(values: np.ndarray) -> np.ndarray:
    """Scaled linearly to 0 to 1, as Fig. 7 is, leaving out the most extreme 0.5 % on either side."""
    low, high = np.quantile(values, [0.005, 0.995])
    return np.clip((values - low) / max(high - low, 1e-9), 0.0, 1.0)


def draw_features(looks: Sequence[Look], item: int, note: str) -> Figure:
    """Fig. 7a: spectrum, encoder output, prediction and coded features of one clip, one column a run.

    Channels stand in the order of the encoder output's mean, so that its structure shows; each row has its own scale.
    """
    fig, panels = plt.subplots(4, len(looks), figsize=(2.0 + 4.6 * len(looks), 8.4), sharex="col", squeeze=False)
    for column, look in enumerate(looks):
        spectrum, encoded = look.of(item, "spectrum"), look.of(item, "x_r")
        assert spectrum is not None
        assert encoded is not None
        image = show_spectrum(panels[0][column], spectrum, look.name)
        order = np.argsort(encoded.mean(axis=1))
        for axes, (name, label) in zip(panels[1:, column], ROWS, strict=True):
            values = look.of(item, name)
            axes.grid(visible=False)
            if values is None:
                axes.text(0.5, 0.5, "no prediction", transform=axes.transAxes, ha="center", va="center")
                axes.set(yticks=[], title=label)
                continue
            picture = axes.imshow(
                unit(values[order]), origin="lower", aspect="auto", cmap="cividis", vmin=0, vmax=1,
                interpolation="nearest", extent=(0.0, values.shape[1] * FRAME_S, 0.0, len(values)),
            )  # fmt: skip
            axes.set(title=label, ylabel="channel")
        panels[-1][column].set_xlabel("time (s)")
    fig.colorbar(image, ax=panels[0, :], label="dB re maximum")
    fig.colorbar(picture, ax=panels[1:, :], label="value, scaled to 0 to 1 in each row", shrink=0.5)
    caption(
        fig,
        f"Test clip {looks[0].items[item]}. Without prediction the coded features are the encoder output itself. "
        "Channels in the order of the encoder output's means. " + note,
    )
    return fig


def judge(page: Page) -> list[Verdict]:
    """Table II, the correlation coefficient, and Fig. 7a."""
    verdicts = judge_named(page, [page.evidence("tables", "table2"), page.evidence("figures", "table2")])
    claim = page.claims["tfc.temporal_corr"]
    without, with_ = (load_items(page, [run]) for run in claim.models)
    measured = {name: interval_of(page, rows, "correlation") for name, rows in (("without", without), ("with", with_))}
    gap = paired_bootstrap(
        *paired_items(pd.concat([with_, without]), claim.models[1], claim.models[0], "correlation"), SEED,
        page.params.evaluation.bootstrap,
    )  # fmt: skip
    reason = f"with minus without, paired: {gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"
    evidence = [page.evidence("tables", "features"), page.evidence("figures", "numbers")]
    verdicts.append(judge_values(page, claim.id, measured, evidence, reason))
    claim = page.claims["tfc.fig7a"]
    rows = load_items(page, claim.models).groupby("segment_id").mean(numeric_only=True)
    differences = {
        "resemblance above 0.5": rows["resemblance"].to_numpy() - 0.5,
        "sparser": (rows["sparsity_coded"] - rows["sparsity_encoder"]).to_numpy(),
    }
    evidence = [page.evidence("figures", "features"), page.evidence("tables", "features")]
    verdicts.append(judge_pairs(page, claim.id, differences, evidence))
    return verdicts
