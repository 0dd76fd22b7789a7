"""Fig. 6c, 6d: the entropy of a step and the learned power of the input compression, as training goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.claims import Verdict
from thinwire.figures.paths import Page
from thinwire.figures.style import GREY, caption, key, legend_right
from thinwire.figures.tfcodec.runs import measured_kbps, nominal_name, rate_style, reference_card, run_name
from thinwire.figures.tfcodec.verdicts import judge_holds, judge_pairs

STEPS_NOTE = "the items are logged steps of one training a rate"
LOGGED = ("entropy_bits", "hard_entropy_bits", "power")
STEP_MS = 40.0
LINES: dict[tuple[str, str], dict[str, Any]] = {
    ("reference", "dev"): {"linestyle": "-", "marker": "", "linewidth": 1.4},
    ("own", "train"): {"linestyle": "-", "markersize": 3.5},
    ("own", "dev"): {"linestyle": ":", "markersize": 3.5, "markerfacecolor": "white"},
}
WORD = {
    ("reference", "dev"): "reference weights' training, validation",
    ("own", "train"): "own steps, training batches",
    ("own", "dev"): "own steps, validation",
}
STAGE = {False: "first stage", True: "adversarial stage (the paper's figure)"}


def load_curves(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """curves.tsv of the named runs: run, kbps, second_stage, target_bits, step, split and every logged value."""
    frames = []
    for run in runs:
        row = page.params.run(run)
        frame = pd.read_csv(page.path("models", run, "curves.tsv"), sep="\t")
        frames.append(frame.assign(run=run, kbps=row.kbps, second_stage=row.adversarial, target_bits=row.target_bits))
    return pd.concat(frames, ignore_index=True)


def load_training(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """What is drawn: columns as `load_curves`, and `part`, `own` steps of this run after the validations of the
    `reference` weights' training, by their cards; `step` counts from the beginning of the latter.

    Cards of former versions hold no more than the total: of these nothing is drawn.
    """
    frames = []
    for run in runs:
        row, card = page.params.run(run), reference_card(page, run)
        own = load_curves(page, [run]).assign(part="own")
        shown = [own.assign(step=own["step"] + card.get("steps", 0))]
        if set(LOGGED) <= set(card.get("curve", [{}])[0]):
            reference = pd.DataFrame(card["curve"]).assign(part="reference", split="dev", run=run, kbps=row.kbps)
            shown.insert(0, reference.assign(second_stage=row.adversarial, target_bits=row.target_bits))
        frames += [without_opening(part, row.groups * np.log2(row.codewords)) for part in shown]
    return pd.concat(frames, ignore_index=True)


def without_opening(curves: pd.DataFrame, most_bits: float) -> pd.DataFrame:
    """Curves without the entropies before the first batch where these are the most that there can be.

    Former versions began a training with uniform codeword shares, whatever the weights.
    """
    opening = (curves["step"] == curves["step"].min()) & (curves["entropy_bits"] > 0.999 * most_bits)
    return curves.assign(**{name: curves[name].mask(opening) for name in LOGGED[:2]})


def without_card(curves: pd.DataFrame) -> list[str]:
    """Runs of `load_training` of whose reference training there is nothing to draw."""
    return [str(run) for run, part in curves.groupby("run", sort=False) if "reference" not in set(part["part"])]


def draw_training(page: Page, curves: pd.DataFrame, note: str) -> Figure:
    """Entropy of a step (above) and power (below) over steps, one column a stage; `curves` by `load_training`."""
    stages = [stage for stage in STAGE if stage in set(curves["second_stage"])]
    fig, panels = plt.subplots(
        2, len(stages), figsize=(2.9 + 4.0 * len(stages), 6.6), sharex="col", sharey="row", squeeze=False
    )
    rates = sorted(set(curves["kbps"]))
    for column, stage in enumerate(stages):
        upper, lower = panels[:, column]
        lower.axhline(0.3, color="black", linewidth=0.9, linestyle=":")
        for _, part in curves[curves["second_stage"] == stage].groupby("run", sort=False):
            style = rate_style(part["kbps"].iloc[0])
            upper.axhline(part["target_bits"].iloc[0], color=style["color"], linewidth=0.9, linestyle="--")
            for axes, name in ((upper, "entropy_bits"), (lower, "power")):
                for (where, split), line in LINES.items():
                    rows = part[(part["part"] == where) & (part["split"] == split)].dropna(subset=[name])
                    axes.plot(rows["step"], rows[name], **style | line)
        upper.set_title(STAGE[stage])
        lower.set_xlabel("step of the stage")
    upper = panels[0][0]
    upper.set_yscale("log", base=2)
    targets = [kbps * STEP_MS for kbps in rates]
    upper.set_yticks(targets, [f"{bits:g}" for bits in targets])
    upper.minorticks_off()
    upper.set_ylabel("entropy of a 40 ms step (bit)")
    panels[1][0].set_ylabel("power of the input\ncompression, p (1)")
    legend_right(
        fig,
        [
            *(key(f"{kbps:g} kbps, target {kbps * STEP_MS:g} bit", **rate_style(kbps)) for kbps in rates),
            *(key(WORD[which], **{"color": GREY, "marker": "o"} | line) for which, line in LINES.items()),
            key("target", color=GREY, linestyle="--", linewidth=0.9),
            key("fixed power of Table III", color="black", linestyle=":", linewidth=0.9),
        ],
    )
    missing = ", ".join(run_name(page, run) for run in without_card(curves))
    caption(
        fig,
        "Soft entropy, summed over groups, which the rate loss holds: of training batches it is that of the running "
        "codeword shares, of validation what unseen clips cost under these, which is more (in the table `training` by "
        "how much). Lines without marks: the long training of the reference weights, by their cards; marks: the run's "
        "own steps after it. " + (f"Without such a curve in a card: {missing}. " if missing else "") + note,
    )
    return fig


def draw_power(page: Page, table: pd.DataFrame, note: str) -> Figure:
    """Fig. 6d the other way: the power that training ends with against the measured rate, one curve a stage."""
    fig, axes = plt.subplots(figsize=(7.6, 4.0))
    axes.axhline(0.3, color="black", linewidth=0.9, linestyle=":")
    for second, rows in table.groupby("second_stage", sort=False):
        rows = rows.sort_values("measured_kbps")
        line, face = ("-", None) if second else ("--", "white")
        axes.plot(rows["measured_kbps"], rows["power_last"], color=GREY, linestyle=line, zorder=1)
        for bits, kbps, power in rows[["target_bits", "measured_kbps", "power_last"]].to_numpy(float):
            style = rate_style(bits / STEP_MS)
            axes.plot(kbps, power, **style, markersize=8, markerfacecolor=face or style["color"])
    axes.set_xscale("log")
    ticks = sorted(set(table["target_bits"] / STEP_MS))
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel="rate (kbit/s, from bytes)", ylabel="power of the input compression, p (1)")
    rates = [key(f"{kbps:g} kbps nominal", **rate_style(kbps) | {"linestyle": "none"}) for kbps in ticks]
    stages = [
        key(STAGE[second], color=GREY, marker="o", linestyle="-" if second else "--", markerfacecolor=face)
        for second, face in ((False, "white"), (True, GREY))
        if second in set(table["second_stage"])
    ]
    legend_right(fig, [*rates, *stages, key("fixed power of Table III", color="black", linestyle=":", linewidth=0.9)])
    caption(fig, "The power at the end of each run's own steps; one training a point. " + note)
    return fig


def training_table(page: Page, curves: pd.DataFrame) -> pd.DataFrame:
    """Soft and hard entropy (bit a step) and power of every run beside the target; the rate from bytes. `curves` by
    `load_training`.

    `entropy_bits_train` is the mean over its own logged training steps, which is what is judged. The others are of
    validations: the first and last of its own steps, and the first and last of the reference weights' training where
    their card has them.
    """
    rows = []
    validations = curves[curves["split"] == "dev"]
    training = curves.query("split == 'train' and part == 'own'").groupby("run")["entropy_bits"].mean()
    for run, part in validations.groupby("run", sort=False):
        own, reference = (part[part["part"] == where] for where in ("own", "reference"))
        rows.append(
            {"system": nominal_name(page, str(run)), "run": run, "second_stage": own["second_stage"].iloc[0]}
            | {"target_bits": own["target_bits"].iloc[0], "measured_kbps": measured_kbps(page, str(run))}
            | {"entropy_bits_train": training.get(run, np.nan)}
            | _ends(own, "")
            | {"steps": int(own["step"].max() - own["step"].min())}
            | _ends(reference, "reference_")
            | {"reference_steps": reference["step"].max()}
        )
    table = pd.DataFrame(rows)
    table["entropy_off_target_percent"] = 100.0 * (table["entropy_bits_last"] / table["target_bits"] - 1.0)
    return table


def _ends(rows: pd.DataFrame, prefix: str) -> dict[str, float]:
    """First and last known value of everything that is logged; NaN where there is none."""
    return {
        f"{prefix}{name}_{where}": rows[name].dropna().iloc[place] if rows[name].notna().any() else np.nan
        for name in LOGGED
        for where, place in (("first", 0), ("last", -1))
    }


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
