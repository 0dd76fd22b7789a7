"""Fig. 11 and section IV-E: quality against the share of lost packets, the length of bursts, and what is lost; and what
the traces look like.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.channel.packets import LONG_SHARE, burst_lengths, draw_trace, loss_rate, markov_chain, mean_burst
from thinwire.claims import Verdict
from thinwire.figures.paths import Page
from thinwire.figures.results import read_table
from thinwire.figures.style import SOURCE_COLOUR, band, caption, key, legend_right
from thinwire.figures.tfcodec.runs import METRIC_NAME, means, sounds, tables_of
from thinwire.figures.tfcodec.verdicts import judge_pairs

MEASURES = ("pesq", "stoi", "plcmos")
TRAINED = {False: "error-free training", True: "loss-aware training"}
COLOUR = {False: "#0072B2", True: "#D55E00"}
MARK = {False: "s", True: "o"}
PACKET_MS = 20  # two packets a step of 40 ms
LONGEST = 12
DRAWN = 50_000
ENERGY = {0.0: "nothing\nlost", -1.0: "least\nenergy", 0.5: "at\nrandom", 1.0: "most\nenergy"}


def load_packets(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """packets.parquet of the named runs, with the run's `loss_aware`."""
    table = tables_of(page, runs, "packets")
    return table.assign(loss_aware=[page.params.run(run).loss_aware for run in table["run"]])


def sweep_table(page: Page, packets: pd.DataFrame, sweep: str) -> pd.DataFrame:
    """Means of a sweep: run, loss_aware, value, lost_percent (realised), then measure, mean, low, high, n."""
    part = packets[packets["sweep"] == sweep]
    lost = 100.0 * part.groupby(["run", "value"])["lost_share"].mean().rename("lost_percent")
    table = means(page, part, ["run", "loss_aware", "value"], MEASURES)
    table = table.merge(lost.reset_index(), on=["run", "value"]).sort_values(["run", "measure", "value"])
    return table.dropna(subset=["mean"]).reset_index(drop=True)


def _panels(table: pd.DataFrame, height: float) -> tuple[Figure, dict[str, Axes]]:
    """A panel for each measure that was taken where something is lost."""
    taken = set(table.loc[table["value"] != 0.0, "measure"])
    shown = [measure for measure in MEASURES if measure in taken] or list(MEASURES)
    fig, panels = plt.subplots(1, len(shown), figsize=(4.2 * len(shown), height), squeeze=False)
    return fig, dict(zip(shown, panels[0], strict=True))


def _draw_curves(table: pd.DataFrame, across: str) -> tuple[Figure, list[Axes]]:
    fig, panels = _panels(table, 3.7)
    for measure, axes in panels.items():
        for aware, rows in table[table["measure"] == measure].groupby("loss_aware"):
            x, low, high = (rows[name].to_numpy(float) for name in (across, "low", "high"))
            axes.plot(x, rows["mean"], color=COLOUR[bool(aware)], marker=MARK[bool(aware)])
            band(axes, x, low, high, COLOUR[bool(aware)])
        axes.set(title=METRIC_NAME[measure].split(" (")[0], ylabel=METRIC_NAME[measure])
    keys = [key(TRAINED[aware], color=COLOUR[aware], marker=MARK[aware]) for aware in sorted(set(table["loss_aware"]))]
    legend_right(fig, keys)
    return fig, list(panels.values())


def draw_rates(table: pd.DataFrame, note: str) -> Figure:
    """Fig. 11: three measures against the loss rate."""
    fig, panels = _draw_curves(table.assign(percent=100.0 * table["value"]), "percent")
    for axes in panels:
        axes.set_xlabel("packet loss rate (%)")
    caption(
        fig,
        "Three-state Markov traces, the same for both models; two packets each 40 ms, a lost one zeroes its half of "
        "the features in the decoder. Rates are those asked of the traces; what was lost of so few clips lies up to "
        "some points beside (`loss_rate.csv`). Bands: 95 % bootstrap over clips. " + note,
    )
    return fig


def draw_bursts(table: pd.DataFrame, note: str) -> Figure:
    """The same measures against the length of bursts at equal lost time, with the paper's 120 ms."""
    fig, panels = _draw_curves(table, "value")
    for axes in panels:
        axes.axvline(120.0, color="black", linestyle=":", linewidth=1.0)
        axes.annotate("120 ms", (120.0, 0.02), xycoords=("data", "axes fraction"), xytext=(3, 0),
                      textcoords="offset points", fontsize=8)  # fmt: skip
        axes.set_xlabel("burst length (ms; 0: no loss)")
    lost = table.loc[table["value"] > 0, "lost_percent"]
    caption(
        fig,
        f"Both packets of a step are lost throughout a burst; about {lost.mean():.0f} % of a clip is lost at every "
        "length, so longer bursts are fewer. Bands: 95 % bootstrap over clips. " + note,
    )
    return fig


def draw_energy(table: pd.DataFrame, note: str) -> Figure:
    """What it costs to lose the packets of least energy, of most, or as many at random."""
    cases = [value for value in ENERGY if value in set(table["value"])]
    fig, panels = _panels(table, 3.6)
    for measure, axes in panels.items():
        for shift, (aware, rows) in zip(
            (-0.1, 0.1), table[table["measure"] == measure].groupby("loss_aware"), strict=False
        ):
            rows = rows.set_index("value").reindex(cases)
            error = [rows["mean"] - rows["low"], rows["high"] - rows["mean"]]
            axes.errorbar(
                np.arange(len(cases)) + shift, rows["mean"], error, fmt=MARK[bool(aware)], color=COLOUR[bool(aware)]
            )
        axes.set_xticks(np.arange(len(cases)), [ENERGY[value] for value in cases])
        axes.set_xlim(-0.5, len(cases) - 0.5)
        axes.grid(visible=False, axis="x")
        axes.set(
            title=METRIC_NAME[measure].split(" (")[0], ylabel=METRIC_NAME[measure], xlabel="which packets are lost"
        )
    legend_right(
        fig,
        [key(TRAINED[a], color=COLOUR[a], marker=MARK[a], linestyle="none") for a in sorted(set(table["loss_aware"]))],
    )
    lost = table.loc[table["value"] != 0, "lost_percent"].mean()
    caption(fig, f"{lost:.0f} % of the packets are lost in each case. Bars: 95 % bootstrap over clips. " + note)
    return fig


def listening(page: Page, runs: Sequence[str], percents: Sequence[int], most: int) -> dict[str, dict[str, np.ndarray]]:
    """Clips as decoded by each run without loss and at the loss rates (per cent) that were kept for listening."""
    versions: dict[str, tuple[str, str]] = {}
    for run in runs:
        name = TRAINED[page.params.run(run).loss_aware].split()[0]
        versions |= {f"{name}, no loss": (run, "decoded")}
        versions |= {f"{name}, {percent} % lost": (run, f"lost{percent}") for percent in percents}
    return sounds(page, versions, most)


def _lost(rate: float, burst: float, packets: int, seed: int) -> np.ndarray:
    return draw_trace(rate, burst, packets, np.random.default_rng(seed), LONG_SHARE).lost


def burst_table(rate: float, burst: float, seed: int = 0, packets: int = DRAWN) -> pd.DataFrame:
    """Share of the bursts (%) by their length in packets: drawn from one long trace, and in closed form."""
    lengths = burst_lengths(_lost(rate, burst, packets, seed))
    drawn = np.bincount(np.minimum(lengths, LONGEST + 1), minlength=LONGEST + 2)[1 : LONGEST + 1] / len(lengths)
    closed = markov_chain(rate, burst, LONG_SHARE).burst_shares(LONGEST)
    return pd.DataFrame({"packets": np.arange(1, LONGEST + 1), "drawn": 100.0 * drawn, "closed_form": 100.0 * closed})


def draw_traces(rate: float, burst: float, packets: int = 200, count: int = 6) -> Figure:
    """Some traces of a loss rate and mean burst (packets), and the lengths of bursts."""
    traces = [_lost(rate, burst, packets, seed) for seed in range(count)]
    table = burst_table(rate, burst)
    fig, (left, right) = plt.subplots(1, 2, figsize=(11.0, 3.0), width_ratios=[3, 2])
    extent = (0, packets * PACKET_MS / 1000, count, 0)
    left.imshow(np.array(traces), aspect="auto", cmap="Greys", interpolation="nearest", extent=extent)
    left.grid(visible=False)
    left.set(title="traces (black: lost)", xlabel="time (s)", ylabel="trace")
    right.bar(table["packets"], table["drawn"], color=SOURCE_COLOUR[0], label=f"{DRAWN} packets drawn")
    right.plot(table["packets"], table["closed_form"], "o", color=SOURCE_COLOUR[5], label="closed form")
    right.set(title="lengths of bursts", xlabel="packets lost in a row", ylabel="bursts (%)")
    right.legend()
    found = [f"{100 * loss_rate(trace):.0f} %, {mean_burst(trace):.1f}" for trace in traces]
    caption(
        fig,
        f"Asked for: {100 * rate:g} % lost, {burst:g} packets a burst. The traces from above: {'; '.join(found)}.",
    )
    return fig


def per_clip(packets: pd.DataFrame, sweep: str, measure: str) -> pd.DataFrame:
    """A measure of one run's sweep, clips by values of the sweep."""
    part = packets[packets["sweep"] == sweep]
    return part.pivot_table(index="segment_id", columns="value", values=measure).dropna()


def at(table: pd.DataFrame, value: float) -> pd.Series:
    """The column of a sweep's value, whatever its last digits."""
    return table.iloc[:, int(np.argmin(np.abs(table.columns.to_numpy(float) - value)))]


def judge(page: Page) -> list[Verdict]:
    """Fig. 11 and the two sentences of section IV-E."""
    verdicts = []
    claim = page.claims["tfc.fig11_error_free"]
    plain = read_table(page, claim.models[0], "packets")
    drops = {}
    for measure in MEASURES:
        table = per_clip(plain, "rate", measure)
        for percent in (10, 50):
            drop = at(table, 0.0) - at(table, percent / 100)
            drops[f"{measure.upper()} 0 over {percent} %"] = drop.to_numpy()
    evidence = [page.evidence("figures", "loss_rate"), page.evidence("tables", "loss_rate")]
    verdicts.append(judge_pairs(page, claim.id, drops, evidence))
    claim = page.claims["tfc.fig11_resilient"]
    tables = [read_table(page, run, "packets") for run in claim.models]
    gains = {}
    for measure in MEASURES:
        without, aware = (per_clip(table, "rate", measure) for table in tables)
        for percent in (10, 20, 30, 40, 50):
            gain = at(aware, percent / 100) - at(without, percent / 100)
            gains[f"{measure.upper()} at {percent} %"] = gain.dropna().to_numpy()
    verdicts.append(judge_pairs(page, claim.id, gains, evidence))
    claim = page.claims["tfc.burst120"]
    table = per_clip(read_table(page, claim.models[0], "packets"), "burst", "plcmos")
    lengths = np.array(table.columns, float)
    longer = table.loc[:, lengths > 120].mean(axis=1)
    bursts = {
        "up to 120 ms over longer": (table.loc[:, (lengths > 0) & (lengths <= 120)].mean(axis=1) - longer).to_numpy(),
        "no loss over longer": (at(table, 0.0) - longer).to_numpy(),
    }
    verdicts.append(
        judge_pairs(page, claim.id, bursts, [page.evidence("figures", "bursts"), page.evidence("tables", "bursts")])
    )
    claim = page.claims["tfc.low_energy_loss"]
    run = claim.models[0]
    stoi = per_clip(read_table(page, run, "packets"), "energy", "stoi")
    quiet = read_table(page, run, "items").groupby("segment_id")["low_energy_share"].mean().to_numpy()
    energy = {
        "mostly low energy": quiet - 0.5,
        "STOI, least energy lost not below nothing lost": (at(stoi, -1.0) - at(stoi, 0.0)).to_numpy(),
        "STOI, least over most energy lost": (at(stoi, -1.0) - at(stoi, 1.0)).to_numpy(),
    }
    evidence = [page.evidence("figures", "energy"), page.evidence("tables", "energy")]
    verdicts.append(judge_pairs(page, claim.id, energy, evidence))
    return verdicts
