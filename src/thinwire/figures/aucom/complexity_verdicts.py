"""Verdicts on Table 3, and the floor of claims on codecs from packages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from thinwire.claims import Verdict
from thinwire.claims.measure import FloorResult
from thinwire.figures.aucom.complexity import PAPER_WAY, WHOLE_WAY, lines_of, resampling_table, title
from thinwire.figures.aucom.verdicts import judge_holds
from thinwire.figures.paths import Page

RIVALS = {"encodec": ["encodec"], "dac": ["dac_16k", "dac_44k"]}
LEAST, MOST = 10.0, 1000.0  # "one to two orders of magnitude", as the rule reads it


def importable(page: Page, claim: str, missing: Mapping[str, str]) -> FloorResult:
    """The floor of a claim on codecs from packages: 1 where all that it needs was counted or timed; `missing` says what
    was not, and why.
    """
    at_least = page.floors[str(page.claims[claim].floor)].at_least
    value = 0.0 if missing else 1.0
    reasons = "; ".join(f"{name} is missing: {why}" for name, why in missing.items())
    return FloorResult(value >= at_least, reasons)


def judge(page: Page, counted: dict[str, Any]) -> list[Verdict]:
    """Table 3 line by line, the orders of magnitude that the text speaks of, and the saving by resampling."""
    lines = lines_of(counted, "paper")
    evidence = [page.evidence("tables", "table3"), page.evidence("figures", "table3")]
    verdicts = [
        _judge_line(page, counted, lines, claim, labels, near, evidence)
        for claim, (labels, near) in {
            "aucom.table3_aucom": (["aucom_v1"], (0.01, 0.01)),
            "aucom.table3_deepcod": (["aucom_deepcod"], (0.0, 0.05)),
            "aucom.table3_cs": (["aucom_sensing"], (0.05, 0.05)),
            "aucom.table3_intp": ([name for name in lines if name.startswith(("bilinear", "bicubic"))], (0.0, 0.05)),
            "aucom.table3_encodec": (["encodec"], (0.01, 0.05)),
            "aucom.table3_dac": (["dac_16k", "dac_44k"], (0.15, 0.05)),
        }.items()
    ]
    saving = resampling_table()
    told = f"n log2 n of windows of 25 ms: {saving['ratio'].iloc[1]:.3g} times"
    ratio = float(saving["ratio"].iloc[0])
    holds = round(ratio, 2) == page.claims["aucom.resample_saving"].paper_value
    place = [page.evidence("tables", "resampling")]
    resampling = judge_holds(page, "aucom.resample_saving", ratio, holds, place, told)
    return [*verdicts, _judge_order(page, counted, lines, evidence), resampling]


def _judge_line(
    page: Page,
    counted: dict[str, Any],
    lines: Mapping[str, Mapping[str, float]],
    claim: str,
    labels: Sequence[str],
    near: tuple[float, float],
    evidence: Sequence[str],
) -> Verdict:
    """One line of Table 3 by whichever of `labels` comes nearest to it; `near`: shares by which parameters and
    operations may differ.
    """
    printed = page.claims[claim].paper_value
    assert isinstance(printed, dict)
    there = {label: lines[label] for label in labels if label in lines}
    why = {title(label): counted["unavailable"][label] for label in labels if label in counted["unavailable"]}
    floor = importable(page, claim, {} if there else why) if page.claims[claim].floor else None
    if not there:
        return judge_holds(page, claim, None, None, evidence, floor=floor)
    found = {label: (line["params"], line[PAPER_WAY] / 1e9) for label, line in there.items()}
    good = {
        label: _within(params, printed["params"], near[0]) and _within(gflop, printed["gflop"], near[1])
        for label, (params, gflop) in found.items()
    }
    best = min(found, key=lambda label: (not good[label], abs(found[label][1] - printed["gflop"])))
    told = [
        f"{title(label)}: {_parameters(there[label])}, {gflop:.4g} G ({there[label][WHOLE_WAY] / 1e9:.4g} G everything "
        "counted)"
        for label, (_, gflop) in found.items()
    ]
    measured = {"params": float(found[best][0]), "gflop": float(found[best][1])}
    return judge_holds(page, claim, measured, good[best], evidence, "; ".join(told), floor=floor)


def _parameters(line: Mapping[str, float]) -> str:
    whole, rest = line["params"], line["params_without_lstm"]
    return f"{whole:,.0f} parameters" + (f" ({rest:,.0f} without LSTM)" if rest != whole else "")


def _within(value: float, printed: float, share: float) -> bool:
    return abs(value - printed) <= share * abs(printed)


def _judge_order(
    page: Page, counted: dict[str, Any], lines: Mapping[str, Mapping[str, float]], evidence: Sequence[str]
) -> Verdict:
    """How many times AUCOM's operations the other neural codecs take; every model of a package must be in range."""
    claim, ours = "aucom.table3_order", lines["aucom_v1"]
    printed = page.claims[claim].paper_value
    assert isinstance(printed, dict)
    times = {
        name: {label: lines[label][PAPER_WAY] / ours[PAPER_WAY] for label in labels if label in lines}
        for name, labels in RIVALS.items()
    }
    why = {title(RIVALS[name][0]): counted["unavailable"].get(RIVALS[name][0], "") for name in times if not times[name]}
    nearest = {
        name: min(found.values(), key=lambda value: abs(value - printed[name]))
        for name, found in times.items()
        if found
    }
    every = [value for found in times.values() for value in found.values()]
    told = [
        f"{title(label)}: {value:.3g} times AUCOM's operations as the paper counts, "
        f"{lines[label][WHOLE_WAY] / ours[WHOLE_WAY]:.3g} times with everything"
        for found in times.values()
        for label, value in found.items()
    ]
    light = {title(label): ours[PAPER_WAY] / line[PAPER_WAY] for label, line in lines.items() if _light(label)}
    told.append("AUCOM takes " + ", ".join(f"{value:,.0f} times those of {name}" for name, value in light.items()))
    holds = None if why else all(LEAST <= value <= MOST for value in every)
    return judge_holds(page, claim, nearest, holds, evidence, "; ".join(told), floor=importable(page, claim, why))


def _light(label: str) -> bool:
    return label in ("aucom_deepcod", "aucom_sensing") or label.endswith("_4x4")
