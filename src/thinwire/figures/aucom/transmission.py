"""Fig. 17: how long audio takes to the server over links of all kinds, as the real client and server were measured."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.channel.link import LINKS
from thinwire.figures.aucom.runs import style
from thinwire.figures.style import GREY, SOURCE_COLOUR, blank, caption, key, legend_right
from thinwire.serving.protocol import FRAME_BYTES

MINUTE_S, CHUNK_S = 60.0, 5.0
TITLES = {
    "aucom_v1": "AUCOM v1",
    "aucom_v2": "AUCOM v2",
    "aucom_v3": "AUCOM v3",
    "mp3_8": "MP3, 8 kbps",
    "mp3_64": "MP3, 64 kbps",
    "aac_12": "AAC, 12 kbps",
    "pcm": "PCM, 256 kbps",
}
"""What the benchmarks call a system, and how it is called here."""
RIVALS = ("mp3_8", "mp3_64", "aac_12", "pcm")
NAME = re.compile(r"(link|link_chunk)/([a-z0-9_]+)/([0-9.]+)")
RANGES = {"LoRa": (0.3, 27.0), "ZigBee": (20.0, 250.0), "uplinks of Fig. 17": (1000.0, 20_000.0)}
"""kbit/s."""
UPLINK_KBPS = (1000.0, 20_000.0)
TRUE_CLOCK = "true clock"
NOTHING = "The report holds no transmissions: run `make bench` (part `link`)."
SUSTAINED = ("lora_300", "lora_11k_duty", "lora_11k", "lora_27k", "zigbee_20k", "zigbee_250k")


def link_table(report: Mapping[str, Any]) -> pd.DataFrame:
    """Each system at each bandwidth: name, system, kbps, seconds until the server has a minute (`minute_s`, computing
    in it), the same of a minute that was coded beforehand (`bytes_s`, NaN on slow links), until it has 5 s (`chunk_s`),
    and whether the minute ran on the true clock. Empty where nothing was measured.
    """
    rows = {row["name"]: row for row in report["measurements"]}
    found: dict[tuple[str, float], dict[str, Any]] = {}
    for name, row in rows.items():
        if not (match := NAME.fullmatch(name)) or row["value"] is None:
            continue
        system, kbps = match[2], float(match[3])
        entry = found.setdefault((system, kbps), {"name": system, "system": TITLES.get(system, system), "kbps": kbps})
        if match[1] == "link_chunk":
            entry["chunk_s"] = row["value"]
            continue
        alone = value_of(rows, f"link_bytes/{system}/{match[3]}")
        entry |= {"minute_s": row["value"], "bytes_s": alone, "true_clock": row["note"].startswith(TRUE_CLOCK)}
    columns = ["name", "system", "kbps", "minute_s", "bytes_s", "chunk_s", "true_clock"]
    order = {system: place for place, system in enumerate(TITLES)}
    table = pd.DataFrame(list(found.values()), columns=columns)
    return table.sort_values(["name", "kbps"], key=lambda one: one.map(order) if one.name == "name" else one,
                             ignore_index=True)  # fmt: skip


def conditions(report: Mapping[str, Any]) -> str:
    """What was sent, in the words of the report: which AUCOM, and which minute; empty where nothing was."""
    return next((row["what"].rpartition(",")[0] for row in report["measurements"]
                 if row["name"] == "link_payload/aucom_v1"), "")  # fmt: skip


def value_of(rows: Mapping[str, Any], name: str) -> float:
    """The value of a measurement, NaN where there is none."""
    value = rows.get(name, {}).get("value")
    return np.nan if value is None else float(value)


def lead_table(table: pd.DataFrame) -> pd.DataFrame:
    """AUCOM v1, computing in it, against the bytes of each other system, a minute over uplinks of 1 to 20 Mbps: seconds
    of both, the lead in seconds and in per cent of the other's.
    """
    own = table[table["kbps"].between(*UPLINK_KBPS)]
    ours = own[own["name"] == "aucom_v1"].set_index("kbps")["minute_s"]
    rivals = own[own["name"].isin(RIVALS) & own["kbps"].isin(ours.index)].dropna(subset=["bytes_s"])
    found = rivals[["name", "system", "kbps", "bytes_s"]].assign(aucom_s=ours.reindex(rivals["kbps"]).to_numpy())
    lead = found["bytes_s"] - found["aucom_s"]
    return found.assign(lead_s=lead, lead_percent=100.0 * lead / found["bytes_s"]).reset_index(drop=True)


def sustained_table(report: Mapping[str, Any]) -> pd.DataFrame:
    """What a sender of 5 s chunks may keep up for ever on links of LoRa and ZigBee by the link model, with packet
    headers and, for `duty`, 1 % of the time on the air, against what AUCOM needs (frames of the protocol included).
    """
    rows = {row["name"]: row for row in report["measurements"]}
    found = []
    for system in ("aucom_v1", "aucom_v2", "aucom_v3"):
        payload = value_of(rows, f"link_payload/{system}")
        if np.isnan(payload):
            continue
        size = round(125.0 * payload * CHUNK_S / MINUTE_S) + FRAME_BYTES
        for name in SUSTAINED:
            link = LINKS[name]
            needed, kept = 8e-3 * size / CHUNK_S, link.sustained_bps(size) / 1e3
            found.append((TITLES[system], name, link.bandwidth_bps / 1e3, link.duty, needed, kept, kept >= needed))
    columns = ["system", "link", "kbps", "duty", "needed_kbps", "sustained_kbps", "fits"]
    return pd.DataFrame(found, columns=columns)


def check_table(report: Mapping[str, Any]) -> pd.DataFrame:
    """Times on a clock that skips waiting over those on the true one, where both were measured."""
    rows = [row for row in report["measurements"] if row["name"].startswith("link_check/")]
    parts = [row["name"].split("/") for row in rows]
    table = {"system": [TITLES.get(part[1], part[1]) for part in parts], "kbps": [float(part[2]) for part in parts]}
    return pd.DataFrame(table | {"ratio": [row["value"] for row in rows], "note": [row["note"] for row in rows]})


def look_of(name: str) -> dict[str, Any]:
    """Colour and marker of a system."""
    if name == "pcm":
        return {"color": SOURCE_COLOUR[3], "marker": "D"}
    found = style(name)
    return found | ({"linestyle": "--"} if name == "mp3_8" else {})


def draw_links(table: pd.DataFrame, note: str) -> Figure:
    """A minute and a chunk over every bandwidth, with the kinds of links below."""
    if table.empty:
        return blank(NOTHING)
    fig, panels = plt.subplots(1, 2, figsize=(12.0, 4.9), sharex=True)
    names = list(dict.fromkeys(table["name"]))
    for axes, (column, seconds, what) in zip(
        panels, (("minute_s", MINUTE_S, "a minute of audio"), ("chunk_s", CHUNK_S, "a chunk of 5 s")), strict=True
    ):
        for name in names:
            rows = table[(table["name"] == name) & table[column].notna()]
            line = axes.plot(rows["kbps"], rows[column], **look_of(name))[0]
            if column == "minute_s":
                slow, hollow = rows[~rows["true_clock"].astype(bool)], {"markerfacecolor": "white"}
                axes.plot(slow["kbps"], slow[column], line.get_marker(), color=line.get_color(), **hollow)
        axes.axhline(seconds, color="black", linestyle=":", linewidth=1.0)
        axes.annotate("as long as the audio", (0.99, seconds), xycoords=("axes fraction", "data"), ha="right",
                      va="bottom", fontsize=7.5)  # fmt: skip
        axes.set(xscale="log", yscale="log", xlabel="bandwidth (kbit/s)", ylabel="seconds", title=f"Latency of {what}")
        _ranges(axes)
    handles = [key(TITLES.get(name, name), **look_of(name)) for name in names]
    scaled = key(
        "hollow: on a clock that skips waiting", color=GREY, marker="o", markerfacecolor="white", linestyle="none"
    )
    legend_right(fig, [*handles, scaled])
    caption(
        fig,
        "From the first sample until the server has the last byte, over the real client and server with a link between "
        "them; all audio is there at once, so that nothing waits for a talker. Computing on the edge is in it; AUCOM "
        "at tau 2 with Huffman codes. Slow links ran on a clock that skips waiting. Latencies of the links: LoRa none, "
        "ZigBee 5 ms, uplinks 20 ms, so that AUCOM's chunk takes longer at 500 kbit/s than at 250. " + note,
    )
    return fig


def _ranges(axes: Axes) -> None:
    """Which links have which bandwidths, at the foot of a panel."""
    low, high = axes.get_ylim()
    axes.set_ylim(low / (high / low) ** 0.14, high)
    for place, (name, (first, last)) in enumerate(RANGES.items()):
        height = 0.03 + 0.045 * place
        axes.plot([first, last], [height] * 2, transform=axes.get_xaxis_transform(), color=GREY, linewidth=3,
                  solid_capstyle="butt")  # fmt: skip
        left = place == len(RANGES) - 1
        at, anchor, shift = (first, "right", -4) if left else (last, "left", 4)
        axes.annotate(name, (at, height), xycoords=axes.get_xaxis_transform(), xytext=(shift, 0),
                      textcoords="offset points", ha=anchor, va="center", fontsize=7.5, color=GREY)  # fmt: skip


def draw_uplinks(table: pd.DataFrame, leads: pd.DataFrame, note: str) -> Figure:
    """Fig. 17 itself, 1 to 20 Mbps: seconds of a minute, and AUCOM's lead over the bytes of the others."""
    own = table[table["kbps"].between(*UPLINK_KBPS) & table["name"].isin(["aucom_v1", *RIVALS])]
    if own.empty:
        return blank(NOTHING)
    fig, (left, right) = plt.subplots(1, 2, figsize=(12.0, 4.2))
    ticks: Sequence[float] = sorted(set(own["kbps"] / 1000.0))
    for name in list(dict.fromkeys(own["name"])):
        rows = own[own["name"] == name]
        column = "minute_s" if name == "aucom_v1" else "bytes_s"
        left.plot(rows["kbps"] / 1000.0, rows[column], label=TITLES[name], **look_of(name))
        lead = leads[leads["name"] == name]
        right.plot(lead["kbps"] / 1000.0, lead["lead_percent"], **look_of(name))
    right.axhline(0.0, color="black", linewidth=0.8)
    left.set(yscale="log", ylabel="seconds a minute of audio", title="Latency")
    right.set(ylabel="less time (%)", title="What AUCOM v1 saves")
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("bandwidth (Mbit/s)")
    legend_right(fig, left.get_legend_handles_labels()[0])
    caption(
        fig,
        "AUCOM v1 with its computing on the edge, the others without theirs, as the paper's 3.84 s for MP3 are. Below "
        "zero the other is faster. " + note,
    )
    return fig
