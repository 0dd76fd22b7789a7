"""Verdicts by the rules of `papers/tfcodec.yaml`, each held to its floor; every rule's own systems are read for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from thinwire.claims import (
    Claim,
    Verdict,
    judge_exact,
    judge_number,
    judge_ordering,
    mean_difference,
    mean_values,
    ordering_differences,
    paper_setting,
)
from thinwire.claims.model import NumberRule, OrderingRule
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED, floor_of, load_items
from thinwire.figures.tfcodec.runs import nominal_name
from thinwire.metrics.statistics import Interval


def judge_named(page: Page, evidence: Sequence[str]) -> list[Verdict]:
    """All claims of the notebook whose rule itself names systems and columns of items.parquet."""
    return [
        _named(page, claim, evidence) for claim in page.claims.values() if claim.notebook == page.name and _names(claim)
    ]


def _names(claim: Claim) -> bool:
    rule = claim.rule
    if isinstance(rule, OrderingRule):
        return bool(rule.pairs) and all(pair.better and (pair.column or rule.column) for pair in rule.pairs)
    return isinstance(rule, NumberRule) and bool(rule.systems)


def _named(page: Page, claim: Claim, evidence: Sequence[str]) -> Verdict:
    rule = claim.rule
    assert isinstance(rule, OrderingRule | NumberRule)
    runs = list(dict.fromkeys(system.split("/")[0] for system in rule.systems))
    items = load_items(page, runs)
    reason = rates_in_words(page, items, runs)
    if isinstance(rule, OrderingRule):
        return judge_pairs(page, claim.id, ordering_differences(claim, items), evidence, reason)
    seed, draws = SEED, page.params.evaluation.bootstrap
    if rule.quantity == "value":
        return judge_values(page, claim.id, mean_values(claim, items, seed, draws), evidence, reason)
    return judge_values(page, claim.id, mean_difference(claim, items, None, seed, draws), evidence, reason)


def rates_in_words(page: Page, items: pd.DataFrame, runs: Sequence[str]) -> str:
    """The rates that the runs came to in bytes: quality says little without them."""
    rates = items.groupby("run")["kbps_huffman"].mean()
    return "measured rates " + ", ".join(f"{nominal_name(page, run)}: {rates[run]:.3g} kbps" for run in runs)


def judge_pairs(
    page: Page,
    claim: str,
    differences: Mapping[str, np.ndarray] | np.ndarray,
    evidence: Sequence[str],
    reason: str = "",
) -> Verdict:
    """An ordering by differences that the notebook took."""
    floor = floor_of(page, claim)
    return judge_ordering(
        page.claims[claim],
        differences,
        floor.ok,
        _both(floor.reason, reason),
        evidence=evidence,
        seed=SEED,
        draws=page.params.evaluation.bootstrap,
    )


def judge_values(
    page: Page, claim: str, measured: Interval | Mapping[str, Interval], evidence: Sequence[str], reason: str = ""
) -> Verdict:
    """A number, or several by name, that the notebook took."""
    floor = floor_of(page, claim)
    same = paper_setting(page.params.preset, page.params.corpora.dns.root)
    return judge_number(
        page.claims[claim], measured, same, floor_ok=floor.ok, reason=_both(floor.reason, reason), evidence=evidence
    )


def judge_holds(
    page: Page,
    claim: str,
    measured: Mapping[str, float] | float,
    holds: bool,
    evidence: Sequence[str],
    reason: str = "",
) -> Verdict:
    """A statement that holds or does not."""
    floor = floor_of(page, claim)
    value = dict(measured) if isinstance(measured, Mapping) else measured
    return judge_exact(
        page.claims[claim], value, holds, floor_ok=floor.ok, reason=_both(floor.reason, reason), evidence=evidence
    )


def exactly(value: float) -> Interval:
    """A value that does not vary over items."""
    return Interval(value, value, value, 1)


def resampled(page: Page, per_item: pd.DataFrame, statistic: str) -> Interval:
    """Extremes or weighted mean over the steps of all items, with the interval from resampling items.

    `per_item` has columns max, min, sum, count; `statistic` is `max`, `min` or `mean`.
    """
    table = per_item.to_dict("series")
    rng = np.random.default_rng(SEED)
    picks = rng.integers(0, len(per_item), (page.params.evaluation.bootstrap, len(per_item)))
    columns = {name: column.to_numpy(float) for name, column in table.items()}
    if statistic == "mean":
        draws = columns["sum"][picks].sum(1) / columns["count"][picks].sum(1)
        value = columns["sum"].sum() / columns["count"].sum()
    else:
        pick = np.max if statistic == "max" else np.min
        draws, value = pick(columns[statistic][picks], axis=1), pick(columns[statistic])
    low, high = np.percentile(draws, [2.5, 97.5])
    return Interval(float(value), float(low), float(high), len(per_item))


def _both(first: str, second: str) -> str:
    return "; ".join(part for part in (first, second) if part)
