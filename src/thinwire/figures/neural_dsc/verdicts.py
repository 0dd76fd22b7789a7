"""Verdicts by the rules of `papers/neural_dsc.yaml`: their floor, their setting, and rules that name runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from thinwire.claims import Verdict, not_testable, ordering_differences
from thinwire.claims.measure import FloorResult, paper_setting
from thinwire.claims.model import OrderingRule, Value
from thinwire.figures.aucom import verdicts as shared
from thinwire.figures.aucom.verdicts import undecided
from thinwire.figures.neural_dsc.runs import load, own
from thinwire.figures.paths import Page
from thinwire.metrics.statistics import Interval

__all__ = [
    "floor_of", "judge_holds", "judge_named", "judge_pairs", "judge_picture", "judge_values", "same_setting",
    "undecided", "untestable",
]  # fmt: skip


def floor_of(page: Page, claim: str) -> FloorResult:
    """Whether the models behind a claim are strong enough, on their items with their own side information."""
    rule = page.claims[claim].floor
    if rule is None:
        return FloorResult(True, "")
    systems = page.floors[rule].systems or page.claims[claim].systems
    return shared.held(page, rule, own(load(page, systems)), systems)


def same_setting(page: Page, *corpora: str) -> bool:
    """Whether numbers may be held against the paper's as equals: its scale, and all of these corpora real ones."""
    return all(paper_setting(page.params.preset, getattr(page.params.corpora, corpus).root) for corpus in corpora)


def judge_pairs(
    page: Page, claim: str, differences: Mapping[str, np.ndarray | pd.Series], evidence: Sequence[str], reason: str = ""
) -> Verdict:  # fmt: skip
    """An ordering by the differences of its pairs over test items (better minus worse); a pair without any item leaves
    it undecided.
    """
    return shared.judge_pairs(page, claim, differences, evidence, reason, floor=floor_of(page, claim))


def judge_named(page: Page, claim: str, evidence: Sequence[str], reason: str = "") -> Verdict:
    """An ordering whose rule names the runs and the column itself; their items are read with their own side
    information.
    """
    rule = page.claims[claim].rule
    assert isinstance(rule, OrderingRule)
    differences = ordering_differences(page.claims[claim], own(load(page, rule.systems)))
    return judge_pairs(page, claim, differences, evidence, reason)


def judge_values(
    page: Page, claim: str, measured: Interval | Mapping[str, Interval], evidence: Sequence[str], reason: str = "",
    *, same: bool,
) -> Verdict:  # fmt: skip
    """A number, or several by name; `same` is `same_setting`. A number that was not measured leaves it undecided."""
    return shared.judge_values(page, claim, measured, evidence, reason, same=same, floor=floor_of(page, claim))


def judge_holds(
    page: Page, claim: str, measured: Mapping[str, float] | float | None, holds: bool | None, evidence: Sequence[str],
    reason: str = "",
) -> Verdict:  # fmt: skip
    """A statement that holds or does not; None where it could not be looked at."""
    return shared.judge_holds(page, claim, measured, holds, evidence, reason, floor=floor_of(page, claim))


def judge_picture(
    page: Page, claim: str, checks: Mapping[str, bool], measured: Mapping[str, float] | float | None,
    evidence: Sequence[str], reason: str = "",
) -> Verdict:  # fmt: skip
    """A picture by its named checks."""
    return shared.judge_picture(page, claim, checks, measured, evidence, reason, floor=floor_of(page, claim))


def untestable(page: Page, claim: str, evidence: Sequence[str], reason: str = "", measured: Value = None) -> Verdict:
    """A claim that cannot be decided here, with what was measured all the same."""
    return not_testable(page.claims[claim], measured, reason=reason, evidence=evidence)
