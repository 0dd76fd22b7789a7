"""Verdicts by the rules of `papers/aucom.yaml`: their floors and their setting, and what to say where nothing was
measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from thinwire.claims import Claim, Verdict, check_floor, judge_exact, judge_number, judge_ordering, judge_shown
from thinwire.claims.measure import FloorResult, paper_setting
from thinwire.claims.model import ExactRule, ShownRule, VerdictName
from thinwire.errors import PipelineError
from thinwire.figures.aucom.curves import points
from thinwire.figures.aucom.runs import LOSSLESS, PRINTED, SPEECH, TASK_ROWS, TITLES, load, score
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED
from thinwire.metrics.statistics import Interval

STAND_IN = "ravdess"
NOT_THERE = "VCEMO cannot be had, RAVDESS stands in"
UNQUANTISED = 1.0
"""The tau at which a codec is held to its floor."""
EVERY = tuple(TITLES)


def lossless_score(page: Page, corpus: str) -> float:
    """The score of the paper's task network without loss, in percentage points (100 less its word error rate)."""
    value = page.claims[f"aucom.fig11_{PRINTED[corpus]}"].paper_value
    assert isinstance(value, dict)
    return 100.0 - value["lossless"] if TASK_ROWS[corpus] == "aucom_asr" else value["lossless"]


def ability_table(page: Page, corpora: Sequence[str] = EVERY) -> pd.DataFrame:
    """How far each task network gets from chance to the paper's, without loss: run, segment_id, ability, where 1 is the
    paper's. Chance is 1 of the classes that occur among true and given answers; 0 for words.
    """
    frames = []
    for corpus in corpora:
        items = load(page, [TASK_ROWS[corpus]])
        items = items[(items["corpus"] == corpus) & (items["label"] == LOSSLESS)]
        scores = points(items)
        chance = 0.0
        if set(items["task"]) != {SPEECH}:
            chance = 100.0 / max(len(set(items["truth"]) | set(items["answer"])), 2)
        ability = (scores - chance) / (lossless_score(page, corpus) - chance)
        names = [f"{corpus}/{segment}" for segment in scores.index]
        frames.append(pd.DataFrame({"run": TASK_ROWS[corpus], "segment_id": names, "ability": ability.to_numpy()}))
    return pd.concat(frames, ignore_index=True)


def explained_table(page: Page, runs: Sequence[str], corpora: Sequence[str] = EVERY) -> pd.DataFrame:
    """The share of the features' variance that codecs keep at tau 1: run, segment_id, explained = 1 - mse."""
    items = load(page, runs)
    items = items[items["corpus"].isin(list(corpora)) & (items["tau"] == UNQUANTISED)].dropna(subset=["mse"])
    names = items["corpus"] + "/" + items["segment_id"]
    return pd.DataFrame({"run": items["run"], "segment_id": names, "explained": 1.0 - items["mse"]})


def floor_of(page: Page, claim: str, corpora: Sequence[str] = EVERY) -> FloorResult:
    """Whether the models behind a claim are strong enough, on the items of the corpora that it names. Raises
    PipelineError for a floor that is not of tasks or codecs: its notebook gives the result itself.
    """
    rule = page.claims[claim].floor
    if rule is None:
        return FloorResult(True, "")
    floor = page.floors[rule]
    systems = floor.systems or page.claims[claim].systems
    if floor.column == "ability":
        systems = [system for system in systems if system in {TASK_ROWS[corpus] for corpus in corpora}]
        return held(page, rule, ability_table(page, corpora), systems)
    if floor.column == "explained":
        return held(page, rule, explained_table(page, systems, corpora), systems)
    raise PipelineError(f"claim {claim}: floor {rule} is held to {floor.column}; its notebook has to give the result")


def without_information(page: Page, corpora: Sequence[str] = EVERY) -> str:
    """`says_nothing` of those corpora whose task network misses its floor without any coding."""
    return says_nothing(
        corpus for corpus in corpora if not floor_of(page, f"aucom.fig11_{PRINTED[corpus]}", [corpus]).ok
    )


def says_nothing(corpora: Iterable[str]) -> str:
    """What a caption adds about corpora on which the server's network is too weak; empty for none."""
    weak = ", ".join(TITLES[corpus] for corpus in corpora)
    return weak and (
        f" No information in the panels of the server's network on {weak}: without any coding it misses its floor, "
        "half of what the paper's has over chance, so they do not tell what coding costs."
    )


def held(page: Page, floor: str, table: pd.DataFrame, systems: Sequence[str], baseline: float = 0.0) -> FloorResult:
    """A floor of papers/aucom.yaml on a table with columns run, segment_id and the floor's; below it where a system has
    no value at all.
    """
    column = page.floors[floor].column
    values = table.groupby("run")[column].count()
    for system in systems:
        if not values.get(system, 0):
            return FloorResult(False, f"{system}: {column} was not measured on any test item")
    return check_floor(page.floors[floor], table, baseline, list(systems))


def all_of(*floors: FloorResult) -> FloorResult:
    """Several floors together: every one must hold."""
    return FloorResult(all(floor.ok for floor in floors), "; ".join(floor.reason for floor in floors if floor.reason))


def same_setting(page: Page, corpora: Sequence[str], within: float | None = None) -> bool:
    """Whether numbers may be held against the paper's as equals: its scale, the real corpora, and (`within`, where
    scores are among them) task networks whose score without loss is the paper's so closely. Never with VCEMO's
    stand-in.
    """
    for corpus in corpora:
        root = getattr(page.params.corpora, corpus).root
        if corpus == STAND_IN or not paper_setting(page.params.preset, root):
            return False
        if within is not None:
            items = load(page, [TASK_ROWS[corpus]])
            found = score(items[(items["corpus"] == corpus) & (items["label"] == LOSSLESS)]).mean
            own = 100.0 - found if TASK_ROWS[corpus] == "aucom_asr" else found
            if not abs(own - lossless_score(page, corpus)) <= within:
                return False
    return True


def judge_pairs(
    page: Page,
    claim: str,
    differences: Mapping[str, np.ndarray | pd.Series],
    evidence: Sequence[str],
    reason: str = "",
    *,
    floor: FloorResult | None = None,
    corpora: Sequence[str] = EVERY,
) -> Verdict:
    """An ordering by the differences of its pairs over test items; values that are not finite are left out, and a pair
    without any leaves the claim undecided. `floor` replaces that of `floor_of` on the corpora.
    """
    own = floor or floor_of(page, claim, corpora)
    found = {pair: np.asarray(values, np.float64).ravel() for pair, values in differences.items()}
    found = {pair: values[np.isfinite(values)] for pair, values in found.items()}
    empty = [pair for pair, values in found.items() if not len(values)]
    if empty:
        return undecided(page, claim, f"no test item to compare: {', '.join(empty)}", evidence, _join(own, reason))
    return judge_ordering(
        page.claims[claim],
        found,
        own.ok,
        _join(own, reason),
        evidence=evidence,
        seed=SEED,
        draws=page.params.evaluation.bootstrap,
    )


def judge_values(
    page: Page,
    claim: str,
    measured: Interval | Mapping[str, Interval],
    evidence: Sequence[str],
    reason: str = "",
    *,
    same: bool = False,
    floor: FloorResult | None = None,
    corpora: Sequence[str] = EVERY,
) -> Verdict:
    """A number, or several by name; `same` is `same_setting`. A number that was not measured leaves it undecided."""
    own = floor or floor_of(page, claim, corpora)
    found = {"": measured} if isinstance(measured, Interval) else dict(measured)
    absent = [name or "the number" for name, interval in found.items() if not np.isfinite(interval.mean)]
    if absent:
        return undecided(page, claim, f"not measured: {', '.join(absent)}", evidence, _join(own, reason))
    return judge_number(
        page.claims[claim], measured, same, floor_ok=own.ok, reason=_join(own, reason), evidence=evidence
    )


def judge_holds(
    page: Page,
    claim: str,
    measured: Mapping[str, float] | float | None,
    holds: bool | None,
    evidence: Sequence[str],
    reason: str = "",
    *,
    floor: FloorResult | None = None,
    corpora: Sequence[str] = EVERY,
) -> Verdict:
    """A statement that holds or does not; None where it could not be looked at."""
    own = floor or floor_of(page, claim, corpora)
    if holds is None:
        return undecided(page, claim, "not measured", evidence, _join(own, reason))
    return judge_exact(
        page.claims[claim], _plain(measured), holds, floor_ok=own.ok, reason=_join(own, reason), evidence=evidence
    )


def judge_picture(
    page: Page,
    claim: str,
    checks: Mapping[str, bool],
    measured: Mapping[str, float] | float | None,
    evidence: Sequence[str],
    reason: str = "",
    *,
    floor: FloorResult | None = None,
    corpora: Sequence[str] = EVERY,
) -> Verdict:
    """A picture by its named checks."""
    own = floor or floor_of(page, claim, corpora)
    return judge_shown(
        page.claims[claim], checks, _plain(measured), floor_ok=own.ok, reason=_join(own, reason), evidence=evidence
    )


def undecided(page: Page, claim: str, why: str, evidence: Sequence[str], reason: str = "") -> Verdict:
    """The verdict of a claim for which there is no measurement: inconclusive where its rule has that, else that it does
    not hold.
    """
    row: Claim = page.claims[claim]
    verdict: VerdictName = "inconclusive"
    if verdict not in row.possible() and isinstance(row.rule, ExactRule | ShownRule):
        verdict = row.rule.otherwise
    return Verdict(
        row.id, row.paper, row.where, row.statement, row.paper_value, row.unit, None, None, None, verdict,
        "; ".join(part for part in (why, reason) if part), tuple(evidence),
    )  # fmt: skip


def _plain(measured: Mapping[str, float] | float | None) -> dict[str, float] | float | None:
    return {name: float(value) for name, value in measured.items()} if isinstance(measured, Mapping) else measured


def _join(floor: FloorResult, reason: str) -> str:
    return "; ".join(part for part in (floor.reason, reason) if part)
