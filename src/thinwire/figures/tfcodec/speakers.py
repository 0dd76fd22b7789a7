"""Fig. 7b, 7c and 9: how much of the talker is left in pooled features, as pictures and as two numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.claims import Verdict
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED, rank_correlation
from thinwire.figures.style import GREY, SOURCE_COLOUR, caption, key
from thinwire.figures.tfcodec.runs import rate_style, run_name, tables_of
from thinwire.figures.tfcodec.verdicts import judge_pairs
from thinwire.metrics.statistics import bootstrap_mean

MARKS = ("o", "s", "^", "D", "v", "P")
FEATURE_NAME = {"encoder": "encoder output", "coded": "coded features", "codes": "quantised features"}


def load_speakers(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """speakers.parquet of the named runs, with the run's name."""
    table = tables_of(page, runs, "speakers")
    return table.assign(system=[run_name(page, run) for run in table["run"]])


def speaker_table(page: Page, speakers: pd.DataFrame) -> pd.DataFrame:
    """Per run and feature: silhouette and probe accuracy (%) with 95 % intervals over utterances, the silhouette in the
    drawn plane, and chance (%).
    """
    rows = []
    draws = page.params.evaluation.bootstrap
    for (run, system, feature), part in speakers.groupby(["run", "system", "feature"], sort=False):
        tight = bootstrap_mean(part["silhouette"].to_numpy(), SEED, draws)
        probe = bootstrap_mean(100.0 * part["probe_correct"].to_numpy(float), SEED, draws)
        talkers = part["speaker"].nunique()
        plane = float(part["silhouette_plane"].mean())
        rows.append(
            (system, run, page.params.run(str(run)).kbps, feature, tight.mean, tight.low, tight.high, plane, probe.mean,
             probe.low, probe.high, 100.0 * part["speaker"].value_counts().max() / len(part), talkers, len(part))
        )  # fmt: skip
    names = ["system", "run", "kbps", "feature", "silhouette", "silhouette_low", "silhouette_high",
             "silhouette_in_plane", "probe_percent", "probe_low", "probe_high", "chance_percent", "talkers",
             "utterances"]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def merge_numbers(*tables: pd.DataFrame) -> pd.DataFrame:
    """Several `speaker_table`s as one, each run and feature once."""
    return pd.concat(tables, ignore_index=True).drop_duplicates(["run", "feature"], ignore_index=True)


def draw_cloud(axes: Axes, part: pd.DataFrame, numbers: pd.Series) -> None:
    """One t-SNE picture: a colour and marker a talker, with both numbers in its title."""
    for place, (_, rows) in enumerate(part.groupby("speaker")):
        axes.plot(
            rows["tsne_x"], rows["tsne_y"], MARKS[place // len(SOURCE_COLOUR) % len(MARKS)], linestyle="none",
            color=SOURCE_COLOUR[place % len(SOURCE_COLOUR)], markersize=4, markeredgecolor="black", markeredgewidth=0.3,
        )  # fmt: skip
    axes.grid(visible=False)
    axes.set(xticks=[], yticks=[])
    axes.set_title(
        f"{part['system'].iloc[0]}\nsilhouette {numbers['silhouette']:+.2f}, probe {numbers['probe_percent']:.0f} %",
        fontsize=9,
    )


def draw_clouds(speakers: pd.DataFrame, table: pd.DataFrame, feature: str, note: str) -> Figure:
    """Fig. 7b, c or 9: the t-SNE of one feature, one picture a run, three in a row."""
    part = speakers[speakers["feature"] == feature]
    runs = list(dict.fromkeys(part["run"]))
    columns = min(3, len(runs))
    lines = int(np.ceil(len(runs) / columns))
    fig, panels = plt.subplots(lines, columns, figsize=(3.7 * columns, 3.6 * lines + 0.6), squeeze=False)
    for axes in panels.flat[len(runs) :]:
        axes.set_visible(False)
    numbers = table[table["feature"] == feature].set_index("run")
    for axes, run in zip(panels.flat, runs, strict=False):
        draw_cloud(axes, part[part["run"] == run], numbers.loc[run])
    first = numbers.iloc[0]
    caption(
        fig,
        f"t-SNE of {FEATURE_NAME[feature]}, averaged over time: one point an utterance, a colour and marker for each "
        f"of {first['talkers']} talkers. Distances between clusters mean nothing in such a picture; silhouette (1: "
        f"tight, 0: mixed) and linear probe (cross-validated; chance {first['chance_percent']:.0f} %) are measured on "
        "the pooled features themselves. " + note,
    )
    return fig


def draw_one(page: Page, run: str, feature: str) -> Figure:
    """The t-SNE of one feature of one run."""
    speakers = load_speakers(page, [run])
    return draw_clouds(speakers, speaker_table(page, speakers), feature, "")


def draw_by_rate(table: pd.DataFrame, note: str) -> Figure:
    """Silhouette and probe accuracy against the bit rate: of the quantised features and of what was to be coded."""
    fig, panels = plt.subplots(1, 2, figsize=(10.4, 3.9))
    for feature, line, aside in (("codes", "-", 0.97), ("coded", ":", 1.03)):
        rows = table[table["feature"] == feature].sort_values("kbps")
        for axes, (mean, low, high) in zip(
            panels,
            (("silhouette", "silhouette_low", "silhouette_high"), ("probe_percent", "probe_low", "probe_high")),
            strict=True,
        ):
            axes.plot(aside * rows["kbps"], rows[mean], color=GREY, linestyle=line, zorder=1)
            for row in rows.to_dict("records"):
                style = rate_style(row["kbps"]) | ({} if feature == "codes" else {"markerfacecolor": "white"})
                axes.errorbar(
                    aside * row["kbps"], row[mean], [[row[mean] - row[low]], [row[high] - row[mean]]], **style
                )
    for axes in panels:
        axes.set_xscale("log", base=2)
        axes.set_xticks(sorted(set(table["kbps"])), [f"{kbps:g}" for kbps in sorted(set(table["kbps"]))])
        axes.minorticks_off()
        axes.set_xlabel("target rate (kbit/s)")
    panels[0].axhline(0.0, color="black", linewidth=0.9)
    panels[0].set(ylabel="mean silhouette (1)", title="Do utterances of a talker cluster?")
    chance = float(table["chance_percent"].mean())
    panels[1].axhline(chance, color="black", linewidth=0.9, linestyle="--")
    panels[1].annotate("chance", (1.0, chance), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8)
    panels[1].set(ylabel="talker named by a linear probe (%)", title="Can the talker be told?", ylim=(0, 102))
    panels[0].legend(
        handles=[
            key("quantised features", color=GREY, marker="o"),
            key("before quantisation", color=GREY, marker="o", markerfacecolor="white", linestyle=":"),
        ],
        loc="best",
    )
    caption(fig, "Features averaged over time, utterances of LibriSpeech-layout talkers; 95 % bootstrap. " + note)
    return fig


def per_utterance(speakers: pd.DataFrame, feature: str, value: str) -> pd.DataFrame:
    """One value of a feature, utterances by runs, of the utterances that all runs have."""
    part = speakers[speakers["feature"] == feature]
    return part.pivot_table(index="segment_id", columns="run", values=value).dropna()


def judge(page: Page) -> list[Verdict]:
    """Fig. 7b, c by silhouettes, and Fig. 9 by silhouettes along the rate and by the probe at the lowest rate."""
    claim = page.claims["tfc.fig7bc"]
    table = per_utterance(load_speakers(page, claim.models), "coded", "silhouette")
    evidence = [page.evidence("figures", "prediction"), page.evidence("tables", "speakers")]
    gap = (table[claim.models[0]] - table[claim.models[1]]).to_numpy()
    verdicts = [judge_pairs(page, claim.id, gap, evidence, "the items are utterances")]
    claim = page.claims["tfc.fig9"]
    runs = sorted(claim.models, key=lambda run: page.params.run(run).kbps)
    speakers = load_speakers(page, runs)
    table = per_utterance(speakers, "codes", "silhouette")[runs]
    along = rank_correlation(table.to_numpy(), np.array([page.params.run(run).kbps for run in runs]))
    probe = per_utterance(speakers, "codes", "probe_correct")[runs[0]]
    differences = {"silhouette with rate": along, "not identified at 0.256 kbps": 0.5 - probe.to_numpy()}
    evidence = [page.evidence("figures", "rates"), page.evidence("figures", "by_rate")]
    verdicts.append(judge_pairs(page, claim.id, differences, evidence, "the items are utterances"))
    return verdicts
