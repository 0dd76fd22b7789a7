"""Gains, ratios to the joint coder and targets behind Fig. 3b and 3c, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from thinwire.figures.paths import Page
from thinwire.figures.results import (
    METRIC,
    SEED,
    System,
    bootstrap_of_means,
    gain_percent,
    paired,
    ratio_percent,
)
from thinwire.metrics.statistics import Interval, bootstrap_mean


def _of(systems: Sequence[System], setting: str, arch: str, bottleneck: str) -> System | None:
    return next((s for s in systems if (s.setting, s.arch, s.bottleneck) == (setting, arch, bottleneck)), None)


def gain_table(
    items: pd.DataFrame, systems: Sequence[System], paper: dict[tuple[str, str], float], draws: int
) -> pd.DataFrame:
    """NDPCA over each way of an equal split, averaged over the grid: in per cent (as the paper) and in dB, with 95 %
    intervals.

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
            front: dict[str, Any] = {"setting": setting, "system": ours.name, "over": name, "paper_percent": claimed}
            rows.append(front | _spread("percent", percent) | _spread("db", decibel) | {"items": len(a)})
    return pd.DataFrame(rows)


def _spread(name: str, interval: Interval) -> dict[str, Any]:
    """A mean and its 95 % interval as three columns."""
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}


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
            front: dict[str, Any] = {"setting": system.setting, "system": system.name, "arch": system.arch}
            front |= {"bottleneck": system.bottleneck, "m": m}
            rows.append(front | _spread("percent", percent) | _spread("db", gap))
    return pd.DataFrame(rows)


def target_table(items: pd.DataFrame, systems: Sequence[System], draws: int) -> pd.DataFrame:
    """Aware minus agnostic for each architecture, against the clean target, the noisy target, and after enhancement
    (dB).
    """
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
