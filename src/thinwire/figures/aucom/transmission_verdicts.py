"""Verdicts on transmission by the benchmarks of the real client and server."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from thinwire.claims import Verdict
from thinwire.claims.measure import FloorResult
from thinwire.figures.aucom.arithmetic import latency_saving
from thinwire.figures.aucom.runs import VARIANTS
from thinwire.figures.aucom.transmission import NOTHING, RIVALS, TITLES, lead_table
from thinwire.figures.aucom.verdicts import judge_holds
from thinwire.figures.paths import Page

SLOW_KBPS = (250.0, 5.5)
CHUNK_S = 5.0
PAPER_KBPS = 1000.0
MP3 = "mp3_64"


def judge(page: Page, table: pd.DataFrame, sustained: pd.DataFrame) -> list[Verdict]:
    """The abstract's 93.10 %, Fig. 17, and links of ZigBee and LoRa; `table` is `link_table`."""
    leads = lead_table(table)
    return [_judge_latency(page, leads), _judge_curve(page, leads), _judge_slow(page, table, sustained)]


def timed(missing: Sequence[str]) -> FloorResult:
    """Whether all transmissions that a claim needs were measured."""
    return FloorResult(not missing, f"{NOTHING} Missing: {', '.join(missing)}" if missing else "")


def _judge_latency(page: Page, leads: pd.DataFrame) -> Verdict:
    claim = "aucom.abstract.latency"
    printed = page.claims[claim].paper_value
    assert isinstance(printed, float)
    row = leads[(leads["name"] == MP3) & (leads["kbps"] == PAPER_KBPS)]
    evidence = [page.evidence("tables", "leads"), page.evidence("tables", "arithmetic")]
    sums = (latency_saving(seconds) for seconds in (0.26, 0.265))
    told = "by the paper's arithmetic 0.2 s and 60 kbit save {:.2f} %, 0.265 s {:.2f} %".format(*sums)
    if row.empty:
        floor = timed([f"AUCOM v1 or {TITLES[MP3]} at 1 Mbit/s"])
        return judge_holds(page, claim, None, None, evidence, told, floor=floor)
    found = row.iloc[0]
    saved = float(found["lead_percent"])
    seconds = f"{found['aucom_s']:.3g} s against {found['bytes_s']:.3g} s"
    return judge_holds(page, claim, saved, saved >= printed, evidence, f"{seconds}; {told}", floor=timed([]))


def _judge_curve(page: Page, leads: pd.DataFrame) -> Verdict:
    claim = "aucom.fig17_curve"
    evidence = [page.evidence("figures", "uplinks"), page.evidence("tables", "leads")]
    missing = [TITLES[name] for name in RIVALS if not (leads["name"] == name).any()]
    if missing:
        return judge_holds(page, claim, None, None, evidence, floor=timed(missing))
    told, holds = [], True
    for name in RIVALS:
        rows = leads[leads["name"] == name].sort_values("kbps")
        lead, rates = rows["lead_s"].to_numpy(float), rows["kbps"].to_numpy(float)
        holds &= bool((lead > 0.0).all()) and int(np.argmax(lead)) == 0 and rates[0] == PAPER_KBPS
        ends = [f"{lead[place]:+.3g} s at {rates[place] / 1000:g} Mbit/s" for place in (0, -1)]
        told.append(f"{TITLES[name]}: {', '.join(ends)}")
    measured = {"mbps_least": float(leads["kbps"].min()) / 1000.0, "mbps_most": float(leads["kbps"].max()) / 1000.0}
    return judge_holds(page, claim, measured, holds, evidence, "lead over " + "; ".join(told), floor=timed([]))


def _judge_slow(page: Page, table: pd.DataFrame, sustained: pd.DataFrame) -> Verdict:
    claim = "aucom.lowrate_links"
    evidence = [page.evidence("figures", "links"), page.evidence("tables", "links")]
    chunks = table.dropna(subset=["chunk_s"]).set_index(["name", "kbps"])["chunk_s"]
    wanted = [(name, kbps) for kbps in SLOW_KBPS for name in VARIANTS]
    missing = [f"{TITLES[name]} at {kbps:g} kbit/s" for name, kbps in wanted if (name, kbps) not in chunks.index]
    if missing:
        return judge_holds(page, claim, None, None, evidence, floor=timed(missing))
    measured = {f"{TITLES[name]} at {kbps:g}": float(chunks[name, kbps]) for name, kbps in wanted}
    duty = sustained[sustained["duty"] < 1.0]
    limits = "; ".join(
        f"{system} needs {needed:.3g} kbps, a LoRa sender on the air 1 % of the time keeps up {kept:.2g}"
        for system, needed, kept in zip(duty["system"], duty["needed_kbps"], duty["sustained_kbps"], strict=True)
    )
    times = ", ".join(f"{name} {seconds:.3g} s" for name, seconds in measured.items())
    holds = all(seconds < CHUNK_S for seconds in measured.values())
    return judge_holds(page, claim, measured, holds, evidence, f"{times}; {limits}", floor=timed([]))
