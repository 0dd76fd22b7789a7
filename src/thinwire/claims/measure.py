"""From evaluation tables to the arrays that the rules judge; the rows compared are the ones that the rule names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from thinwire.claims.model import Claim, Floor, NumberRule, OrderingRule
from thinwire.errors import PipelineError
from thinwire.metrics.statistics import Interval, bootstrap_mean

VARIANTS = ("bottleneck", "codec")
"""Columns that tell the variants of one run apart: `run/variant`."""
DRAWS = 2000


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


def _rows(items: pd.DataFrame, system: str) -> pd.DataFrame:
    run, _, variant = system.partition("/")
    rows = items[items["run"] == run]
    if variant:
        here = [rows[column] == variant for column in VARIANTS if column in rows]
        rows = rows[np.logical_or.reduce(here)] if here else rows.iloc[:0]
    if rows.empty:
        what = f"no rows of {variant}" if variant else "no rows"
        raise PipelineError(f"results/{run}/items.parquet: {what}; evaluate the run")
    return rows


def item_scores(items: pd.DataFrame, system: str, column: str, grid: Sequence[int] | None = None) -> pd.Series:
    """One value a test item (index `segment_id`): the mean over seeds, then over bandwidths `m` where the table has
    them, of a system's `column`.

    `system` is `run` or `run/variant`; `grid` restricts the bandwidths. Items for which a value was not computed (NaN)
    are left out. Raises PipelineError naming what is missing.
    """
    rows = _rows(items, system)
    where = f"results/{system.partition('/')[0]}/items.parquet"
    if grid is not None:
        absent = sorted(set(grid) - set(rows["m"]))
        if absent:
            raise PipelineError(f"{where}: no rows of {system} at m = {absent}; evaluate the run")
        rows = rows[rows["m"].isin(list(grid))]
    if column not in rows:
        raise PipelineError(f"{where}: no column {column}; evaluate the run again")
    by = rows["m"] if "m" in rows else pd.Series(0, rows.index)
    table = rows.assign(_by=by).pivot_table(
        index="segment_id", columns="_by", values=column, aggfunc="mean", dropna=False
    )
    scores = table.dropna().mean(axis=1)
    if scores.empty:
        raise PipelineError(f"{where}: column {column} holds no value for {system}")
    return scores.sort_index()


def _paired(
    items: pd.DataFrame, better: str, worse: str, column: str, grid: Sequence[int] | None
) -> tuple[pd.Series, pd.Series]:
    """Both systems' scores on the items that have both; raises PipelineError where other items were evaluated."""
    a, b = item_scores(items, better, column, grid), item_scores(items, worse, column, grid)
    one, two = (set(_rows(items, system)["segment_id"]) for system in (better, worse))
    both = a.index.intersection(b.index)
    if one != two or both.empty:
        raise PipelineError(f"{better} and {worse}: evaluated on different test items; evaluate both runs again")
    return a[both], b[both]


def ordering_differences(claim: Claim, items: pd.DataFrame, grid: Sequence[int] | None = None) -> dict[str, np.ndarray]:
    """The paired differences (items,) of every pair that an ordering rule names, for `judge_ordering`.

    Better minus worse, or worse minus better in a column where less is better.
    """
    rule = claim.rule
    named = isinstance(rule, OrderingRule) and all(p.better and (p.column or rule.column) for p in rule.pairs)
    if not isinstance(rule, OrderingRule) or not named or not rule.pairs:
        raise PipelineError(
            f"papers/{claim.paper}.yaml: claim {claim.id}: its rule names no column and systems to compare"
        )
    differences = {}
    for pair in rule.pairs:
        a, b = _paired(items, str(pair.better), str(pair.worse), str(pair.column or rule.column), grid)
        differences[pair.name] = (b - a if pair.lower_is_better else a - b).to_numpy()
    return differences


def _number_rule(claim: Claim, *quantities: str) -> NumberRule:
    rule = claim.rule
    if not isinstance(rule, NumberRule) or rule.quantity not in quantities:
        raise PipelineError(f"papers/{claim.paper}.yaml: claim {claim.id}: its rule asks for no {quantities[-1]}")
    return rule


def ratio_percent(
    claim: Claim, items: pd.DataFrame, grid: Sequence[int] | None = None, seed: int = 0, draws: int = DRAWS
) -> Ratio:
    """The gain or ratio that a number rule asks for, in percent of the item means, and the paired difference beside it.

    The interval is the bootstrap of the ratio's influence values R + (a_i - R b_i) / mean(b), whose mean is R exactly;
    so items stay paired.
    """
    rule = _number_rule(claim, "gain", "ratio")
    assert rule.neutral is not None
    a, b = (series.to_numpy() for series in _paired(items, str(rule.above), str(rule.below), str(rule.column), grid))
    ratio = a.mean() / b.mean()
    influence = 100.0 * (ratio + (a - ratio * b) / b.mean()) - (100.0 - rule.neutral)
    return Ratio(bootstrap_mean(influence, seed, draws), bootstrap_mean(a - b, seed, draws))


def mean_difference(
    claim: Claim, items: pd.DataFrame, grid: Sequence[int] | None = None, seed: int = 0, draws: int = DRAWS
) -> Interval:
    """The paired difference of item means that a number rule asks for, in the column's unit."""
    rule = _number_rule(claim, "difference")
    a, b = _paired(items, str(rule.above), str(rule.below), str(rule.column), grid)
    return bootstrap_mean((a - b).to_numpy(), seed, draws)


def mean_values(claim: Claim, items: pd.DataFrame, seed: int = 0, draws: int = DRAWS) -> Interval | dict[str, Interval]:
    """The item means of a system that a number rule asks for: one, or one for each name of `paper_value`."""
    rule = _number_rule(claim, "value")
    if rule.system is None:
        raise PipelineError(f"papers/{claim.paper}.yaml: claim {claim.id}: its rule names no system")
    system = rule.system

    def mean(column: str) -> Interval:
        return bootstrap_mean(item_scores(items, system, column).to_numpy(), seed, draws)

    if isinstance(claim.paper_value, dict):
        return {name: mean(name) for name in claim.paper_value}
    if rule.column is None:
        raise PipelineError(f"papers/{claim.paper}.yaml: claim {claim.id}: its rule names no column")
    return mean(rule.column)


def floor_systems(claim: Claim, floor: Floor) -> list[str]:
    """The systems that a claim's floor is held against: the floor's own, or else the claim's."""
    systems = floor.systems or claim.systems
    if not systems:
        raise PipelineError(f"papers/{claim.paper}.yaml: claim {claim.id}: names no models for floor `{claim.floor}`")
    return systems


def check_floor(
    floor: Floor, items: pd.DataFrame, baseline: float = 0.0, systems: Sequence[str] | None = None
) -> FloorResult:
    """Hold systems (default: the floor's own), at the table's largest bandwidth, against a floor.

    `baseline` is the value of what the floor is measured `over`, in its unit.
    """
    largest = [int(items["m"].max())] if "m" in items else None
    scores = {
        system: float(item_scores(items, system, floor.column, largest).mean()) for system in systems or floor.systems
    }
    pick = max if floor.which == "best" else min
    system = pick(scores, key=lambda name: scores[name])
    unit = f" {floor.unit}" if floor.unit else ""
    name = f"{'best' if floor.which == 'best' else 'weakest'} system {system}"
    place = f" at m = {largest[0]}" if largest else f" in {floor.column}"
    margin = scores[system] - baseline
    over = f", {margin:+.2f}{unit} to {floor.over}" if floor.over else ""
    sign = "+" if floor.over else ""
    return FloorResult(
        margin >= floor.at_least,
        f"{name}{place}: {scores[system]:.2f}{unit}{over} (floor {floor.at_least:{sign}g}{unit})",
    )


def paper_setting(preset: str, corpus_root: str | None) -> bool:
    """Whether numbers may be held against the paper's as equals: its scale (preset `paper`) on the real corpus."""
    return preset == "paper" and corpus_root is not None
