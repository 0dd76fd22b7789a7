"""Verdicts: one row a claim, written by the notebook that judged it, read by the scoreboard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from thinwire.artifacts import read_json, write_json
from thinwire.claims.model import Value, VerdictName
from thinwire.errors import PipelineError


@dataclass(frozen=True)
class Verdict:
    """A row of the scoreboard, less its `scale`; `evidence` are paths under the repository's root (figures, tables)."""

    id: str
    paper: str
    where: str
    statement: str
    paper_value: Value
    unit: str
    measured: Value
    ci_low: float | None
    ci_high: float | None
    verdict: VerdictName
    reason: str
    evidence: tuple[str, ...] = ()


def write_verdicts(path: Path | str, verdicts: Sequence[Verdict]) -> None:
    """Write a notebook's verdicts, sorted by id; raises PipelineError when a claim is judged twice."""
    rows = sorted(verdicts, key=lambda verdict: verdict.id)
    for one, two in zip(rows, rows[1:], strict=False):
        if one.id == two.id:
            raise PipelineError(f"{path}: claim {one.id} is judged twice; keep one verdict")
    write_json(path, [asdict(row) for row in rows])


def read_verdicts(path: Path | str) -> dict[str, Verdict]:
    """Read a notebook's verdicts by claim id; raises PipelineError naming file and entry that is not a verdict."""
    rows = read_json(path)
    if not isinstance(rows, list):
        raise PipelineError(f"{path}: holds no list of verdicts; run its notebook again")
    verdicts: dict[str, Verdict] = {}
    for number, row in enumerate(rows, 1):
        try:
            verdict = Verdict(**{**row, "evidence": tuple(row["evidence"])})
        except (TypeError, KeyError) as error:
            raise PipelineError(f"{path}: entry {number}: not a verdict ({error}); run its notebook again") from error
        verdicts[verdict.id] = verdict
    return verdicts
