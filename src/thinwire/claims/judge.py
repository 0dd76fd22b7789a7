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
    Pair,
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


def _weak(reason: str) -> str:
    return _join("models below the floor", reason)


def _step(pair: Pair, interval: Interval, items: int, minimum: int) -> tuple[VerdictName, str]:
    shown = f"{pair.name}: {interval.mean:+.3g} [{interval.low:+.3g}, {interval.high:+.3g}] over {items} items"
    threshold = -pair.margin if pair.margin else 0.0
    side = f"{threshold:+.3g}" if pair.margin else "zero"
    if pair.margin:
        shown += f" (must exceed {side})"
    if items < minimum:
        return "inconclusive", f"{shown}, fewer than the {minimum} that the rule asks for"
    if interval.low > threshold:
        return "reproduced", shown
    if interval.high < threshold:
        return "contradicted", f"{shown}, on the other side of {side}"
    distance = interval.mean - threshold
    if distance == 0.0:
        return "inconclusive", f"{shown}, straddles {side} with no difference to speak of"
    # The half-width of a bootstrap interval shrinks with the square root of the number of items.
    needed = math.ceil(items * ((interval.high - interval.low) / 2.0 / abs(distance)) ** 2) + 1
    return "inconclusive", f"{shown}, straddles {side}; at this size of difference about {needed} items would settle it"


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
    pairs = rule.pairs or [Pair(name=name) for name in differences]
    steps: list[tuple[VerdictName, Interval, str, float]] = []
    for pair in pairs:
        name = pair.name
        values = np.asarray(differences[name], np.float64).ravel()
        if values.size == 0 or not np.isfinite(values).all():
            raise PipelineError(
                f"claim {claim.id}: pair {name}: {values.size} differences, not all of them finite numbers"
            )
        interval = bootstrap_mean(values, seed, draws)
        verdict, text = _step(pair, interval, values.size, rule.min_items)
        clear = (interval.mean + pair.margin) / max(interval.high - interval.low, 1e-12)
        steps.append((verdict, interval, text, clear))
    order: list[VerdictName] = ["contradicted", "inconclusive", "reproduced"]
    verdict, weakest, _, _ = min(steps, key=lambda step: (order.index(step[0]), step[3]))
    texts = "; ".join(text for _, _, text, _ in steps)
    if _below_floor(claim, floor_ok):
        return _verdict(claim, "inconclusive", _join(_weak(reason), texts), evidence, weakest.mean, weakest)
    return _verdict(claim, verdict, _join(texts, reason), evidence, weakest.mean, weakest)


def judge_number(
    claim: Claim,
    measured: Interval | Mapping[str, Interval],
    same_setting: bool,
    *,
    floor_ok: bool | None = None,
    reason: str = "",
    evidence: Sequence[str] = (),
) -> Verdict:
    """Judge numbers by their 95 % intervals against the paper's; `same_setting`: is the setting the paper's?

    `measured` is one interval for a claim of one number, else a mapping with the names of `paper_value`; of several the
    worst decides. Outside the paper's setting the best verdict is inconclusive: agreement there would be a coincidence,
    and the orderings are what is testable. Raises PipelineError when the names are not the claim's.
    """
    rule = _rule(claim, NumberRule)
    values, bands = _by_name(claim.paper_value), _by_name(rule.tolerance)
    found = dict(measured) if isinstance(measured, Mapping) else {"": measured}
    if set(found) != set(values):
        wanted, got = (", ".join(names) or "one number" for names in (values, found))
        raise PipelineError(f"papers/{claim.paper}.yaml: claim {claim.id}: paper_value: wants {wanted}, got {got}")
    parts = [
        _held_against(claim, f"{name} " if name else "", found[name], value, bands[name], same_setting)
        for name, value in values.items()
    ]
    order: list[VerdictName] = ["differs", "inconclusive", "within_tolerance"]
    verdict = min((part[0] for part in parts), key=order.index)
    text = "; ".join(part[1] for part in parts)
    if not same_setting:
        text += "; the setting is not the paper's"
        if verdict == "inconclusive":
            text += ": it would take the paper's scale and corpus"
    alone = found.get("")
    if alone is not None and rule.neutral is not None:
        text = _join(text, _side(alone, f"no difference ({rule.neutral:g} {claim.unit})", rule.neutral))
    means: Value = {name: interval.mean for name, interval in found.items()} if alone is None else alone.mean
    if _below_floor(claim, floor_ok):
        return _verdict(claim, "inconclusive", _join(_weak(reason), text), evidence, means, alone)
    return _verdict(claim, verdict, _join(text, reason), evidence, means, alone)


def _by_name(value: float | dict[str, float] | None) -> dict[str, float]:
    """Numbers by name; a lone one has the empty name."""
    assert value is not None
    return value if isinstance(value, dict) else {"": value}


def _held_against(
    claim: Claim, name: str, measured: Interval, value: float, tolerance: float, same_setting: bool
) -> tuple[VerdictName, str]:
    mean, low, high = measured.mean, measured.low, measured.high
    unit = "" if claim.unit == "none" else f" {claim.unit}"
    text = f"{name}measured {mean:.3g} [{low:.3g}, {high:.3g}]{unit} against {value:g}"
    if same_setting:
        if abs(mean - value) <= tolerance:
            return "within_tolerance", text
        if low <= value + tolerance and high >= value - tolerance:
            return (
                "inconclusive",
                f"{text}, outside +-{tolerance:g} though the interval reaches it: more test items would settle it",
            )
        return "differs", text
    if low <= value <= high:
        return "inconclusive", f"{text}, inside the interval"
    return "differs", text


def _side(interval: Interval, neutral: str, level: float) -> str:
    if interval.low > level:
        return f"interval above {neutral}"
    return f"interval below {neutral}" if interval.high < level else f"interval includes {neutral}"


def judge_exact(
    claim: Claim,
    measured: Value,
    holds: bool,
    *,
    floor_ok: bool | None = None,
    reason: str = "",
    evidence: Sequence[str] = (),
) -> Verdict:
    """Judge a statement that holds or does not; `holds` is the outcome of the rule's `holds_when`."""
    rule = _rule(claim, ExactRule)
    text = f"{'holds' if holds else 'does not hold'}: {rule.holds_when}"
    if _below_floor(claim, floor_ok):
        return _verdict(claim, "inconclusive", _join(_weak(reason), text), evidence, measured)
    return _verdict(claim, rule.holds if holds else rule.otherwise, _join(text, reason), evidence, measured)


def judge_shown(
    claim: Claim,
    checks: Mapping[str, bool],
    measured: Value = None,
    *,
    floor_ok: bool | None = None,
    reason: str = "",
    evidence: Sequence[str] = (),
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
    if _below_floor(claim, floor_ok):
        return _verdict(claim, "inconclusive", _join(_weak(reason), text), evidence, measured)
    return _verdict(claim, rule.otherwise if failed else "reproduced", _join(text, reason), evidence, measured)


def not_testable(claim: Claim, measured: Value = None, *, reason: str = "", evidence: Sequence[str] = ()) -> Verdict:
    """The verdict of a claim that cannot be decided here; what was measured all the same is printed."""
    rule = _rule(claim, NotTestableRule)
    return _verdict(claim, "not_testable", _join(rule.reason, reason), evidence, measured)
