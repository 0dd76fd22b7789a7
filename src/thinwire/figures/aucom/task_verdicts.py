"""Verdicts on Fig. 11: what AUCOM's best curve loses on each corpus at a bit rate, and how its versions are ordered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from thinwire.claims import Claim, Verdict
from thinwire.claims.model import OrderingRule
from thinwire.figures.aucom.curves import COLUMNS, at_rate, losses, points
from thinwire.figures.aucom.runs import LOSSLESS, PRINTED, SPEECH, TITLES, VARIANTS, item_means
from thinwire.figures.aucom.verdicts import NOT_THERE, STAND_IN, judge_holds, judge_pairs
from thinwire.figures.paths import Page

WITHIN = 1.0  # kbps of the abstract's five points (reading)
COMPARED_TAU = 2.0


def judge(page: Page, items: pd.DataFrame) -> list[Verdict]:
    """All claims of the notebook; `items` are those of v1 to v3 and of the task networks."""
    items = items[[*COLUMNS, "corpus", "correct", "words", "word_errors"]]
    evidence = [page.evidence("figures", "quality"), page.evidence("figures", "losses"),
                page.evidence("tables", "quality")]  # fmt: skip
    verdicts = [_curve(page, f"aucom.fig11_{known}", corpus, items, evidence) for corpus, known in PRINTED.items()]
    lost = {corpus: lost_at(items, corpus, WITHIN) for corpus in TITLES}
    return [
        *verdicts,
        _each(page, lost, evidence),
        _together(page, lost, evidence),
        _order(page, items, [page.evidence("tables", "versions")]),
        _grid(page, items),
    ]


@dataclass(frozen=True)
class Lost:
    """What AUCOM's best curve loses on a corpus at a rate: points of each test item (by segment_id), and in words."""

    items: pd.Series
    words: str


def lost_at(items: pd.DataFrame, corpus: str, kbps: float) -> Lost:
    """The loss on a corpus at a rate, against the answers without loss to the same items."""
    here = items[items["corpus"] == corpus]
    reading = at_rate(here, VARIANTS, kbps)
    mean = float(reading.scores.mean())
    words = f"at {kbps:g} kbps {100.0 - mean if _speech(here) else mean:.2f} % ({reading.words})"
    return Lost(losses(reading, here[here["label"] == LOSSLESS]), words)


def _speech(items: pd.DataFrame) -> bool:
    return set(items["task"]) == {SPEECH}


def _pairs(claim: Claim) -> list[str]:
    assert isinstance(claim.rule, OrderingRule)
    return [pair.name for pair in claim.rule.pairs]


def _curve(page: Page, claim: str, corpus: str, items: pd.DataFrame, evidence: Sequence[str]) -> Verdict:
    found = {}
    for pair in _pairs(page.claims[claim]):
        rate = re.search(r"at ([\d.]+) kbps", pair)
        assert rate is not None
        found[pair] = lost_at(items, corpus, float(rate[1]))
    here = items[(items["corpus"] == corpus) & (items["label"] == LOSSLESS)]
    plain = float(points(here).mean())
    without = f"without loss {100.0 - plain if _speech(here) else plain:.2f} %"
    told = [*([NOT_THERE] if corpus == STAND_IN else []), without, *(lost.words for lost in found.values())]
    differences = {pair: -lost.items for pair, lost in found.items()}
    return judge_pairs(page, claim, differences, evidence, "; ".join(told), corpora=[corpus])


def _each(page: Page, lost: Mapping[str, Lost], evidence: Sequence[str]) -> Verdict:
    """Every corpus for itself: the pairs stand in the order of TITLES."""
    claim = page.claims["aucom.abstract.within5"]
    pairs = dict(zip(_pairs(claim), lost.items(), strict=True))
    told = "; ".join([NOT_THERE, *(f"{TITLES[corpus]} {one.words}" for corpus, one in lost.items())])
    return judge_pairs(page, claim.id, {pair: -one.items for pair, (_, one) in pairs.items()}, evidence, told)


def _together(page: Page, lost: Mapping[str, Lost], evidence: Sequence[str]) -> Verdict:
    claim = page.claims["aucom.sec532_near1k"]
    (pair,) = _pairs(claim)
    told = ", ".join(f"{TITLES[corpus]} {one.items.mean():+.2f}" for corpus, one in lost.items())
    values = evened({corpus: -one.items.to_numpy() for corpus, one in lost.items()})
    return judge_pairs(page, claim.id, {pair: values}, evidence, f"points lost at 1 kbps: {told}; {NOT_THERE}")


def evened(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Values of the items of all corpora, weighted so that every corpus counts alike in their mean: N / (k n) for the n
    items of each of k corpora, N of all. Empty where a corpus has none.
    """
    if not all(len(part) for part in values.values()):
        return np.empty(0)
    whole = sum(len(part) for part in values.values())
    return np.concatenate([part * whole / (len(values) * len(part)) for part in values.values()])


def version_table(items: pd.DataFrame, tau: float = COMPARED_TAU) -> pd.DataFrame:
    """v1 over v2 and v2 over v3 at one tau on each corpus: corpus, pair, kbps (difference of rates), score (difference
    of scores, percentage points), items.
    """
    rows = []
    for one, two in zip(VARIANTS, VARIANTS[1:], strict=False):
        for corpus in TITLES:
            rate, score = (step(items, corpus, one, two, tau, what) for what in ("rate", "score"))
            pair = f"{one.removeprefix('aucom_')} over {two.removeprefix('aucom_')}"
            rows.append((TITLES[corpus], pair, rate.mean(), score.mean(), len(score)))
    return pd.DataFrame(rows, columns=["corpus", "pair", "kbps", "score", "items"])


def step(items: pd.DataFrame, corpus: str, one: str, two: str, tau: float, what: str) -> pd.Series:
    """Differences of two versions over the items of a corpus, of their rates or of their scores."""
    here = items[(items["corpus"] == corpus) & (items["tau"] == tau)]
    a, b = (here[here["label"] == label] for label in (one, two))
    if what == "score":
        return (points(a) - points(b)).dropna()
    return (item_means(a, ["kbps"]) - item_means(b, ["kbps"]))["kbps"].dropna()


def _order(page: Page, items: pd.DataFrame, evidence: Sequence[str]) -> Verdict:
    claim = page.claims["aucom.variants_order"]
    differences = {}
    for pair in _pairs(claim):
        what, versions = pair.split(", ")
        one, two = (f"aucom_{version}" for version in versions.split(" over "))
        steps = {corpus: step(items, corpus, one, two, COMPARED_TAU, what).to_numpy() for corpus in TITLES}
        differences[pair] = evened(steps) if what == "score" else np.concatenate(list(steps.values()))
    table = version_table(items)
    told = "; ".join(
        f"{row['pair']}, {row['corpus']}: {row['kbps']:+.2f} kbps, {row['score']:+.1f} points"
        for row in table.to_dict("records")
    )
    return judge_pairs(page, claim.id, differences, evidence, f"tau 2: {told}; {NOT_THERE}")


def _grid(page: Page, items: pd.DataFrame) -> Verdict:
    claim = page.claims["aucom.tau_grid"]
    assert isinstance(claim.paper_value, dict)
    printed = sorted(claim.paper_value.values())
    chosen = sorted(page.params.systems.aucom_codec.taus)
    coded = items[items["label"].isin(list(VARIANTS))]
    measured = [sorted(set(coded.loc[coded["label"] == run, "tau"])) for run in VARIANTS]
    holds = chosen == printed and all(taus == printed for taus in measured)
    told = f"params.yaml: {', '.join(f'{tau:g}' for tau in chosen)}"
    return judge_holds(page, claim.id, dict(zip(claim.paper_value, chosen, strict=False)), holds,
                       [page.evidence("tables", "quality")], told)  # fmt: skip
