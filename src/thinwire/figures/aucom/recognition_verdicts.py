"""The verdicts on Fig. 13 and section 5.4, by the rules of `papers/aucom.yaml`."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from thinwire.claims import Verdict, not_testable
from thinwire.claims.model import OrderingRule
from thinwire.figures.aucom import runs as wing
from thinwire.figures.aucom.curves import Reading, at_rate, losses, points
from thinwire.figures.aucom.recognition import CORPUS, RECOGNISERS, error_rate, heard_by, systems_in
from thinwire.figures.aucom.verdicts import judge_pairs
from thinwire.figures.paths import Page

STRONGLY = 5.0
"""Points that the paper calls acceptable: what is strongly worse is worse by more."""


def judge(page: Page, items: pd.DataFrame) -> list[Verdict]:
    """Fig. 13 and section 5.4, by the recogniser of the features; PocketSphinx's errors stand in the reasons."""
    systems = systems_in(items)
    evidence = [page.evidence("tables", "points"), page.evidence("figures", "word_errors")]
    lossless = items[items["family"] == wing.LOSSLESS]
    claim = page.claims["aucom.fig13_aucom_point"]
    printed = claim.paper_value
    assert isinstance(printed, dict)
    readings = {name: at_rate(items, labels, printed["kbps"]) for name, labels in systems.items()}
    ours = readings.pop("AUCOM")
    gaps = {f"AUCOM over {name}": ours.scores - other.scores for name, other in readings.items()}
    reason = _in_words(page, items, {"AUCOM": ours} | readings, printed["kbps"])
    verdicts = [judge_pairs(page, claim.id, gaps, evidence, reason, corpora=[CORPUS])]
    claim = page.claims["aucom.fig13_cs"]
    near = claim.paper_value
    assert isinstance(near, dict)
    sensing = at_rate(items, systems["compressed sensing"], near["kbps"])
    (pair,) = _pairs(page, claim.id)
    reason = _in_words(page, items, {"compressed sensing": sensing}, near["kbps"])
    verdicts.append(judge_pairs(page, claim.id, {pair: -losses(sensing, lossless)}, evidence, reason, corpora=[CORPUS]))
    claim = page.claims["aucom.fig13_feature_systems_break"]
    gaps, texts = {}, []
    for pair in _pairs(page, claim.id):
        labels = systems[pair.split(",")[0]]
        high, low = (at_rate(items, labels, kbps) for kbps in (near["kbps"], 1.0))
        gaps[pair] = high.scores - low.scores - STRONGLY
        texts.append(f"{high.words} against {low.words}")
    verdicts.append(judge_pairs(page, claim.id, gaps, evidence, "; ".join(texts), corpora=[CORPUS]))
    verdicts.append(not_testable(page.claims["aucom.fig13_neural_break"], evidence=evidence))
    claim = page.claims["aucom.fig13_traditional"]
    gaps, texts = {}, []
    for pair in _pairs(page, claim.id):
        name = pair.split(",")[0]
        gap, text = _fall(items[items["label"].isin(systems[name])])
        gaps[pair] = gap - STRONGLY
        texts.append(f"{name} {text}")
    return [*verdicts, judge_pairs(page, claim.id, gaps, evidence, "; ".join(texts), corpora=[CORPUS])]


def _pairs(page: Page, claim: str) -> list[str]:
    rule = page.claims[claim].rule
    assert isinstance(rule, OrderingRule)
    return [pair.name for pair in rule.pairs]


def _fall(items: pd.DataFrame) -> tuple[pd.Series, str]:
    """Points that a codec loses from its highest nominal rate to its lowest, per item, and the error rates in words."""
    ends = items["kbps_nominal"].max(), items["kbps_nominal"].min()
    scores = [points(items[items["kbps_nominal"] == kbps]) if len(items) else pd.Series(dtype=float) for kbps in ends]
    texts = []
    for errors, recogniser in RECOGNISERS.items():
        for kbps in ends:
            rate = wing.score(items[items["kbps_nominal"] == kbps], errors, 100) if len(items) else None
            if rate is not None and rate.items:
                texts.append(f"{rate.mean:.1f} % at {kbps:g} kbps ({recogniser})")
    return (scores[0] - scores[1]).dropna(), ", ".join(texts)


def _in_words(page: Page, items: pd.DataFrame, readings: Mapping[str, Reading], kbps: float) -> str:
    """WER and rate of each system as it was read, and PocketSphinx's where it heard them."""
    heard, systems = heard_by(items, "sphinx_errors"), systems_in(items)
    texts = []
    for name, reading in readings.items():
        text = f"{name}: WER {error_rate(page, reading).mean:.1f} % ({reading.words})"
        sphinx = error_rate(page, at_rate(heard, systems[name], kbps, "sphinx_errors"))
        texts.append(text + (f", PocketSphinx {sphinx.mean:.1f} %" if sphinx.items else ""))
    return f"at {kbps:g} kbps " + "; ".join(texts)
