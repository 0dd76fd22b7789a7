"""What the paper says of five phones and nothing here can measure: scores (Table 4) and energy (Fig. 16)."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from thinwire.claims import Verdict, not_testable
from thinwire.claims.measure import FloorResult
from thinwire.figures.aucom.arithmetic import battery_hours
from thinwire.figures.aucom.complexity_verdicts import importable
from thinwire.figures.aucom.latency import PARTS, SYSTEMS, edge_table, measured, part_table
from thinwire.figures.aucom.verdicts import judge_holds
from thinwire.figures.paths import Page

PHONES = {
    "xiaomi11pro": "Xiaomi 11 Pro",
    "vivox80": "vivo X80",
    "huaweinova12": "Huawei nova 12",
    "pixel6pro": "Google Pixel 6 pro",
    "honorx40gt": "Honor X40 GT",
}
LATENCY_RATIO, MEMORY_RATIO = 10.0, 2.5  # 2 s over 0.2 s, 1000 MB over 400 MB: the rules of Fig. 14 and 15
CPU = re.compile(r"CPU ([0-9.e+-]+) ms")


def phone_table(page: Page, report: dict[str, Any]) -> pd.DataFrame:
    """Table 4 as printed (AnTuTu points), and below it what is known of the machine of the benchmarks."""
    rows: list[dict[str, Any]] = []
    for name, title in PHONES.items():
        scores = page.claims[f"aucom.table4_{name}"].paper_value
        assert isinstance(scores, dict)
        rows.append({"device": title, **scores, "note": "printed"})
    return pd.DataFrame([*rows, {"device": "this machine, of the benchmarks", "note": machine(report)}])


def machine(report: dict[str, Any]) -> str:
    """What the report says of its machine."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in sorted(report["machine"].items()))


def energy_table(page: Page, report: dict[str, Any]) -> pd.DataFrame:
    """Fig. 16 as printed: joules and seconds a minute of audio from and to, the mean power (W) that they would be, and
    beside it the processor time (ms) of a minute here, which is no energy.
    """
    joules, seconds = (page.claims[f"aucom.{name}"].paper_value for name in ("fig16", "fig14"))
    assert isinstance(joules, dict)
    assert isinstance(seconds, dict)
    neural = (seconds["neural_min"], seconds["neural_max"])
    rows = []
    for name, system, energy, time in (
        ("edge", "aucom", (0.0, joules["aucom_max"]), (seconds["aucom"],) * 2),
        ("encodec", "encodec", (joules["encodec_min"], joules["encodec_max"]), neural),
        ("dac_16k", "dac", (joules["dac_min"], joules["dac_max"]), neural),
    ):
        found = CPU.search(measured(report, f"{name}_minute")["note"])
        power = energy[0] / time[1], energy[1] / time[0]
        rows.append((SYSTEMS[name], system, *energy, *time, *power, float(found[1]) if found else None))
    columns = ["system", "name", "joule_from", "joule_to", "seconds_from", "seconds_to", "watt_least", "watt_most",
               "cpu_ms_here"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).drop(columns="name").astype({"cpu_ms_here": float})


def judge(page: Page, report: dict[str, Any]) -> list[Verdict]:
    """Latency and memory by their ratios; the battery's arithmetic; what phones alone could tell."""
    edge = edge_table(page, report).set_index("system")
    shown = [page.evidence("tables", "edge"), page.evidence("figures", "edge")]
    phones = [page.evidence("tables", "phones")]
    where = f"the benchmarks' machine: {machine(report)}"
    table4 = [not_testable(page.claims[f"aucom.table4_{name}"], reason=where, evidence=phones) for name in PHONES]
    energy = not_testable(page.claims["aucom.fig16"], reason=_processor_time(energy_table(page, report)),
                          evidence=[page.evidence("tables", "energy")])  # fmt: skip
    return [
        _judge_minute(page, report),
        _judge_ratio(page, report, "aucom.fig14", edge["latency_ms"] / 1000.0, LATENCY_RATIO, shown),
        _judge_ratio(page, report, "aucom.fig15", edge["memory_mb"], MEMORY_RATIO, shown),
        energy,
        _judge_battery(page),
        *table4,
    ]


def _judge_minute(page: Page, report: dict[str, Any]) -> Verdict:
    claim = "aucom.sec1.latency_per_min"
    limit = page.claims[claim].paper_value
    assert isinstance(limit, float)
    found = measured(report, "edge_minute")
    parts, names = part_table(report), set(PARTS.values())
    own = parts[parts["part"].isin(names)]
    told = ", ".join(f"{name} {ms:.3g} ms" for name, ms in zip(own["part"], own["ms"], strict=True))
    evidence = [page.evidence("tables", "parts"), page.evidence("figures", "parts")]
    if found["value"] is None:
        return judge_holds(page, claim, None, None, evidence, floor=FloorResult(False, found["note"]))
    holds = found["value"] <= limit
    return judge_holds(page, claim, found["value"], holds, evidence, told, floor=FloorResult(True, ""))


def _judge_ratio(
    page: Page, report: dict[str, Any], claim: str, values: pd.Series, ratio: float, evidence: list[str]
) -> Verdict:
    """AUCOM below the printed level, and each of the others at least `ratio` times that of AUCOM."""
    printed = page.claims[claim].paper_value
    assert isinstance(printed, dict)
    level, part = (printed["aucom"], "minute") if "aucom" in printed else (printed["aucom_max"], "memory")
    absent = {title: measured(report, f"{name}_{part}")["note"] for name, title in SYSTEMS.items()
              if measured(report, f"{name}_{part}")["value"] is None}  # fmt: skip
    floor = importable(page, claim, absent)
    if absent:
        return judge_holds(page, claim, None, None, evidence, floor=floor)
    ours, *others = (float(values[title]) for title in SYSTEMS.values())
    below = ours <= level if part == "minute" else ours < level
    names = [name for name in printed if not name.startswith("aucom")]
    taken = {next(iter(set(printed) - set(names))): ours} | dict(zip(names, (min(others), max(others)), strict=True))
    titles = list(SYSTEMS.values())[1:]
    times = ", ".join(f"{title} {value / ours:.3g} times" for title, value in zip(titles, others, strict=True))
    return judge_holds(page, claim, taken, below and min(others) >= ratio * ours, evidence, times, floor=floor)


def _judge_battery(page: Page) -> Verdict:
    claim = "aucom.energy_xiaomi"
    printed = page.claims[claim].paper_value
    assert isinstance(printed, dict)
    hours = battery_hours(printed["joule"])
    found = {"joule": printed["joule"], "hours": hours}
    return judge_holds(page, claim, found, round(hours) == printed["hours"], [page.evidence("tables", "arithmetic")])


def _processor_time(table: pd.DataFrame) -> str:
    known = table.dropna(subset=["cpu_ms_here"])
    found = zip(known["system"], known["cpu_ms_here"], strict=True)
    times = ", ".join(f"{system} {value:,.0f} ms" for system, value in found)
    return f"processor time of a minute here: {times}" if times else "processor times were not measured either"
