"""What lost packets do to the latency of transmission, as the real client and server were measured (beside Fig. 17; the
paper says nothing of losses).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from thinwire.figures.aucom.transmission import CHUNK_S, MINUTE_S, NOTHING, RANGES, TITLES, look_of
from thinwire.figures.style import blank, caption, key, legend_right

COLUMNS = {"link_lossy": "minute_s", "link_lossy_chunk": "chunk_s"}


def loss_table(report: Mapping[str, Any]) -> pd.DataFrame:
    """Each system, bandwidth and share of lost packets: name, system, kbps, loss_percent, seconds until the server has
    a minute that was coded beforehand (`minute_s`) and a chunk of 5 s (`chunk_s`), and how losses were made (`note`).
    Empty where nothing was measured.
    """
    found: dict[tuple[str, float, float], dict[str, Any]] = {}
    for row in report["measurements"]:
        kind, *rest = row["name"].split("/")
        if kind not in COLUMNS or row["value"] is None:
            continue
        name, kbps, loss = rest[0], float(rest[1]), float(rest[2])
        known = {"name": name, "system": TITLES[name], "kbps": kbps, "loss_percent": loss}
        found.setdefault((name, kbps, loss), known)[COLUMNS[kind]] = row["value"]
        found[name, kbps, loss]["note"] = row["note"]
    columns = ["name", "system", "kbps", "loss_percent", *COLUMNS.values(), "note"]
    return pd.DataFrame(list(found.values()), columns=columns)


def draw_losses(table: pd.DataFrame, note: str) -> Figure:
    """A minute and a chunk over the share of lost packets, a column a bandwidth."""
    if table.empty:
        return blank(NOTHING)
    speeds = sorted(set(table["kbps"]))
    fig, panels = plt.subplots(2, len(speeds), figsize=(12.6, 6.0), sharex=True, squeeze=False)
    names = list(dict.fromkeys(table["name"]))
    rows = (("minute_s", MINUTE_S, "seconds a minute of audio"), ("chunk_s", CHUNK_S, "seconds a chunk of 5 s"))
    for line, (column, seconds, what) in zip(panels, rows, strict=True):
        for axes, kbps in zip(line, speeds, strict=True):
            for name in names:
                here = table[(table["name"] == name) & (table["kbps"] == kbps)]
                axes.plot(here["loss_percent"], here[column], **look_of(name))
            axes.axhline(seconds, color="black", linestyle=":", linewidth=1.0)
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
        line[0].set_ylabel(what)
    for kbps, top, bottom in zip(speeds, *panels, strict=True):
        top.set_title(f"{kbps:g} kbit/s ({kind_of(kbps)})")
        bottom.set_xlabel("packets lost (%)")
    legend_right(fig, [key(TITLES[name], **look_of(name)) for name in names])
    caption(
        fig,
        "Lost packets are noticed and sent again (LoRa after 2 s, ZigBee and uplinks after a round trip), so all "
        "arrives, later. Medians over draws of what is lost, on a clock that skips waiting, without the edge's "
        "computing. Dotted: as long as the audio. MP3 at 64 kbps is not sent over LoRa, where the client gives its "
        "connections up. " + note,
    )
    return fig


def kind_of(kbps: float) -> str:
    """The kind of link whose range a bandwidth lies in; the first, where two have it."""
    return next((name for name, (low, high) in RANGES.items() if low <= kbps <= high), "another link")
