"""Gains, ratios to the joint coder and crossings behind Fig. 3b and 3c, and the verdicts on that paper section."""

from __future__ import annotations

from collections.abc import Sequence

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
)
from thinwire.claims import ratio_percent as rule_ratio
from thinwire.claims.model import OrderingRule
from thinwire.figures.paths import Page
from thinwire.figures.results import (
    SEED,
    System,
    bootstrap_of_means,
    floor_of,
    gain_percent,
    paired,
    ratio_percent,
)
from thinwire.metrics.statistics import bootstrap_mean

METRIC = "psnr_magnitude"
NUMBERS = (
    "abstract.agnostic_gain", "abstract.aware_gain", "fig3b.e4d1_gain", "fig3b.e2d1_gain", "fig3b.e2d1_vs_jae",
    "fig3c.e4d1_gain", "fig3c.e2d1_gain", "fig3c.vs_jae",
)  # fmt: skip
ORDERINGS = ("fig3b_order", "fig3b.e2_beats_e4", "fig3c_order", "aware_beats_agnostic")


def _of(systems: Sequence[System], setting: str, arch: str, bottleneck: str) -> System | None:
    return next((s for s in systems if (s.setting, s.arch, s.bottleneck) == (setting, arch, bottleneck)), None)


def gain_table(
    items: pd.DataFrame, systems: Sequence[System], paper: dict[tuple[str, str], float], draws: int
) -> pd.DataFrame:
    """NDPCA over each way of an equal split, averaged over the grid: in per cent (as the paper) and in dB, with 95 % intervals.

    The last comparison is with the same NDPCA model under an equal split: what allocation alone is worth. `paper` maps
    (setting, architecture) to the paper's percentage.
    """
    rows = []
    for setting, arch in ((setting, arch) for setting in ("agnostic", "aware") for arch in ("E4D1", "E2D1")):
        ours, naive = _of(systems, setting, arch, "ndpca"), _of(systems, setting, arch, "truncate")
        if ours is None or naive is None:
            continue
        others = {
            naive.name: naive.key,
            f"{arch} plain model, PCA, equal split": f"{naive.run}/pca_equal",
            f"{arch} same model, PCA, equal split": f"{ours.run}/pca_equal",
        }
        for name, other in others.items():
            a, b = paired(items, ours.key, other, METRIC)
            percent, decibel = bootstrap_of_means(a, b, gain_percent, draws), bootstrap_mean(a - b, SEED, draws)
            claimed = paper.get((setting, arch)) if other == naive.key else None
            rows.append((setting, ours.name, name, claimed, percent.mean, percent.low, percent.high,
                         decibel.mean, decibel.low, decibel.high, len(a)))  # fmt: skip
    names = [
        "setting",
        "system",
        "over",
        "paper_percent",
        "percent",
        "percent_low",
        "percent_high",
        "db",
        "db_low",
        "db_high",
        "items",
    ]
    return pd.DataFrame(rows, columns=names)


def ratio_to_joint(items: pd.DataFrame, systems: Sequence[System], draws: int) -> pd.DataFrame:
    """Each distributed system's PSNR as a share of the joint one's, per bandwidth, in per cent and in dB."""
    rows = []
    for system in systems:
        joint = _of(systems, system.setting, "E1D1", "ndpca")
        if joint is None or system.arch == "E1D1" or system.bottleneck == "fixed":
            continue
        own, others = (set(items[items["run"] == run]["m"]) for run in (system.run, joint.run))
        for m in sorted(own & others):
            a, b = paired(items, system.key, joint.key, METRIC, [m])
            percent, gap = bootstrap_of_means(a, b, ratio_percent, draws), bootstrap_mean(a - b, SEED, draws)
            rows.append((system.setting, system.name, system.arch, system.bottleneck, m, percent.mean, percent.low, percent.high,
                         gap.mean, gap.low, gap.high))  # fmt: skip
    names = [
        "setting",
        "system",
        "arch",
        "bottleneck",
        "m",
        "percent",
        "percent_low",
        "percent_high",
        "db",
        "db_low",
        "db_high",
    ]
    return pd.DataFrame(rows, columns=names)


def target_table(items: pd.DataFrame, systems: Sequence[System], draws: int) -> pd.DataFrame:
    """Aware minus agnostic for each architecture, against the clean target, the noisy target, and after enhancement (dB)."""
    rows = []
    for arch in ("E1D1", "E2D1", "E4D1"):
        aware, agnostic = (_of(systems, setting, arch, "ndpca") for setting in ("aware", "agnostic"))
        for metric in (METRIC, "psnr_magnitude_noisy", "psnr_enhanced"):
            if (
                aware is None
                or agnostic is None
                or any(items[items["run"] == s.run][metric].isna().all() for s in (aware, agnostic))
            ):
                continue
            # Metrics that cost a sampler run stand at some bandwidths only.
            have = [set(items[items["run"] == s.run].dropna(subset=[metric])["m"]) for s in (aware, agnostic)]
            a, b = paired(items, aware.key, agnostic.key, metric, sorted(have[0] & have[1]))
            interval = bootstrap_mean(a - b, SEED, draws)
            rows.append((aware.name, metric, a.mean(), b.mean(), interval.mean, interval.low, interval.high, len(a)))
    return pd.DataFrame(rows, columns=["system", "metric", "aware", "agnostic", "difference", "low", "high", "items"])


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
    """One model against one model a rate at the same m (dB), and the lower end of the interval of its PSNR from smallest to largest m."""
    one = "e4_ndpca_agnostic/ndpca"
    rows = []
    for run in sorted(run for run in items["run"].unique() if page.params.run(run).bottleneck == "fixed"):
        m = int(items[items["run"] == run]["m"].iloc[0])
        a, b = paired(items, one, f"{run}/fixed", METRIC, [m])
        gap = bootstrap_mean(a - b, SEED, page.params.evaluation.bootstrap)
        rows.append((m, a.mean(), b.mean(), gap.mean, gap.low, gap.high))
    grid = page.params.evaluation.ndpca.grid
    ends = [paired(items, one, one, METRIC, [m])[0] for m in (max(grid), min(grid))]
    rise = bootstrap_mean(ends[0] - ends[1], page.params.seed, page.params.evaluation.bootstrap)
    table = pd.DataFrame(rows, columns=["m", "one_model_db", "own_model_db", "difference", "low", "high"])
    return table.sort_values("m", ignore_index=True), rise.low


def judge(page: Page, items: pd.DataFrame, table: pd.DataFrame) -> list[Verdict]:
    """All claims of Fig. 3b and 3c and of the abstract. `items` holds every run of the section; `table` is `results.curves`."""
    params, claims = page.params, page.claims
    seed, draws, grid = params.seed, params.evaluation.bootstrap, params.evaluation.ndpca.grid
    same = paper_setting(params.preset, params.corpora.chime6.root)
    figures = [page.evidence("figures", "psnr_vs_bandwidth")]
    verdicts = []
    for name in NUMBERS:
        claim = claims[f"ndpca.{name}"]
        ratio = rule_ratio(claim, items, grid, seed, draws)
        floor = floor_of(page, claim.id)
        difference = ratio.difference
        text = f"{difference.mean:+.2f} dB [{difference.low:+.2f}, {difference.high:+.2f}]; {floor.reason}"
        sources = [page.evidence("tables", "ratio_to_joint" if claim.id.endswith("jae") else "gains"), *figures]
        verdicts.append(
            judge_number(
                claim, ratio.percent.mean, ratio.percent, same, floor_ok=floor.ok, reason=text, evidence=sources
            )
        )
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
    text = f"{len(grid)} bandwidths from one model; one model a rate needs {len(grid)}, of which {len(rivals)} were trained: the one model is "
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


def paper_gains(page: Page) -> dict[tuple[str, str], float]:
    """The paper's percentages by (setting, architecture)."""
    names = {
        ("agnostic", "E4D1"): "fig3b.e4d1",
        ("agnostic", "E2D1"): "fig3b.e2d1",
        ("aware", "E4D1"): "fig3c.e4d1",
        ("aware", "E2D1"): "fig3c.e2d1",
    }
    values = {key: page.claims[f"ndpca.{name}_gain"].paper_value for key, name in names.items()}
    return {key: value for key, value in values.items() if isinstance(value, float)}
