"""The papers' claims, the rules that judge them (written before any measurement), and the verdicts."""

from __future__ import annotations

from thinwire.claims.judge import judge_exact, judge_number, judge_ordering, judge_shown, not_testable
from thinwire.claims.load import load_claims, load_paper
from thinwire.claims.measure import (
    check_floor,
    floor_systems,
    item_scores,
    mean_difference,
    mean_values,
    ordering_differences,
    paper_setting,
    ratio_percent,
)
from thinwire.claims.model import Claim, Floor, Notebook, Paper
from thinwire.claims.verdicts import Verdict, read_verdicts, write_verdicts

__all__ = [
    "Claim", "Floor", "Notebook", "Paper", "Verdict", "check_floor", "floor_systems", "item_scores",
    "judge_exact", "judge_number", "judge_ordering", "judge_shown", "load_claims", "load_paper", "mean_difference",
    "mean_values", "not_testable", "ordering_differences", "paper_setting", "ratio_percent", "read_verdicts",
    "write_verdicts",
]  # fmt: skip
