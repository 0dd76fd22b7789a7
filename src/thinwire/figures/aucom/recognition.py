"""Fig. 13: word error rate against kbit/s for every system, by two recognisers: CTC on the features that the server
gets, and PocketSphinx on waveforms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.artifacts import read_json
from thinwire.figures.aucom import runs as wing
from thinwire.figures.aucom.curves import Reading, at_rate
from thinwire.figures.aucom.whiskers import whiskers
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED
from thinwire.figures.style import GREY, caption, key, legend_right
from thinwire.metrics.statistics import Interval, bootstrap_mean

COMPARED = "aucom_compared"
CORPUS = "librispeech"
RECOGNISERS = {"word_errors": "server's network on features", "sphinx_errors": "PocketSphinx on waveforms"}
POINT = ("family", "label", "tau", "kbps_nominal")
"""Columns that tell operating points apart."""
BUDGETS = (0.97, 2.0, 5.0, 8.0, 16.0, 64.0)
"""kbit/s at which systems are held side by side."""
SYSTEMS = {
    "AUCOM": wing.VARIANTS,
    "DeepCOD": ("aucom_deepcod",),
    "compressed sensing": ("aucom_sensing",),
    "interpolation": ("bilinear", "bicubic"),
    "MP3": ("mp3",),
    "AAC": ("aac",),
}
"""Families of curves by the names of systems in the rules."""
PRINTED = {"fig13_aucom_point": "AUCOM, Fig. 13", "table2_librispeech_v1": "AUCOM v1, Table 2",
           "table2_librispeech_v2": "AUCOM v2, Table 2", "table2_librispeech_v3": "AUCOM v3, Table 2",
           "fig13_cs": "CS, Fig. 13 (at most)"}  # fmt: skip
PAPER_LOSSLESS = 3.58
"""Whisper's word error rate (%) on uncompressed LibriSpeech, section 5.3.2."""
MOST_ADDED = 40.0
"""Points of word errors at which the picture of the low end is cut off."""
AXIS_TICKS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 256.0)


def load(page: Page, runs: Sequence[str], corpus: str = CORPUS) -> pd.DataFrame:
    """Items of the named runs on one corpus, with `family`: what is one curve in Fig. 13."""
    items = wing.load(page, runs)
    items = items[items["corpus"] == corpus].reset_index(drop=True)
    return items.assign(family=items["label"].map(wing.family))


def heard_by(items: pd.DataFrame, errors: str) -> pd.DataFrame:
    """The rows that a recogniser answered, of those test items that every operating point with any answer has."""
    answered = items.dropna(subset=[errors, "words"])
    points = answered.groupby([*POINT], dropna=False, sort=False)["segment_id"].agg(set)
    shared = set.intersection(*points) if len(points) else set()
    return answered[answered["segment_id"].isin(shared)]


def point_table(page: Page, items: pd.DataFrame, errors: str = "word_errors") -> pd.DataFrame:
    """Every operating point: recogniser, system, family, label, tau, kbps_nominal, kbps (mean measured rate), wer, low,
    high (%), items, and `added`, added_low, added_high: paired with the same words uncompressed.
    """
    heard = heard_by(items, errors)
    table = wing.measured(page, heard, POINT, errors).rename(columns={"score": "wer"})
    plain = wing.item_scores(heard[heard["family"] == wing.LOSSLESS], errors)
    added = [_added(page, rows, plain, errors) for _, rows in heard.groupby([*POINT], sort=False, dropna=False)]
    table[["added", "added_low", "added_high"]] = np.array(added).reshape(-1, 3)
    table.insert(0, "recogniser", RECOGNISERS[errors])
    table.insert(1, "system", [wing.name(label) for label in table["label"]])
    places = {family: place for place, family in enumerate(wing.order(list(table["family"])))}
    return table.drop(columns="task").sort_values(
        ["family", "kbps"], key=lambda column: column.map(places) if column.name == "family" else column,
        ignore_index=True,
    )  # fmt: skip


def _added(page: Page, rows: pd.DataFrame, plain: pd.Series, errors: str) -> tuple[float, float, float]:
    gap = (wing.item_scores(rows, errors) - plain).to_numpy()
    found = bootstrap_mean(gap, SEED, page.params.evaluation.bootstrap)
    return found.mean, found.low, found.high


def frontier(points: pd.DataFrame, column: str = "wer") -> pd.DataFrame:
    """Of one family's operating points those that no other one beats at its rate or below, lowest rate first."""
    rows = points.sort_values(["kbps", column], ignore_index=True)
    best = rows[column].cummin().shift(fill_value=np.inf)
    return rows[rows[column] < best]


def paper_points(page: Page) -> pd.DataFrame:
    """What the paper prints for LibriSpeech with Whisper: point, family, kbps, wer (%), added (to 3.58 % lossless)."""
    rows = []
    for name, label in PRINTED.items():
        value = page.claims[f"aucom.{name}"].paper_value if f"aucom.{name}" in page.claims else None
        found = _kbps_and_wer(value) if isinstance(value, dict) else None
        if found:
            rows.append((label, "aucom_sensing" if "cs" in name else "aucom", *found, found[1] - PAPER_LOSSLESS))
    return pd.DataFrame(rows, columns=["point", "family", "kbps", "wer", "added"])


def _kbps_and_wer(value: Mapping[str, float]) -> tuple[float, float] | None:
    """A printed rate with its error rate: of the whole claim, or of its Huffman line."""
    for kbps, wer in (("kbps", "wer"), ("kbps", "wer_max"), ("huffman_kbps", "huffman_wer")):
        if kbps in value and wer in value:
            return value[kbps], value[wer]
    return None


def systems_in(items: pd.DataFrame) -> dict[str, list[str]]:
    """The curves of each system of Fig. 13, by the name that the rules give it; one that was not run has a curve
    without points.
    """
    families = dict(zip(items["label"], items["family"], strict=True))
    return {
        system: [label for label in sorted(families) if families[label] in members] or list(members[:1])
        for system, members in SYSTEMS.items()
    }


def budget_table(page: Page, items: pd.DataFrame, budgets: Sequence[float] = BUDGETS) -> pd.DataFrame:
    """Every system at the same rates, as the rules read them (`curves.at_rate`): recogniser, budget_kbps, system, its
    best curve there, kbps, wer, low, high (%), items. `kbps` is above the budget where a system has no rate so low.
    """
    rows = []
    for errors, recogniser in RECOGNISERS.items():
        heard = heard_by(items, errors)
        for budget in budgets:
            for system, labels in systems_in(items).items():
                found = at_rate(heard, labels, budget, errors)
                rate = error_rate(page, found)
                row = (recogniser, budget, system, wing.name(found.label), found.kbps, rate.mean, rate.low, rate.high)
                rows.append((*row, rate.items))
    names = ["recogniser", "budget_kbps", "system", "curve", "kbps", "wer", "low", "high", "items"]
    return pd.DataFrame(rows, columns=names)


def error_rate(page: Page, reading: Reading) -> Interval:
    """Word error rate (%) of a reading with its interval."""
    return bootstrap_mean(100.0 - reading.scores.to_numpy(float), SEED, page.params.evaluation.bootstrap)


def rate_axis(axes: Axes, low: float, high: float) -> None:
    """Make x a logarithm of kbit/s with plain numbers."""
    axes.set_xscale("log")
    ticks = [tick for tick in AXIS_TICKS if low * 0.7 <= tick <= high * 1.4]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("rate (kbit/s, from bytes)")


def draw_errors(points: pd.DataFrame, note: str) -> Figure:
    """Fig. 13, a panel a recogniser: every operating point with its interval, and a line through a system's best."""
    recognisers = list(dict.fromkeys(points["recogniser"]))
    fig, panels = plt.subplots(1, len(recognisers), figsize=(6.0 * len(recognisers) + 1.2, 5.0), sharey=True,
                               squeeze=False)  # fmt: skip
    for axes, recogniser in zip(panels[0], recognisers, strict=True):
        own = points[points["recogniser"] == recogniser]
        coded = own[own["family"] != wing.LOSSLESS]
        draw_curves(axes, coded, "wer", ("low", "high"))
        plain = own.loc[own["family"] == wing.LOSSLESS, "wer"]
        if len(plain):
            axes.axhline(plain.iloc[0], **wing.style(wing.LOSSLESS))
        rate_axis(axes, points["kbps"].min(), coded["kbps"].max())
        axes.set_title(f"{recogniser}, {own['items'].max()} items")
        axes.set_ylim(0.0, min(105.0, points["high"].max() * 1.05 + 1.0))
    panels[0][0].set_ylabel(wing.SCORE_NAME[wing.SPEECH])
    legend_right(fig, _keys(points))
    caption(
        fig,
        "All words of the same items together. A line goes through the operating points of a system that none of its "
        "others beats at their rate or below. MP3 ends at 8 kbps, AAC at 12: they have no lower rates. PocketSphinx "
        "hears features through an inversion of the mel filters and Griffin-Lim. Bars: 95 % bootstrap over items. "
        + note,
    )
    return fig


def draw_curves(axes: Axes, points: pd.DataFrame, column: str, ends: tuple[str, str]) -> None:
    """Operating points against their rate with intervals, and each family's frontier in word errors."""
    for family in wing.order(list(points["family"])):
        rows, look = points[points["family"] == family], wing.style(family)
        bars = whiskers(rows, column, *ends)
        axes.errorbar(rows["kbps"], rows[column], bars, fmt="none", ecolor=look["color"], elinewidth=0.7, alpha=0.4)
        axes.plot(rows["kbps"], rows[column], **look | {"linestyle": "none", "alpha": 0.55})
        line = frontier(rows, column)
        axes.plot(line["kbps"], line[column], color=look["color"], linestyle=look.get("linestyle", "-"))


def _keys(points: pd.DataFrame) -> list:
    return [key(wing.name(family), **wing.style(family)) for family in wing.order(list(points["family"]))]


def draw_added(points: pd.DataFrame, printed: pd.DataFrame, note: str, highest_kbps: float = 12.0) -> Figure:
    """The low end: errors that coding adds to those of uncompressed features, with the paper's points, which were made
    with Whisper.
    """
    recognisers = list(dict.fromkeys(points["recogniser"]))
    low = points[(points["kbps"] <= highest_kbps) & (points["family"] != wing.LOSSLESS)]
    fig, panels = plt.subplots(1, len(recognisers), figsize=(6.0 * len(recognisers) + 1.6, 4.6), sharey=True,
                               squeeze=False)  # fmt: skip
    for axes, recogniser in zip(panels[0], recognisers, strict=True):
        draw_curves(axes, low[low["recogniser"] == recogniser], "added", ("added_low", "added_high"))
        for point in printed.itertuples():
            colour = wing.style(str(point.family))["color"] if point.family != "aucom" else "black"
            axes.plot(point.kbps, point.added, "D", color=colour, markerfacecolor="white", markersize=7, zorder=4)
        axes.axhline(0.0, color=GREY, linewidth=0.9)
        rate_axis(axes, min([*low["kbps"], *printed["kbps"]], default=1.0), highest_kbps)
        axes.set_title(recogniser)
        axes.set_ylim(max(-20.0, axes.get_ylim()[0]), min(MOST_ADDED, axes.get_ylim()[1]))
    panels[0][0].set_ylabel("added word errors (points of %)")
    keys = _keys(low)
    if len(printed):
        shown = {"color": "black", "marker": "D", "linestyle": "none", "markerfacecolor": "white"}
        keys.append(key("paper, AUCOM (Whisper)", **shown))
        keys.append(key("paper, CS (at most)", **shown | {"color": wing.style("aucom_sensing")["color"]}))
    legend_right(fig, keys)
    caption(
        fig,
        "Word error rate less that of the same recogniser on the same items without coding, paired; what features "
        "lose when PocketSphinx needs a waveform of them counts too. The paper's: 0.97 kbps, 4.95 %; Table 2 with "
        f"Huffman; CS below 5 % near 5 kbps; all less its 3.58 %. Above {MOST_ADDED:g} points the picture is cut off. "
        + note,
    )
    return fig


def unavailable(page: Page) -> pd.DataFrame:
    """Systems of Fig. 13 that were asked for and cannot be had here, with the reason."""
    reasons = read_json(page.path("results", COMPARED, "compared.json"))["unavailable"]
    return pd.DataFrame({"system": list(reasons), "reason": list(reasons.values())})


def heard_table(items: pd.DataFrame, item: str, highest_kbps: float = np.inf) -> pd.DataFrame:
    """What the recognisers made of one test item at every operating point, lowest rate first: kbps, system, tau, said,
    ctc, errors, sphinx, sphinx_errors.
    """
    rows = items[(items["segment_id"] == item) & (items["kbps"] <= highest_kbps)].sort_values("kbps")
    system = [wing.name(label) for label in rows["label"]]
    columns = {"truth": "said", "answer": "ctc", "word_errors": "errors", "sphinx_answer": "sphinx"}
    table = rows.assign(system=system).rename(columns=columns)
    return table[["kbps", "system", "tau", *columns.values(), "sphinx_errors"]].reset_index(drop=True)
