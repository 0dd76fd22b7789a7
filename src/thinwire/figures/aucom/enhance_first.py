"""Does enhancing before compressing help the recogniser, by level of noise (section 4.2.1)?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.claims import Verdict
from thinwire.claims.measure import FloorResult
from thinwire.figures.aucom import runs as wing
from thinwire.figures.aucom.curves import points
from thinwire.figures.aucom.enhancement import ALL, RUN, UNKNOWN, levels_in, noise_level
from thinwire.figures.aucom.verdicts import all_of, held, judge_pairs, lossless_score, says_nothing
from thinwire.figures.aucom.whiskers import whiskers
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED, read_table
from thinwire.figures.style import caption, key, legend_right
from thinwire.metrics.statistics import Interval, bootstrap_mean

PATHS = {"clean": "clean speech", "noisy": "noisy", "enhanced": "enhanced", "gated": "enhanced if the gate opens"}
LOOK = {
    "clean": {"color": "#000000", "marker": "P", "linestyle": "--"},
    "noisy": {"color": "#7f7f7f", "marker": "s"},
    "enhanced": {"color": "#0072B2", "marker": "o"},
    "gated": {"color": "#D55E00", "marker": "^", "linestyle": "-."},
}
CODEC, RECOGNISER = "aucom_v1", "aucom_asr"
CODED = {wing.LOSSLESS: "uncompressed features", CODEC: "AUCOM v1, tau 2"}
HELPS = ("enhanced", "gated")
WIDTH = 0.12
"""Between the points of one class, in classes."""


def load(page: Page) -> pd.DataFrame:
    """tasks.parquet of the enhancer with `level`, the class of each item's SNR."""
    tasks = read_table(page, RUN, "tasks")
    return tasks.assign(level=noise_level(tasks["snr_db"]), task=wing.SPEECH, kbps=np.nan)


def error_table(page: Page, tasks: pd.DataFrame) -> pd.DataFrame:
    """Word error rate (%) of every way to the recogniser: coded, path, level (all of them, then each), wer, low, high,
    items.
    """
    both = pd.concat([tasks.assign(level=ALL), tasks], ignore_index=True)
    table = wing.measured(page, both, ["coded", "path", "level"])
    return table.drop(columns=["task", "kbps"]).rename(columns={"score": "wer"})


def saved(tasks: pd.DataFrame, coded: str, path: str, level: str = ALL, base: str = "noisy") -> np.ndarray:
    """Per item, in points of %, how many fewer word errors `path` makes than `base`; their mean is the difference of
    the two word error rates.
    """
    own = tasks[(tasks["coded"] == coded) & ((tasks["level"] == level) | (level == ALL))]
    a, b = (wing.item_scores(own[own["path"] == name]) for name in (base, path))
    shared = a.index.intersection(b.index)
    return (a[shared] - b[shared]).to_numpy()


def saved_table(page: Page, tasks: pd.DataFrame) -> pd.DataFrame:
    """Word errors saved by enhancing, always or where the gate says so, and what always would save over the gate
    (points of %, paired): coded, path, over, level, saved, low, high, items.
    """
    rows = []
    pairs = [*((path, "noisy") for path in HELPS), ("enhanced", "gated")]
    for coded in coded_in(tasks):
        for path, base in pairs:
            for level in [ALL, *levels_in(list(tasks["level"]))]:
                gain = _mean(page, saved(tasks, coded, path, level, base))
                rows.append((coded, path, base, level, gain.mean, gain.low, gain.high, gain.items))
    return pd.DataFrame(rows, columns=["coded", "path", "over", "level", "saved", "low", "high", "items"])


def heard_table(tasks: pd.DataFrame, items: Sequence[str]) -> pd.DataFrame:
    """What the recogniser made of some items on every path: segment_id, snr_db, coded, path, said, heard, errors."""
    rows = tasks[tasks["segment_id"].isin(list(items))].rename(
        columns={"truth": "said", "answer": "heard", "word_errors": "errors"}
    )
    rows = rows.sort_values(["snr_db", "segment_id"], kind="stable", ignore_index=True)
    return rows[["segment_id", "snr_db", "coded", "path", "said", "heard", "errors"]]


def noisiest(tasks: pd.DataFrame, most: int) -> list[str]:
    """The items of least SNR."""
    return [str(item) for item in tasks.groupby("segment_id")["snr_db"].first().sort_values(kind="stable").index[:most]]


def coded_in(tasks: pd.DataFrame) -> list[str]:
    """The ways of coding that the table has, uncompressed first."""
    return [coded for coded in CODED if coded in set(tasks["coded"])]


def _mean(page: Page, values: np.ndarray) -> Interval:
    return bootstrap_mean(values, SEED, page.params.evaluation.bootstrap)


def draw_errors(table: pd.DataFrame, note: str) -> Figure:
    """Word error rate by level of noise, one panel a coding, one curve a path; `table` is `error_table`."""
    levels = drawn_levels(table)
    coded = [name for name in CODED if name in set(table["coded"])]
    fig, panels = plt.subplots(1, len(coded), figsize=(4.9 * len(coded) + 1.6, 4.0), sharey=True, squeeze=False)
    for axes, name in zip(panels[0], coded, strict=True):
        for number, (path, look) in enumerate(LOOK.items()):
            rows = table[(table["coded"] == name) & (table["path"] == path)].set_index("level").reindex(levels)
            places = np.arange(len(levels)) + (number - 1.5) * WIDTH
            axes.errorbar(places, rows["wer"], whiskers(rows, "wer"), elinewidth=1.0, **look)
        level_axis(axes, levels)
        axes.set_title(CODED[name])
        axes.set_ylim(0, None)
    panels[0][0].set_ylabel(wing.SCORE_NAME[wing.SPEECH])
    legend_right(fig, [key(label, **LOOK[path]) for path, label in PATHS.items()])
    caption(
        fig,
        "The recogniser was trained on clean features, neither noisy nor enhanced ones. Same items on every path. "
        "Bars: 95 % bootstrap over items. " + note,
    )
    return fig


def draw_saved(table: pd.DataFrame, note: str) -> Figure:
    """Word errors saved over leaving the noise in, by level; above zero enhancing helps. `table` is `saved_table`."""
    table = table[table["over"] == "noisy"]
    levels = [ALL, *drawn_levels(table)]
    coded = [name for name in CODED if name in set(table["coded"])]
    fig, panels = plt.subplots(1, len(coded), figsize=(4.9 * len(coded) + 1.6, 3.8), sharey=True, squeeze=False)
    for axes, name in zip(panels[0], coded, strict=True):
        for number, path in enumerate(HELPS):
            rows = table[(table["coded"] == name) & (table["path"] == path)].set_index("level").reindex(levels)
            places = np.arange(len(levels)) + (number - 0.5) * 1.5 * WIDTH
            look = LOOK[path] | {"linestyle": "none"}
            axes.errorbar(places, rows["saved"], whiskers(rows, "saved"), elinewidth=1.4, **look)
        axes.axhline(0.0, color="black", linewidth=0.9)
        axes.axvspan(-0.5, 0.5, color="#f2f2f2", zorder=0)
        level_axis(axes, levels)
        axes.set_title(CODED[name])
    panels[0][0].set_ylabel("word errors saved (points of %)")
    legend_right(fig, [key(PATHS[path], **LOOK[path] | {"linestyle": "none"}) for path in HELPS])
    caption(
        fig,
        "Word error rate of the noisy speech less that of the path, paired; above zero it helps. Shaded: all items. "
        "Bars: 95 % bootstrap over items. " + note,
    )
    return fig


def level_axis(axes: Axes, levels: list[str]) -> None:
    """Make x one of SNR classes."""
    axes.set_xticks(np.arange(len(levels)), [level.replace(" and more", "+") for level in levels])
    axes.set_xlim(-0.5, len(levels) - 0.5)
    axes.set_xlabel("SNR (dB)")


def drawn_levels(table: pd.DataFrame) -> list[str]:
    """Levels of a table, `all` apart; items of which no SNR is known are drawn where there are no others."""
    levels = [level for level in levels_in(list(table["level"])) if level != UNKNOWN]
    return levels or [UNKNOWN]


def judge(page: Page, tasks: pd.DataFrame, gain: FloorResult) -> Verdict:
    """Section 4.2.1: does enhancing help? `gain` is `enhancement_verdicts.enhances`; `gate` judges the gate."""
    claim = page.claims["aucom.enh_helps_task"]
    lowest = drawn_levels(tasks)[0]
    found = {"all levels of noise": saved(tasks, CODEC, "enhanced"),
             "lowest SNR": saved(tasks, CODEC, "enhanced", lowest)}  # fmt: skip
    floor = all_of(gain, hears(page, tasks))
    reason = f"lowest SNR: {lowest} dB; {_beside(page, tasks)}"
    evidence = [page.evidence("tables", "saved"), page.evidence("figures", "saved")]
    return judge_pairs(page, claim.id, found, evidence, reason, floor=floor)


def hears(page: Page, tasks: pd.DataFrame) -> FloorResult:
    """The floor `speech` on clean speech without loss, on these items."""
    clean = tasks[(tasks["path"] == "clean") & (tasks["coded"] == wing.LOSSLESS)]
    ability = (points(clean) / lossless_score(page, "librispeech")).rename("ability").reset_index()
    return held(page, "speech", ability.assign(run=RECOGNISER), [RECOGNISER])


def without_information(page: Page, tasks: pd.DataFrame) -> str:
    """What captions add where `hears` fails."""
    return says_nothing([] if hears(page, tasks).ok else ["librispeech"])


def _beside(page: Page, tasks: pd.DataFrame) -> str:
    """What the other paths and codings save over noisy, in words."""
    texts = []
    for coded in coded_in(tasks):
        for path in HELPS:
            gain = _mean(page, saved(tasks, coded, path))
            if gain.items and (coded, path) != (CODEC, "enhanced"):
                texts.append(f"{path}, {CODED[coded]}: {gain.mean:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}]")
    return "; ".join(texts)
