"""Fig. 6a, 6b without listeners: objective measures against kbit/s from bytes, beside codecs in use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.artifacts import read_json
from thinwire.claims import Verdict, not_testable
from thinwire.evaluation.listening_test import write_listening_test
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED, read_table
from thinwire.figures.style import GREY, caption, key, legend_right
from thinwire.figures.tfcodec.runs import METRIC_NAME, interval_of, run_name, sounds
from thinwire.figures.tfcodec.scores import forest, paired_items
from thinwire.metrics.statistics import paired_bootstrap

MEASURES = ("pesq", "stoi", "visqol", "plcmos")
CLASSIC = "classic"
# Colour and marker of each family of systems (Okabe and Ito).
FAMILY: dict[str, dict[str, Any]] = {
    "TF-Codec, adversarial": {"color": "#D55E00", "marker": "o"},
    "TF-Codec, without adversarial": {"color": "#D55E00", "marker": "o", "markerfacecolor": "white", "linestyle": "--"},
    "TF-Codec, conv prediction": {"color": "#CC79A7", "marker": "*", "markersize": 10, "linestyle": "none"},
    "opus": {"color": "#0072B2", "marker": "s"},
    "amr_nb": {"color": "#009E73", "marker": "^"},
    "amr_wb": {"color": "#009E73", "marker": "v", "markerfacecolor": "white"},
    "mp3": {"color": "#E69F00", "marker": "D"},
    "aac": {"color": "#56B4E9", "marker": "P"},
    "g722": {"color": "#000000", "marker": "X"},
    "speex": {"color": "#7f7f7f", "marker": "h"},
}
UNKNOWN: dict[str, Any] = {"color": GREY, "marker": "x", "linestyle": ":"}
ALONE = {"tfc.fig6.1k_lyra": "tf_1k_adv", "tfc.fig6.1k_encodec": "tf_1k_adv", "tfc.fig6.3k_neural": "tf_3k_adv",
         "tfc.fig6.6k_encodec": "tf_6k_adv"}  # fmt: skip
PROXY = {
    "tfc.abstract.1k_vs_opus9": [("tf_1k_adv", "classic/opus_9")],
    "tfc.abstract.3k_vs_evs_opus": [("tf_3k_adv", "classic/opus_12"), ("tf_3k_adv", "classic/amr_nb_12.2")],
    "tfc.fig6.6k_opus16": [("tf_6k_adv", "classic/opus_16")],
}


def family_of(page: Page, run: str) -> str:
    """The curve that a run belongs to."""
    row = page.params.run(run)
    if row.predictor != "none":
        return f"TF-Codec, {row.predictor} prediction"
    return "TF-Codec, adversarial" if row.adversarial else "TF-Codec, without adversarial"


def load_systems(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """Items of the runs and of the classic codecs in one table, with `system` (`run` or `classic/codec`), `label`,
    `kind` and `family` (what they have in common, for style and legend), `kbps` (measured from bytes, headers apart).
    """
    frames = []
    for run in runs:
        rows = read_table(page, run, "items")
        kind = family_of(page, run)
        frames.append(
            rows.assign(system=run, label=run_name(page, run), kind=kind, family=kind, kbps=rows["kbps_huffman"])
        )
    rows = read_table(page, CLASSIC, "items")
    title = rows["codec"].map(_facts(page)["titles"])
    label = title + " " + rows["kbps_target"].map("{:g} kbps".format)
    frames.append(rows.assign(system=CLASSIC + "/" + rows["codec"], label=label, kind=rows["name"], family=title))
    return pd.concat(frames, ignore_index=True)


def quality_table(page: Page, systems: pd.DataFrame) -> pd.DataFrame:
    """Per system its measured rate and the mean of every measure with its 95 % interval, lowest rate first."""
    rows = []
    for (system, label, kind, family), group in systems.groupby(["system", "label", "kind", "family"], sort=False):
        row: dict[str, Any] = {"system": system, "label": label, "kind": kind, "family": family}
        row["kbps"] = group["kbps"].mean()
        for measure in MEASURES:
            found = interval_of(page, group, measure)
            row |= {measure: found.mean, f"{measure}_low": found.low, f"{measure}_high": found.high}
            row |= {f"{measure}_items": found.items}
        rows.append(row)
    return pd.DataFrame(rows).sort_values("kbps", ignore_index=True)


def draw_quality(table: pd.DataFrame, note: str) -> Figure:
    """Four measures against kbit/s, one curve a family; bars are 95 % intervals."""
    fig, panels = plt.subplots(2, 2, figsize=(12.0, 7.2), sharex=True)
    families = table.drop_duplicates("kind").set_index("kind")["family"]
    kinds = sorted(families.index, key=lambda kind: (list(FAMILY).index(kind) if kind in FAMILY else len(FAMILY), kind))
    for axes, measure in zip(panels.flat, MEASURES, strict=True):
        for kind in kinds:
            _curve(axes, table[table["kind"] == kind].dropna(subset=[measure]), measure, FAMILY.get(kind, UNKNOWN))
        axes.set_ylabel(METRIC_NAME[measure])
        axes.set_xscale("log", base=2)
        low, high = np.log2([table["kbps"].min(), table["kbps"].max()])
        ticks = [2.0**octave for octave in range(int(np.floor(low)), int(np.ceil(high)) + 1)]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    for axes in panels[1]:
        axes.set_xlabel("rate (kbit/s, from bytes)")
    legend_right(fig, [key(families[kind], **FAMILY.get(kind, UNKNOWN)) for kind in kinds])
    caption(
        fig,
        "No listeners were asked: these measures stand in for MUSHRA and are no substitute for it; none of them was "
        "made for neural codecs. AMR-NB codes 0.3-3.4 kHz only. The paper's codec has prediction and adversarial "
        "training at once, no run here has both. Bars: 95 % bootstrap over clips; classic codecs have fewer clips. "
        + note,
    )
    return fig


def _curve(axes: Axes, rows: pd.DataFrame, measure: str, style: dict[str, Any]) -> None:
    error = [rows[measure] - rows[f"{measure}_low"], rows[f"{measure}_high"] - rows[measure]]
    axes.errorbar(rows["kbps"], rows[measure], error, fmt="none", ecolor=style["color"], elinewidth=1.0)
    axes.plot(rows["kbps"], rows[measure], **style)


def comparison_table(page: Page, systems: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Paired differences over test clips, each system minus the one it is said to beat: pair, measure, measured rates
    of both, difference, low, high, items. `pairs` holds systems (`run`) and
    rivals (`classic/codec`); columns are system and rival in front.
    """
    labels = systems.drop_duplicates("system").set_index("system")["label"]
    kbps = systems.groupby("system")["kbps"].mean()
    rows = []
    for ours, rival in pairs:
        for measure in MEASURES:
            gap = paired_bootstrap(*paired_items(systems, ours, rival, measure), SEED, page.params.evaluation.bootstrap)
            pair = (ours, rival, f"{labels[ours]} minus {labels[rival]}", measure)
            rows.append((*pair, kbps[ours], kbps[rival], gap.mean, gap.low, gap.high, gap.items))
    names = ["system", "rival", "pair", "measure", "kbps", "rival_kbps", "difference", "low", "high", "items"]
    return pd.DataFrame(rows, columns=names)


def draw_comparisons(table: pd.DataFrame, note: str) -> Figure:
    """The paper's pairs, one line each, one column a measure; right of zero: TF-Codec is better."""
    pairs = list(dict.fromkeys(table["pair"]))
    fig, panels = plt.subplots(1, len(MEASURES), figsize=(12.4, 1.6 + 0.42 * len(pairs)), sharey=True)
    for axes, measure in zip(panels, MEASURES, strict=True):
        forest(axes, pairs, table[table["measure"] == measure], ("difference", "low", "high"), None)
        axes.axvline(0.0, color=GREY, linewidth=0.9)
        name, unit = METRIC_NAME[measure].split(" (")
        axes.set(title=name, xlabel=f"difference ({unit}")
    caption(
        fig,
        "Paired differences over the same test clips, 95 % bootstrap; right of zero TF-Codec is better. The paper's "
        "statements are about MUSHRA scores of 10 listeners. " + note,
    )
    return fig


def listening(page: Page, runs: Sequence[str], codecs: Sequence[str], most: int) -> dict[str, dict[str, np.ndarray]]:
    """Clips as decoded by runs and by classic codecs, clean first."""
    versions = {run_name(page, run): (run, "decoded") for run in runs}
    titles = _facts(page)["titles"]
    rates = {codec: f"{titles[codec]} {codec.rsplit('_', 1)[1]} kbps" for codec in codecs}
    return sounds(page, versions | {name: (CLASSIC, codec) for codec, name in rates.items()}, most)


def write_test(page: Page, runs: Sequence[str], codecs: Sequence[str], clips: int) -> Path:
    """A webMUSHRA listening test of the runs and codecs below `listening_test/` of the reports; returns its folder."""
    versions = {run: (run, "decoded") for run in runs} | {codec: (CLASSIC, codec) for codec in codecs}
    heard = {
        re.sub(r"[^A-Za-z0-9_.-]+", "_", clip)[:60]: found for clip, found in sounds(page, versions, clips).items()
    }
    references = {clip: found["clean"] for clip, found in heard.items()}
    systems = {name: {clip: found[name] for clip, found in heard.items()} for name in versions}
    folder = page.out / "listening_test" / page.paper
    write_listening_test(folder, page.paper, "Speech at low bit rates", references, systems)
    return folder


def unavailable(page: Page) -> pd.DataFrame:
    """Codecs that were asked for and that this build does not have, with the reason."""
    reasons = _facts(page)["unavailable"]
    return pd.DataFrame({"codec": list(reasons), "reason": list(reasons.values())})


def _facts(page: Page) -> dict[str, Any]:
    return read_json(page.path("results", CLASSIC, "classic.json"))


def judge(page: Page, table: pd.DataFrame, comparisons: pd.DataFrame) -> list[Verdict]:
    """Fig. 6a, 6b and the abstract: nothing is decided without listeners, but what was measured is said."""
    evidence = [
        page.evidence(*where) for where in (("figures", "quality"), ("tables", "quality"), ("tables", "comparisons"))
    ]
    return [
        not_testable(
            claim,
            reason=_alone(table, ALONE.get(claim.id)) or _proxies(comparisons, PROXY.get(claim.id, ())),
            evidence=evidence,
        )
        for claim in page.claims.values()
        if claim.notebook == page.name
    ]


def _alone(table: pd.DataFrame, system: str | None) -> str:
    found = []
    for row in table[table["system"] == system].to_dict("records"):
        scores = ", ".join(f"{METRIC_NAME[measure].split()[0]} {row[measure]:.2f}" for measure in MEASURES)
        found.append(f"{row['label']} ({row['kbps']:.2f} kbps from bytes) alone: {scores}")
    return "; ".join(found)


def _proxies(comparisons: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> str:
    found = []
    for ours, rival in pairs:
        rows = comparisons[(comparisons["system"] == ours) & (comparisons["rival"] == rival)]
        if len(rows):
            gaps = ", ".join(
                f"{METRIC_NAME[str(row.measure)].split()[0]} {row.difference:+.2f} [{row.low:+.2f}, {row.high:+.2f}]"
                for row in rows.dropna(subset=["difference"]).itertuples()
            )
            rate = rows.iloc[0]
            found.append(f"{rate['pair']} ({rate['kbps']:.2f} and {rate['rival_kbps']:.2f} kbps from bytes): {gaps}")
    return "; ".join(found)
