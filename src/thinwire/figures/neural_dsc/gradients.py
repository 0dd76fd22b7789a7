"""Gradients of a small network: a worker's, coded in 320 bits given the other's, against coders in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.claims import Verdict
from thinwire.figures.aucom.whiskers import whiskers
from thinwire.figures.neural_dsc.runs import FORM_LOOK, compared, facts, load, mean_of, own
from thinwire.figures.neural_dsc.verdicts import judge_holds, judge_named, judge_values, same_setting
from thinwire.figures.paths import Page
from thinwire.figures.style import band, caption, key, legend_right
from thinwire.metrics.statistics import Interval
from thinwire.nn.gradient_net import PARAMETERS
from thinwire.systems.neural_dsc.gradient_coders import coders_in_use

LEARNED = {"grad_j": "joint", "grad_d": "distributed", "grad_s": "separate"}
IN_USE = {"qsgd": "QSGD", "top_k": "top-k", "coordinate_sampling": "coordinate sampling", "random_k": "random-k"}
CODER_NAME = {
    "uncompressed": "uncompressed (13184 bit)",
    **{coder: f"learned, {form}" for coder, form in LEARNED.items()},
    "copy": "the other worker's (0 bit)",
    **IN_USE,
}
CODER_LOOK: dict[str, dict[str, Any]] = {
    "uncompressed": {"color": "#7f7f7f", "marker": "D", "linestyle": ":"},
    **{coder: FORM_LOOK[form] for coder, form in LEARNED.items()},
    "copy": {"color": "#E69F00", "marker": "v", "linestyle": ":"},
    "qsgd": {"color": "#009E73", "marker": "P"},
    "top_k": {"color": "#CC79A7", "marker": "X"},
    "coordinate_sampling": {"color": "#56B4E9", "marker": ">"},
    "random_k": {"color": "#882255", "marker": "<"},
}
CLAIM_OF = {"qsgd": "qsgd", "top_k": "topk", "coordinate_sampling": "coordsample", "random_k": "randomk"}
"""How claims call a coder: `ndsc.grad_baseline_<name>`."""
EPOCHS = (5, 10, 16)
CURVES = {"loss": (1.0, "training loss (nat)"), "accuracy": (100.0, "test accuracy (%)")}
PARTS = 6


def error_table(page: Page, gradients: pd.DataFrame) -> pd.DataFrame:
    """Squared error over energy of each coder on the same test gradients: coder, name, bits (at most), message_bits,
    mean, low, high, n.
    """
    rows = []
    for coder in CODER_NAME:
        here = gradients[gradients["coder"] == coder]
        found = mean_of(page, here["sse"] / here["energy"])
        rows.append((coder, CODER_NAME[coder], int(here["bits"].iloc[0]), here["message_bits"].mean(), found.mean,
                     found.low, found.high, found.items))  # fmt: skip
    return pd.DataFrame(rows, columns=["coder", "name", "bits", "message_bits", "mean", "low", "high", "n"])


def time_table(page: Page, gradients: pd.DataFrame, coders: Sequence[str]) -> pd.DataFrame:
    """The same over time: coder, step (middle of a sixth of a run, 0 .. 1), mean, low, high, n."""
    part = np.minimum((gradients["step"] * PARTS).astype(int), PARTS - 1)
    rows = []
    for coder in coders:
        here = gradients[gradients["coder"] == coder]
        for place in sorted(set(part[here.index])):
            group = here[part[here.index] == place]
            found = mean_of(page, group["sse"] / group["energy"])
            rows.append((coder, (place + 0.5) / PARTS, found.mean, found.low, found.high, found.items))
    return pd.DataFrame(rows, columns=["coder", "step", "mean", "low", "high", "n"])


def draw_errors(errors: pd.DataFrame, times: pd.DataFrame, note: str) -> Figure:
    """What each coder leaves wrong, and when."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(12.4, 4.4), width_ratios=(1.25, 1.0))
    shown = errors[errors["mean"] > 0]
    for place, row in enumerate(shown.itertuples()):
        one = shown.iloc[[place]]
        left.errorbar(one["mean"], [place], xerr=whiskers(one, "mean"), **CODER_LOOK[str(row.coder)])
    left.set_yticks(np.arange(len(shown)), list(shown["name"]))
    left.invert_yaxis()
    left.axvline(1.0, color="black", linewidth=0.8)
    left.set(xscale="log", xlabel="squared error / energy of the gradient (1)", title="Test gradients")
    for coder, rows in times.groupby("coder", sort=False):
        right.errorbar(rows["step"], rows["mean"], whiskers(rows, "mean"), elinewidth=1.0, **CODER_LOOK[str(coder)])
    right.set(xlabel="time step of training (0 first, 1 last)", ylabel="squared error / energy (1)",
              title="While training goes on", ylim=(0, None))  # fmt: skip
    legend_right(fig, [key(CODER_NAME[coder], **CODER_LOOK[coder]) for coder in dict.fromkeys(times["coder"])])
    caption(
        fig,
        "All send at most 320 bits, unless their name says otherwise; uncompressed gradients have no error. At 1 "
        "(line) nothing sent would do as well in this measure; unbiased coders lie above it and still train. Bars: "
        "95 % bootstrap over gradients. " + note,
    )
    return fig


def curve_table(page: Page, federated: pd.DataFrame) -> pd.DataFrame:
    """Training with each coder: coder, epoch, measure (loss; accuracy in per cent), mean, low, high (over seeds), n."""
    rows = []
    for (coder, epoch), here in federated.groupby(["coder", "epoch"], sort=False):
        for measure, (scale, _) in CURVES.items():
            found = mean_of(page, scale * here[measure])
            rows.append((coder, epoch, measure, found.mean, found.low, found.high, found.items))
    return pd.DataFrame(rows, columns=["coder", "epoch", "measure", "mean", "low", "high", "n"])


def draw_curves(page: Page, curves: pd.DataFrame, note: str) -> Figure:
    """Loss and accuracy while one worker's gradient goes through a coder, with the repository's values on MNIST."""
    fig, (*panels, last) = plt.subplots(1, 3, figsize=(14.6, 4.5), width_ratios=(1.0, 1.0, 0.7))
    coders = [coder for coder in CODER_LOOK if coder in set(curves["coder"])]
    for axes, (measure, (_, label)) in zip(panels, CURVES.items(), strict=True):
        for coder in coders:
            rows = curves[(curves["coder"] == coder) & (curves["measure"] == measure)].sort_values("epoch")
            x, low, high = (rows[name].to_numpy(float) for name in ("epoch", "low", "high"))
            band(axes, x, low, high, CODER_LOOK[coder]["color"])
            axes.plot(x, rows["mean"], markevery=max(1, len(x) // 6), **CODER_LOOK[coder])
            _published(axes, page, coder, measure)
        axes.set(xlabel="passes over the worker's images", ylabel=label)
    panels[0].set(title="Loss on the training images", ylim=(0, None))
    panels[1].set(title="Accuracy on test images", ylim=(0, 100))
    final = curves[(curves["measure"] == "loss") & (curves["epoch"] == curves["epoch"].max())].set_index("coder")
    for place, coder in enumerate(coders):
        one = final.loc[[coder]]
        last.errorbar(one["mean"], [place], xerr=whiskers(one, "mean"), **CODER_LOOK[coder] | {"linestyle": "none"})
    last.set(yticks=[], xlabel="training loss (nat)", title=f"After {curves['epoch'].max():g} passes")
    last.invert_yaxis()
    hollow = key("published, on MNIST", color="black", marker="o", linestyle="none", markerfacecolor="none",
                 markersize=9)  # fmt: skip
    legend_right(fig, [*(key(CODER_NAME[coder], **CODER_LOOK[coder]) for coder in coders), hollow])
    caption(
        fig,
        "Two workers; one sends its gradient through the coder, the other's is exact and is the side information. "
        "Means over seeds, the same for all coders; bands: 95 % bootstrap over seeds. Large hollow marks: the authors' "
        "repository, in the colour and shape of their coder. " + note,
    )
    return fig


def _published(axes: Axes, page: Page, coder: str, measure: str) -> None:
    if coder in CLAIM_OF:
        values = page.claims[f"ndsc.grad_baseline_{CLAIM_OF[coder]}"].paper_value
        assert isinstance(values, dict)
        axes.plot(EPOCHS, [values[f"{measure}_{epoch}"] for epoch in EPOCHS], color=CODER_LOOK[coder]["color"],
                  marker=CODER_LOOK[coder]["marker"], linestyle="none", markerfacecolor="none",
                  markersize=9)  # fmt: skip


def spending_table(page: Page, run: str) -> pd.DataFrame:
    """What the bits of a message are for, coder by coder: coder, name, bits, spending."""
    told = facts(page, run)
    values, budget = int(told["shape"][0]), int(np.prod(told["grid"])) * int(told["row"]["bits"])
    rows = [(run, CODER_NAME.get(run, run), budget, f"indices {budget}")]
    for coder in coders_in_use(values, budget):
        words = ", ".join(f"{what} {bits}" for what, bits in coder.spending.items()) or "nothing"
        rows.append((coder.name, CODER_NAME[coder.name], sum(coder.spending.values()), words))
    return pd.DataFrame(rows, columns=["coder", "name", "bits", "spending"])


def load_look(page: Page, runs: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
    """Kept gradients by item: x, y, and what each run decodes, by its name; items that all runs kept."""
    kept: dict[str, dict[str, np.ndarray]] = {}
    for run in runs:
        with np.load(page.path("results", run, "look.npz"), allow_pickle=False) as store:
            for name in store.files:
                item, version = name.rsplit("/", 1)
                if version in ("x", "y", "correct"):
                    kept.setdefault(item, {})[run if version == "correct" else version] = store[name]
    return {item: kept[item] for item in sorted(kept) if set(runs) <= set(kept[item])}


def draw_gradient(versions: Mapping[str, np.ndarray], item: str, note: str) -> Figure:
    """One gradient: every value against its own in what stands in for it; on the diagonal it is right."""
    shown = [name for name in ("y", *LEARNED) if name in versions]
    fig, panels = plt.subplots(1, len(shown), figsize=(3.1 * len(shown), 3.7), sharex=True, sharey=True, squeeze=False)
    x = versions["x"]
    most = 1.05 * float(max(np.abs(versions[name]).max() for name in ("x", *shown)))
    for axes, name in zip(panels[0], shown, strict=True):
        x_hat = versions[name]
        axes.plot([-most, most], [-most, most], color="#c8c8c8", linewidth=1.0)
        colour = CODER_LOOK["copy" if name == "y" else name]["color"]
        axes.plot(x, x_hat, ".", color=colour, markersize=4, alpha=0.6)
        error = float(np.square(x - x_hat).sum() / max(np.square(x).sum(), 1e-30))
        title = CODER_NAME["copy" if name == "y" else name].partition(" (")[0]
        axes.set(title=title, xlabel="value sent", aspect="equal", xlim=(-most, most), ylim=(-most, most))
        axes.annotate(f"error / energy {error:.3g}", (0.04, 0.94), xycoords="axes fraction", fontsize=8)
        axes.locator_params(nbins=5)
    panels[0][0].set_ylabel("value received")
    caption(fig, f"The {len(x)} values of gradient {item}. " + note)
    return fig


def judge(page: Page, curves: pd.DataFrame, errors: pd.DataFrame) -> list[Verdict]:
    """Size, order, and the coders in use."""
    evidence = [page.evidence("figures", "errors"), page.evidence("tables", "errors")]
    found = errors.set_index("coder")["mean"]
    told = "error over energy " + ", ".join(f"{form} {found[coder]:.3g}" for coder, form in LEARNED.items())
    told += f", the other worker's {found['copy']:.3g}; loss after {EPOCHS[-1]} passes {_losses(curves)}"
    order = judge_named(page, "ndsc.gradient_order", evidence, told)
    seen = [page.evidence("figures", "curves"), page.evidence("tables", "curves")]
    same = same_setting(page, "mnist")
    baselines = [
        judge_values(page, f"ndsc.grad_baseline_{name}", reached(curves, coder), seen, same=same)
        for coder, name in CLAIM_OF.items()
    ]
    return [_judge_rate(page), order, *baselines]


def _losses(curves: pd.DataFrame) -> str:
    """The loss that training reached with every learned coder and with the other worker's gradient."""
    coders = {**LEARNED, "copy": "the other worker's"}
    return ", ".join(
        f"{name} {reached(curves, coder)[f'loss_{EPOCHS[-1]}'].mean:.3g}" for coder, name in coders.items()
    )


def _judge_rate(page: Page) -> Verdict:
    runs = list(LEARNED)
    bits = own(load(page, runs))["payload_bits"].dropna()
    floats = {int(facts(page, run)["shape"][0]) for run in runs}
    wanted = page.claims["ndsc.gradient_rate"].paper_value
    assert isinstance(wanted, dict)
    holds = floats == {PARAMETERS} == {int(wanted["floats"])} and bool((bits == wanted["bits"]).all())
    told = f"{len(bits)} coded gradients of {len(runs)} models, {32 * PARAMETERS / bits.mean():.3g} times smaller"
    measured = {"floats": float(max(floats)), "bits": float(bits.mean())}
    return judge_holds(page, "ndsc.gradient_rate", measured, holds, [page.evidence("tables", "spending")], told)


def reached(curves: pd.DataFrame, coder: str) -> dict[str, Interval]:
    """Loss and accuracy (%) of a coder after 5, 10 and 16 passes, as claims name them; NaN for passes not made."""
    rows = curves[curves["coder"] == coder]
    found = {}
    for epoch in EPOCHS:
        for measure in CURVES:
            here = rows[(rows["measure"] == measure) & np.isclose(rows["epoch"], epoch)].to_dict("records")
            numbers = [here[0][name] for name in ("mean", "low", "high", "n")] if here else []
            found[f"{measure}_{epoch}"] = Interval(*numbers) if here else Interval(np.nan, np.nan, np.nan, 0)
    return found


def load_tables(page: Page) -> tuple[pd.DataFrame, pd.DataFrame]:
    """gradients.parquet and federated.parquet."""
    return compared(page, "gradients"), compared(page, "federated")
