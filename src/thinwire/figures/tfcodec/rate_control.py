"""Fig. 6c, 6d: the entropy of a step and the learned power of the input compression, as training goes on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.claims import Verdict
from thinwire.figures.paths import Page
from thinwire.figures.style import GREY, caption, key, legend_right
from thinwire.figures.tfcodec.runs import rate_style, run_name
from thinwire.figures.tfcodec.verdicts import judge_holds, judge_pairs

STEPS_NOTE = "the items are logged steps of one training a rate"
STAGE = {False: "first stage", True: "adversarial stage (the paper's figure)"}


def load_curves(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """curves.tsv of the named runs: run, kbps, second_stage, target_bits, step, split and every logged value."""
    frames = []
    for run in runs:
        row = page.params.run(run)
        frame = pd.read_csv(page.path("models", run, "curves.tsv"), sep="\t")
        frames.append(frame.assign(run=run, kbps=row.kbps, second_stage=row.adversarial, target_bits=row.target_bits))
    return pd.concat(frames, ignore_index=True)


def draw_training(curves: pd.DataFrame, note: str) -> Figure:
    """Entropy over its target (above) and power (below) by step, one column a stage."""
    stages = [stage for stage in STAGE if stage in set(curves["second_stage"])]
    fig, panels = plt.subplots(
        2, len(stages), figsize=(2.9 + 4.0 * len(stages), 6.0), sharex="col", sharey="row", squeeze=False
    )
    for column, stage in enumerate(stages):
        upper, lower = panels[:, column]
        upper.axhline(100.0, color="black", linewidth=0.9, linestyle="--")
        lower.axhline(0.3, color="black", linewidth=0.9, linestyle=":")
        for _, part in curves[curves["second_stage"] == stage].groupby("run", sort=False):
            style = rate_style(part["kbps"].iloc[0])
            for split, line in (("train", "-"), ("dev", ":")):
                rows = part[part["split"] == split].dropna(subset=["entropy_bits"])
                share = 100.0 * rows["entropy_bits"] / rows["target_bits"]
                upper.plot(rows["step"], share, **style, linestyle=line, markersize=3.5)
            rows = part[part["split"] == "train"].dropna(subset=["power"])
            lower.plot(rows["step"], rows["power"], **style, markersize=3.5)
        upper.set_title(STAGE[stage])
        lower.set_xlabel("step")
    panels[0][0].set_ylabel("entropy of a 40 ms step\n(% of its target)")
    panels[1][0].set_ylabel("power of the input\ncompression, p (1)")
    rates = sorted(set(curves["kbps"]))
    legend_right(
        fig,
        [
            *(key(f"{kbps:g} kbps, target {kbps * 40:g} bit", **rate_style(kbps)) for kbps in rates),
            key("training batches", color=GREY),
            key("validation", color=GREY, linestyle=":"),
            key("target", color="black", linestyle="--", linewidth=0.9),
            key("fixed power of Table III", color="black", linestyle=":", linewidth=0.9),
        ],
    )
    caption(
        fig,
        "Entropy is that of the soft assignments averaged over a batch, summed over groups, which the rate loss holds. "
        "Steps before these (the reference weights' own training) are not drawn: see their cards. " + note,
    )
    return fig


def training_table(page: Page, curves: pd.DataFrame) -> pd.DataFrame:
    """First and last logged entropy and power of every run: soft and hard entropy (bit a step) beside the target."""
    rows = []
    for run, part in curves[curves["split"] == "dev"].groupby("run", sort=False):
        rows.append(
            {"system": run_name(page, str(run)), "run": run, "target_bits": part["target_bits"].iloc[0]}
            | {
                f"{name}_{where}": part[name].dropna().iloc[place]
                for name in ("entropy_bits", "hard_entropy_bits", "power")
                for where, place in (("first", 0), ("last", -1))
            }
            | {"steps": int(part["step"].max())}
        )
    table = pd.DataFrame(rows)
    table["entropy_off_target_percent"] = 100.0 * (table["entropy_bits_last"] / table["target_bits"] - 1.0)
    return table


def judge(page: Page) -> list[Verdict]:
    """Fig. 6c and 6d, of the runs that the claims name; the items of the orderings are logged training steps."""
    evidence = [page.evidence("figures", "training"), page.evidence("tables", "training")]
    held = page.claims["tfc.fig6c_entropy"]
    logged = {run: load_curves(page, [run]).query("split == 'train'") for run in held.models}
    bits = {f"{page.params.run(run).kbps:g}k": (float(rows["entropy_bits"].mean()), page.params.run(run).target_bits)
            for run, rows in logged.items()}  # fmt: skip
    near = all(abs(mean / target - 1.0) <= 0.03 for mean, target in bits.values())
    verdicts = [judge_holds(page, held.id, {mode: mean for mode, (mean, _) in bits.items()}, near, evidence)]
    claim = page.claims["tfc.fig6d_power_falls"]
    halves = {page.params.run(run).kbps: power_halves(load_curves(page, [run])) for run in claim.models}
    falls = {f"{kbps:g} kbps": first - second for kbps, (first, second) in halves.items()}
    verdicts.append(judge_pairs(page, claim.id, falls, evidence, STEPS_NOTE))
    rates = sorted(halves)
    against = {
        f"{low:g} kbps over {high:g} kbps": np.subtract(*same_length(halves[low][1], halves[high][1]))
        for low, high in zip(rates, rates[1:], strict=False)
    }
    verdicts.append(judge_pairs(page, "tfc.fig6d_power_vs_rate", against, evidence, STEPS_NOTE))
    return verdicts


def power_halves(curves: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The power at the logged training steps of the first and of the second half, as many of either."""
    power = curves[curves["split"] == "train"].dropna(subset=["power"]).sort_values("step")["power"].to_numpy()
    half = len(power) // 2
    return power[:half], power[len(power) - half :]


def same_length(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two logs cut to the shorter one."""
    length = min(len(a), len(b))
    return a[:length], b[:length]
