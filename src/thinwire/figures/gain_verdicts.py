"""The verdicts on Fig. 3b, 3c and the abstract, by the rules of `papers/`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from thinwire.claims import (
    Verdict,
    judge_exact,
    judge_number,
    judge_ordering,
    not_testable,
    ordering_differences,
    paper_setting,
    ratio_percent,
)
from thinwire.claims.model import OrderingRule
from thinwire.figures.paths import Page
from thinwire.figures.results import METRIC, SEED, floor_of, paired
from thinwire.metrics.statistics import bootstrap_mean

NUMBERS = (
    "abstract.agnostic_gain",
    "abstract.aware_gain",
    "fig3b.e4d1_gain",
    "fig3b.e2d1_gain",
    "fig3b.e2d1_vs_jae",
    "fig3c.e4d1_gain",
    "fig3c.e2d1_gain",
    "fig3c.vs_jae",
)
ORDERINGS = ("fig3b_order", "fig3b.e2_beats_e4", "fig3c_order", "aware_beats_agnostic")


def crossings(table: pd.DataFrame, page: Page, claim: str) -> str:
    """Where the order of an ordering claim turns round along the grid; `table` is `results.curves`."""
    rule = page.claims[claim].rule
    assert isinstance(rule, OrderingRule)
    means = (
        table[table["metric"] == METRIC]
        .assign(key=table["run"] + "/" + table["bottleneck"])
        .pivot_table(index="m", columns="key", values="mean")
    )
    found = []
    for pair in rule.pairs:
        below = means.index[means[pair.better] < means[pair.worse]]
        if len(below):
            found.append(f"{pair.name} not at m = {', '.join(str(m) for m in below)}")
    return "by means: " + ("; ".join(found) if found else "no crossing along the grid")


def near_bound(page: Page, items: pd.DataFrame) -> dict[str, np.ndarray]:
    """Per item: ratio to the joint coder over the lowest third of the grid minus that over the highest third."""
    grid = sorted(page.params.evaluation.ndpca.grid)
    third = max(1, len(grid) // 3)
    out = {}
    for arch in ("E2D1", "E4D1"):
        ratios = []
        for part in (grid[:third], grid[-third:]):
            per_m = [
                np.divide(*paired(items, f"{arch[:2].lower()}_ndpca_aware/ndpca", "e1_aware/ndpca", METRIC, [m]))
                for m in part
            ]
            ratios.append(np.mean(per_m, axis=0))
        out[arch] = ratios[0] - ratios[1]
    return out


def single_model(page: Page, items: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """One model against one model a rate at the same m (dB), and the low end of the interval of its rise along the
    grid.
    """
    one = "e4_ndpca_agnostic/ndpca"
    rows = []
    for run in sorted(run for run in items["run"].unique() if page.params.run(run).bottleneck == "fixed"):
        m = int(items[items["run"] == run]["m"].iloc[0])
        a, b = paired(items, one, f"{run}/fixed", METRIC, [m])
        gap = bootstrap_mean(a - b, SEED, page.params.evaluation.bootstrap)
        rows.append((m, a.mean(), b.mean(), gap.mean, gap.low, gap.high))
    grid = page.params.evaluation.ndpca.grid
    ends = [paired(items, one, one, METRIC, [m])[0] for m in (max(grid), min(grid))]
    rise = bootstrap_mean(ends[0] - ends[1], SEED, page.params.evaluation.bootstrap)
    table = pd.DataFrame(rows, columns=["m", "one_model_db", "own_model_db", "difference", "low", "high"])
    return table.sort_values("m", ignore_index=True), rise.low


def judge(page: Page, items: pd.DataFrame, table: pd.DataFrame) -> list[Verdict]:
    """All claims of Fig. 3b and 3c and of the abstract. `items` holds every run of the section; `table` is
    `results.curves`.
    """
    params, claims = page.params, page.claims
    seed, draws, grid = SEED, params.evaluation.bootstrap, params.evaluation.ndpca.grid
    same = paper_setting(params.preset, params.corpora.chime6.root)
    figures = [page.evidence("figures", "psnr_vs_bandwidth")]
    verdicts = []
    for name in NUMBERS:
        claim = claims[f"ndpca.{name}"]
        ratio = ratio_percent(claim, items, grid, seed, draws)
        floor = floor_of(page, claim.id)
        difference = ratio.difference
        text = f"{difference.mean:+.2f} dB [{difference.low:+.2f}, {difference.high:+.2f}]; {floor.reason}"
        sources = [page.evidence("tables", "ratio_to_joint" if claim.id.endswith("jae") else "gains"), *figures]
        verdicts.append(judge_number(claim, ratio.percent, same, floor_ok=floor.ok, reason=text, evidence=sources))
    for name in ORDERINGS:
        claim = claims[f"ndpca.{name}"]
        floor = floor_of(page, claim.id)
        reason = f"{crossings(table, page, claim.id)}; {floor.reason}"
        sources = [page.evidence("tables", "targets" if name.startswith("aware") else "psnr"), *figures]
        values = ordering_differences(claim, items, grid)
        verdicts.append(judge_ordering(claim, values, floor.ok, reason, evidence=sources, seed=seed, draws=draws))
    bound = claims["ndpca.abstract.near_bound_low_bw"]
    floor = floor_of(page, bound.id)
    sources = [page.evidence("tables", "ratio_to_joint"), page.evidence("figures", "ratio_to_joint")]
    verdicts.append(
        judge_ordering(bound, near_bound(page, items), floor.ok, floor.reason, evidence=sources, seed=seed, draws=draws)
    )
    rivals, rise = single_model(page, items)
    text = (
        f"{len(grid)} bandwidths from one model, against one model each ({len(rivals)} were trained): the one model is "
    )
    text += ", ".join(f"{row.difference:+.2f} dB at m = {row.m}" for row in rivals.itertuples())
    verdicts.append(
        judge_exact(
            claims["ndpca.abstract.single_model"],
            1.0,
            rise > 0,
            reason=text,
            evidence=[page.evidence("tables", "single_model")],
        )
    )
    verdicts.append(not_testable(claims["ndpca.no_peer_baseline"]))
    return verdicts
