"""A claim, its rule, and what was measured make a verdict; every threshold stands in the rule, none here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from thinwire.claims.model import (
    Claim,
    ExactRule,
    NotTestableRule,
    NumberRule,
    OrderingRule,
    ShownRule,
    Value,
    VerdictName,
)
from thinwire.claims.verdicts import Verdict
from thinwire.errors import PipelineError
from thinwire.metrics.statistics import Interval, bootstrap_mean

R = TypeVar("R")
DRAWS = 2000


def _rule(claim: Claim, kind: type[R]) -> R:
    if not isinstance(claim.rule, kind):
        raise PipelineError(
            f"papers/{claim.paper}.yaml: claim {claim.id}: its rule is `{claim.rule.type}`, another was applied"
        )
    return claim.rule


def _verdict(
    claim: Claim,
    verdict: VerdictName,
    reason: str,
    evidence: Sequence[str],
    measured: Value = None,
    interval: Interval | None = None,
) -> Verdict:
    return Verdict(
        claim.id, claim.paper, claim.where, claim.statement, claim.paper_value, claim.unit, measured,
        None if interval is None else interval.low, None if interval is None else interval.high,
        verdict, reason, tuple(evidence),
    )  # fmt: skip


def _below_floor(claim: Claim, floor_ok: bool | None) -> bool:
    if claim.floor is not None and floor_ok is None:
        raise PipelineError(f"papers/{claim.paper}.yaml: claim {claim.id}: floor `{claim.floor}` was not measured")
    return claim.floor is not None and not floor_ok


def _join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _step(name: str, interval: Interval, items: int, minimum: int) -> tuple[VerdictName, str]:
    shown = f"{name}: {interval.mean:+.3g} [{interval.low:+.3g}, {interval.high:+.3g}] over {items} items"
    if items < minimum:
        return "inconclusive", f"{shown}, fewer than the {minimum} that the rule asks for"
    if interval.low > 0.0:
        return "reproduced", shown
    if interval.high < 0.0:
        return "contradicted", f"{shown}, on the other side of zero"
    if interval.mean == 0.0:
        return "inconclusive", f"{shown}, straddles zero with no difference to speak of"
    # The half-width of a bootstrap interval shrinks with the square root of the number of items.
    needed = math.ceil(items * ((interval.high - interval.low) / 2.0 / abs(interval.mean)) ** 2) + 1
    return "inconclusive", f"{shown}, straddles zero; at this size of difference about {needed} items would settle it"


def judge_ordering(
    claim: Claim,
    differences: Mapping[str, np.ndarray] | np.ndarray,
    floor_ok: bool | None,
    reason: str = "",
    *,
    evidence: Sequence[str] = (),
    seed: int = 0,
    draws: int = DRAWS,
) -> Verdict:
    """Judge an ordering by paired differences over test items, each array (items,), better minus worse.

    `differences` is one array for a rule of one pair, else a mapping by pair name. The row shows the weakest pair, the
    reason all of them. Raises PipelineError when the pairs are not the rule's, or an item is not finite.
    """
    rule = _rule(claim, OrderingRule)
    names = [pair.name for pair in rule.pairs]
    if not isinstance(differences, Mapping):
        differences = {names[0] if len(names) == 1 else "difference": np.asarray(differences)}
    if (names and set(differences) != set(names)) or len(differences) < rule.at_least:
        wanted = ", ".join(names) if names else f"at least {rule.at_least}"
        raise PipelineError(
            f"papers/{claim.paper}.yaml: claim {claim.id}: rule.pairs: wants {wanted}, got {', '.join(differences)}"
        )
    steps: list[tuple[VerdictName, Interval, str]] = []
    for name in names or differences:
        values = np.asarray(differences[name], np.float64).ravel()
        if values.size == 0 or not np.isfinite(values).all():
            raise PipelineError(
                f"claim {claim.id}: pair {name}: {values.size} differences, not all of them finite numbers"
            )
        interval = bootstrap_mean(values, seed, draws)
        verdict, text = _step(name, interval, values.size, rule.min_items)
        steps.append((verdict, interval, text))
    order: list[VerdictName] = ["contradicted", "inconclusive", "reproduced"]
    verdict, weakest, _ = min(
        steps, key=lambda step: (order.index(step[0]), step[1].mean / max(step[1].high - step[1].low, 1e-12))
    )
    texts = "; ".join(text for _, _, text in steps)
    if _below_floor(claim, floor_ok):
        return _verdict(
            claim, "inconclusive", _join("models below the floor", reason, texts), evidence, weakest.mean, weakest
        )
    return _verdict(claim, verdict, _join(texts, reason), evidence, weakest.mean, weakest)


def judge_number(
    claim: Claim,
    measured: float,
    interval: Interval,
    same_setting: bool,
    *,
    floor_ok: bool | None = None,
    reason: str = "",
    evidence: Sequence[str] = (),
) -> Verdict:
    """Judge a number by its 95 % interval against the paper's value; `same_setting`: is the setting the paper's?

    Outside the paper's setting the best verdict is inconclusive: agreement there would be a coincidence, and the
    orderings are what is testable.
    """
    rule = _rule(claim, NumberRule)
    assert isinstance(claim.paper_value, float)
    value = claim.paper_value
    text = f"measured {measured:.3g} [{interval.low:.3g}, {interval.high:.3g}] {claim.unit} against {value:g}"
    neutral = f"no difference ({rule.neutral:g} {claim.unit})"
    if interval.low > rule.neutral:
        side = f"interval above {neutral}"
    elif interval.high < rule.neutral:
        side = f"interval below {neutral}"
    else:
        side = f"interval includes {neutral}"
    if _below_floor(claim, floor_ok):
        verdict: VerdictName = "inconclusive"
        text = f"models below the floor; {text}"
    elif same_setting:
        if abs(measured - value) <= rule.tolerance:
            verdict = "within_tolerance"
        elif interval.low <= value + rule.tolerance and interval.high >= value - rule.tolerance:
            verdict = "inconclusive"
            text += f", outside +-{rule.tolerance:g} though the interval reaches it: more test items would settle it"
        else:
            verdict = "differs"
    elif interval.low <= value <= interval.high:
        verdict = "inconclusive"
        text += ", inside the interval, but the setting is not the paper's: it would take the paper's scale and corpus"
    else:
        verdict = "differs"
        text += "; the setting is not the paper's"
    return _verdict(claim, verdict, _join(text, side, reason), evidence, measured, interval)


def judge_exact(
    claim: Claim, measured: Value, holds: bool, *, reason: str = "", evidence: Sequence[str] = ()
) -> Verdict:
    """Judge a statement that holds or does not; `holds` is the outcome of the rule's `holds_when`."""
    rule = _rule(claim, ExactRule)
    text = f"{'holds' if holds else 'does not hold'}: {rule.holds_when}"
    return _verdict(claim, rule.holds if holds else rule.otherwise, _join(text, reason), evidence, measured)


def judge_shown(
    claim: Claim, checks: Mapping[str, bool], measured: Value = None, *, reason: str = "", evidence: Sequence[str] = ()
) -> Verdict:
    """Judge a picture by the rule's named checks; raises PipelineError for other checks, or if no picture is named."""
    rule = _rule(claim, ShownRule)
    if set(checks) != set(rule.checks):
        wanted, got = ", ".join(rule.checks), ", ".join(checks)
        raise PipelineError(f"papers/{claim.paper}.yaml: claim {claim.id}: rule.checks: wants {wanted}, got {got}")
    if not evidence:
        raise PipelineError(f"claim {claim.id}: a picture is judged, so `evidence` must name it")
    failed = [text for name, text in rule.checks.items() if not checks[name]]
    text = f"drawn, but not so: {'; '.join(failed)}" if failed else f"drawn, and so: {'; '.join(rule.checks.values())}"
    return _verdict(claim, rule.otherwise if failed else "reproduced", _join(text, reason), evidence, measured)


def not_testable(claim: Claim, measured: Value = None, *, reason: str = "", evidence: Sequence[str] = ()) -> Verdict:
    """The verdict of a claim that cannot be decided here; what was measured all the same is printed."""
    rule = _rule(claim, NotTestableRule)
    return _verdict(claim, "not_testable", _join(rule.reason, reason), evidence, measured)
