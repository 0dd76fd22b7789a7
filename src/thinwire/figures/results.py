"""The evaluation tables of named runs: systems (`run/bottleneck`), curves with 95 % intervals, ratios, and captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from thinwire.artifacts import read_json
from thinwire.claims import check_floor, floor_systems, item_scores
from thinwire.claims.measure import FloorResult
from thinwire.errors import PipelineError
from thinwire.figures.paths import Page
from thinwire.figures.style import system_name
from thinwire.metrics.statistics import Interval, bootstrap_mean

SEED = 20  # of resampling and what figures draw by chance: a table and the verdict on it have one interval
METRIC = "psnr_magnitude"
# What is shown of a run: its own bottleneck; a plain autoencoder has both ways of an equal split.
SHOWN = {"ndpca": ("ndpca",), "plain": ("truncate", "pca_equal"), "fixed": ("fixed",)}


@dataclass(frozen=True)
class System:
    """A run read out through a bottleneck; `key` is `run/bottleneck`, as the rules in `papers/` name it."""

    run: str
    arch: str
    bottleneck: str
    setting: str

    @property
    def key(self) -> str:
        return f"{self.run}/{self.bottleneck}"

    @property
    def name(self) -> str:
        """How legends call it."""
        return system_name(self.arch, self.bottleneck)


def systems_of(page: Page, runs: Sequence[str]) -> list[System]:
    """The systems that named runs stand for, in order; raises ParamError for a run that `params.yaml` does not have."""
    rows = [(run, page.params.run(run)) for run in runs]
    return [System(run, row.arch, bottleneck, row.setting) for run, row in rows for bottleneck in SHOWN[row.bottleneck]]


def read_table(page: Page, run: str, name: str) -> pd.DataFrame:
    """One table of one run's results."""
    return pd.read_parquet(page.path("results", run, f"{name}.parquet"))


def load_items(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """Items of the named runs in one table; raises PipelineError for a run that was not evaluated."""
    return pd.concat([read_table(page, run, "items") for run in runs], ignore_index=True)


def rows_of(items: pd.DataFrame, system: System) -> pd.DataFrame:
    """The rows of one system."""
    return items[(items["run"] == system.run) & (items["bottleneck"] == system.bottleneck)]


def curve(rows: pd.DataFrame, metric: str, by: str = "m", draws: int = 2000) -> pd.DataFrame:
    """Mean over test items with a 95 % bootstrap interval at each value of `by`; seeds are averaged per item first.

    Columns: `by`, mean, low, high, n. Items where the metric was not computed are left out.
    """
    out = []
    for value, group in rows.dropna(subset=[metric]).groupby(by):
        scores = group.groupby("segment_id")[metric].mean().to_numpy()
        interval = bootstrap_mean(scores, SEED, draws)
        out.append((value, interval.mean, interval.low, interval.high, len(scores)))
    return pd.DataFrame(out, columns=[by, "mean", "low", "high", "n"])


def curves(items: pd.DataFrame, systems: Sequence[System], metric: str, draws: int = 2000) -> pd.DataFrame:
    """`curve` of every system, in one long table with columns system, run, arch, bottleneck, setting, metric in
    front.
    """
    frames = []
    for system in systems:
        frame = curve(rows_of(items, system), metric, draws=draws)
        front = {"system": system.name, "run": system.run, "arch": system.arch, "bottleneck": system.bottleneck}
        frames.append(frame.assign(**front, setting=system.setting, metric=metric))
    table = pd.concat(frames, ignore_index=True)
    if table.empty:
        raise PipelineError(f"column {metric}: not computed for any of {', '.join(system.key for system in systems)}")
    return table[["system", "run", "arch", "bottleneck", "setting", "metric", "m", "mean", "low", "high", "n"]]


def paired(
    items: pd.DataFrame, first: str, second: str, metric: str, grid: Sequence[int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Two systems' values on the test items that both have, each averaged over the bandwidths in `grid` (None: all)."""
    a, b = (item_scores(items, system, metric, grid) for system in (first, second))
    keys = a.index.intersection(b.index)
    if keys.empty:
        raise PipelineError(f"{first} and {second}: no test item in common; evaluate both runs again")
    return a[keys].to_numpy(), b[keys].to_numpy()


def gain_percent(a: Any, b: Any) -> Any:
    """100 (A / B - 1)."""
    return 100.0 * (a / b - 1.0)


def ratio_percent(a: Any, b: Any) -> Any:
    """100 A / B."""
    return 100.0 * a / b


def bootstrap_of_means(
    a: np.ndarray, b: np.ndarray, statistic: Callable[[Any, Any], Any], draws: int = 2000
) -> Interval:
    """A statistic of two means, with the 95 % interval from resampling the items in pairs."""
    picks = np.random.default_rng(SEED).integers(0, len(a), (draws, len(a)))
    low, high = np.percentile(statistic(a[picks].mean(1), b[picks].mean(1)), [2.5, 97.5])
    return Interval(float(statistic(a.mean(), b.mean())), float(low), float(high), len(a))


def rank_correlation(values: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Spearman correlation of each row of `values` (n, k) with `along` (k,) or its row of `along` (n, k).

    A row without any variation counts as 0: it shows no order.
    """
    a, b = rankdata(values, axis=1), rankdata(np.broadcast_to(along, values.shape), axis=1)
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    scale = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return np.divide((a * b).sum(1), scale, out=np.zeros(len(a)), where=scale > 0)


def baselines(page: Page, run: str) -> dict[str, Any]:
    """Predictors without a network on the test items (zero, mean_spectrum, in dB), what MAX was (peak), and the
    model's card.
    """
    return read_json(page.path("results", run, "baselines.json"))


def floor_of(page: Page, claim: str) -> FloorResult:
    """Whether the models are strong enough for a claim to mean anything, by the floor that its rule names (none: yes).

    Reads the items of the floor's own systems, or else of the claim's, whatever runs the notebook shows.
    """
    name = page.claims[claim].floor
    if name is None:
        return FloorResult(True, "")
    floor = page.floors[name]
    systems = floor_systems(page.claims[claim], floor)
    runs = list(dict.fromkeys(system.split("/")[0] for system in systems))
    baseline = baselines(page, runs[0])["mean_spectrum"] if floor.over else 0.0
    return check_floor(floor, load_items(page, runs), baseline, systems)


def trained(cards: Sequence[dict[str, Any]]) -> str:
    """How much training the models of these cards had, in words."""
    steps = sorted({int(card["steps"]) for card in cards})
    hours = sorted({round(card["hours_seen"] + card["init_hours_seen"], 1) for card in cards})
    init = " or ".join(sorted({_start(card["init"]) for card in cards}))
    models = "1 model, trained" if len(cards) == 1 else f"{len(cards)} models, each trained"
    batch = sorted({int(card["batch"]) for card in cards})
    return (
        f"{models} {_span(steps)} steps of {_span(batch)} items {init} "
        f"({_span(hours)} h of audio seen, repeats counted)"
    )


def _start(init: str) -> str:
    if init.startswith("scratch"):
        return "from scratch"
    return "from another run" if "/" in init else "from reference weights"


def training_note(page: Page, runs: Sequence[str], items: int | None = None) -> str:
    """The sentence that every caption ends with: how much training the models had (their cards), and on how many
    items they were tested, where the figure shows a test.
    """
    told = trained([baselines(page, run)["card"] for run in runs])
    tested = f"{items} unseen test segments of {page.params.corpora.chime6.segment_s:g} s; "
    return f"{told}; {tested if items is not None else ''}preset {page.params.preset}."


def _span(values: Sequence[float]) -> str:
    return f"{values[0]:g}" if len(values) == 1 else f"{values[0]:g} to {values[-1]:g}"
