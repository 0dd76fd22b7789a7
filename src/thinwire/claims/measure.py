"""From evaluation tables to the arrays that the rules judge; the rows compared are the ones that the rule names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from thinwire.claims.model import Claim, Floor, NumberRule, OrderingRule
from thinwire.errors import PipelineError
from thinwire.metrics.statistics import Interval, bootstrap_mean


@dataclass(frozen=True)
class FloorResult:
    """Whether the models are strong enough, and the sentence that says so with numbers."""

    ok: bool
    reason: str


@dataclass(frozen=True)
class Ratio:
    """A gain or ratio in percent with its interval, and the same comparison in dB (or the column's unit)."""

    percent: Interval
    difference: Interval


def item_scores(items: pd.DataFrame, system: str, column: str, grid: Sequence[int] | None = None) -> pd.Series:
    """One value a test item (index `segment_id`): the mean over seeds, then over bandwidths, of a system's `column`.

    `system` is `run/bottleneck`; `grid` restricts the bandwidths. Items for which a value was not computed (NaN)
    are left out. Raises PipelineError naming what is missing.
    """
    run, bottleneck = system.split("/")
    rows = items[(items["run"] == run) & (items["bottleneck"] == bottleneck)]
    if grid is not None:
        rows = rows[rows["m"].isin(list(grid))]
        absent = sorted(set(grid) - set(rows["m"]))
        if absent:
            raise PipelineError(
                f"results/{run}/items.parquet: no rows of bottleneck {bottleneck} at m = {absent}; evaluate the run"
            )
    if rows.empty:
        raise PipelineError(f"results/{run}/items.parquet: no rows of bottleneck {bottleneck}; evaluate the run")
    table = rows.pivot_table(index="segment_id", columns="m", values=column, aggfunc="mean", dropna=False)
    scores = table.dropna().mean(axis=1)
    if scores.empty:
        raise PipelineError(f"results/{run}/items.parquet: column {column} holds no value for bottleneck {bottleneck}")
    return scores.sort_index()


def _paired(
    items: pd.DataFrame, better: str, worse: str, column: str, grid: Sequence[int] | None
) -> tuple[pd.Series, pd.Series]:
    a, b = item_scores(items, better, column, grid), item_scores(items, worse, column, grid)
    if list(a.index) != list(b.index):
        raise PipelineError(f"{better} and {worse}: evaluated on different test items; evaluate both runs again")
    return a, b


def ordering_differences(claim: Claim, items: pd.DataFrame, grid: Sequence[int] | None = None) -> dict[str, np.ndarray]:
    """The paired differences (items,) of every pair that an ordering rule names, for `judge_ordering`."""
    rule = claim.rule
    if (
        not isinstance(rule, OrderingRule)
        or rule.column is None
        or any(not (pair.better and pair.worse) for pair in rule.pairs)
    ):
        raise PipelineError(
            f"papers/{claim.paper}.yaml: claim {claim.id}: its rule names no column and systems to compare"
        )
    differences = {}
    for pair in rule.pairs:
        a, b = _paired(items, str(pair.better), str(pair.worse), rule.column, grid)
        differences[pair.name] = (a - b).to_numpy()
    return differences


def ratio_percent(
    claim: Claim, items: pd.DataFrame, grid: Sequence[int] | None = None, seed: int = 0, draws: int = 2000
) -> Ratio:
    """The gain or ratio that a number rule asks for, in percent of the item means, and the paired difference beside it.

    The interval is the bootstrap of the ratio's influence values R + (a_i - R b_i) / mean(b), whose mean is R exactly;
    so items stay paired.
    """
    rule = claim.rule
    if not isinstance(rule, NumberRule):
        raise PipelineError(f"papers/{claim.paper}.yaml: claim {claim.id}: its rule asks for no ratio")
    a, b = (series.to_numpy() for series in _paired(items, rule.above, rule.below, rule.column, grid))
    ratio = a.mean() / b.mean()
    influence = 100.0 * (ratio + (a - ratio * b) / b.mean()) - (100.0 - rule.neutral)
    return Ratio(bootstrap_mean(influence, seed, draws), bootstrap_mean(a - b, seed, draws))


def check_floor(floor: Floor, items: pd.DataFrame, mean_spectrum_db: float) -> FloorResult:
    """Hold the best of a floor's systems, at the table's largest bandwidth, against the mean spectrum's PSNR (dB)."""
    largest = int(items["m"].max())
    scores = {system: float(item_scores(items, system, floor.column, [largest]).mean()) for system in floor.systems}
    best = max(scores, key=lambda system: scores[system])
    margin = scores[best] - mean_spectrum_db
    return FloorResult(
        margin >= floor.margin_db,
        f"best system {best} at m = {largest}: {scores[best]:.2f} dB, {margin:+.2f} dB to the mean spectrum "
        f"(floor {floor.margin_db:+g} dB)",
    )


def paper_setting(preset: str, corpus_root: str | None) -> bool:
    """Whether numbers may be held against the paper's as equals: its scale (preset `paper`) on the real corpus."""
    return preset == "paper" and corpus_root is not None
