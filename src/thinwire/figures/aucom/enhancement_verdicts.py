"""The verdicts on Table 1, by the rules of `papers/aucom.yaml`; of its 16 lines two can be measured."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from thinwire.claims import Verdict, not_testable
from thinwire.claims.measure import FloorResult
from thinwire.figures.aucom.enhancement import MEASURED, MEASURES, METHODS, RUN, paired, signed
from thinwire.figures.aucom.verdicts import held, judge_values, same_setting
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED
from thinwire.metrics.statistics import Interval, bootstrap_mean

FOUR = ("pesq", "csig", "cbak", "covl")
"""Measures in which the paper says it is best."""


def enhances(page: Page, items: pd.DataFrame) -> FloorResult:
    """The floor `enhances`: does the enhancer gain as much PESQ over its input as the weakest method of Table 1?"""
    pairs = paired(items, "pesq").reset_index()
    return held(page, "enhances", pairs.assign(run=RUN, pesq=pairs["enhanced"]), [RUN], float(pairs["noisy"].mean()))


def rank_printed(page: Page, measure: str) -> int:
    """How many methods of the printed table are better than AUComSENNet in a measure, and one."""
    values = {line: page.claims[f"aucom.table1_{line}"].paper_value for line in METHODS}
    scores = {line: value.get(measure) for line, value in values.items() if isinstance(value, dict)}
    own = scores["aucomsennet"]
    assert own is not None
    return 1 + sum(score is not None and score > own for score in scores.values())


def judge(page: Page, items: pd.DataFrame, table: pd.DataFrame) -> list[Verdict]:
    """Table 1; `table` is `table1`. `enhancer_losses` judges the claims on the losses."""
    same = same_setting(page, ["voicebank"])
    evidence = [page.evidence("tables", "table1"), page.evidence("figures", "table1")]
    verdicts = []
    for line, signal in MEASURED.items():
        rows = table[table["line"] == line].to_dict("records")
        found = {row["measure"]: Interval(row["measured"], row["low"], row["high"], row["items"]) for row in rows}
        ours = signal == "enhanced"
        verdicts.append(
            judge_values(
                page, f"aucom.table1_{line}", found, evidence,
                gains_in_words(page, items, list(MEASURES)) if ours else "", same=same,
                floor=enhances(page, items) if ours else None,
            )
        )  # fmt: skip
    for line in [line for line in METHODS if line not in MEASURED]:
        verdicts.append(not_testable(page.claims[f"aucom.table1_{line}"], evidence=evidence))
    evidence = [*evidence, page.evidence("tables", "gains"), page.evidence("tables", "sensitivity")]
    for claim, measures in {"table1_best": FOUR, "table1_ssnr_competitive": ("ssnr", "stoi")}.items():
        ranks = ", ".join(f"{measure.upper()} {rank_printed(page, measure)}" for measure in measures)
        reason = f"rank in the printed table: {ranks}; {gains_in_words(page, items, measures)}"
        verdicts.append(not_testable(page.claims[f"aucom.{claim}"], reason=reason, evidence=evidence))
    return verdicts


def gains_in_words(page: Page, items: pd.DataFrame, measures: Sequence[str]) -> str:
    """The measured gains over the noisy input."""
    texts = []
    for measure in measures:
        gain = bootstrap_mean(paired(items, measure)["gain"].to_numpy(), SEED, page.params.evaluation.bootstrap)
        texts.append(f"{measure.upper()} {signed(gain.mean, gain.low, gain.high)}")
    return "measured gain over the noisy input " + ", ".join(texts)
