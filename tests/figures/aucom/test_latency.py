"""Latency, memory and energy: what is measured, what is missing, and what is arithmetic."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thinwire.claims import Verdict
from thinwire.figures.aucom import arithmetic, latency, phones
from thinwire.figures.paths import Page


@pytest.fixture
def page(open_aucom: Callable[[str], Page]) -> Page:
    return open_aucom("latency")


@pytest.fixture
def report(root: Path) -> dict[str, Any]:
    """benchmarks.json with the parts edge and coders."""
    make = runpy.run_path(str(root / "tests/notebooks/fake_aucom_edge.py"))
    rows = [*make["edge_rows"](), *make["coder_rows"]()]
    return {"machine": {"cpu_count": 2, "torch": "2.13.0"}, "measurements": rows}


@pytest.fixture
def without_dac(root: Path) -> dict[str, Any]:
    """The same where DAC's package was not there."""
    make = runpy.run_path(str(root / "tests/notebooks/fake_aucom_edge.py"))
    rows = [*make["edge_rows"](dac=False), *make["coder_rows"]()]
    return {"machine": {"cpu_count": 2, "torch": "2.13.0"}, "measurements": rows}


def put(report: dict[str, Any], **values: float | None) -> dict[str, Any]:
    """The report with other values."""
    rows = [row | {"value": values.get(row["name"], row["value"])} for row in report["measurements"]]
    return report | {"measurements": rows}


def verdicts(page: Page, report: dict[str, Any]) -> dict[str, Verdict]:
    """Verdicts by their claims' ids without the paper."""
    return {one.id.removeprefix("aucom."): one for one in phones.judge(page, report)}


def test_measured_stands_beside_printed(page: Page, report: dict[str, Any], without_dac: dict[str, Any]) -> None:
    table = latency.edge_table(page, report).set_index("system")
    ours = table.loc["AUCOM v1"]
    assert (ours["latency_ms"], ours["latency_ms_target"], ours["latency_ms_printed_to"]) == (96.0, 100.0, 200.0)
    assert table.loc["EnCodec 24 kHz", ["memory_mb_printed_from", "memory_mb_printed_to"]].tolist() == [1000.0, 2500.0]
    assert table.loc["DAC 16 kHz", ["latency_ms", "memory_mb"]].tolist() == [17_800.0, 1460.0]
    lacking = latency.edge_table(page, without_dac).set_index("system").loc["DAC 16 kHz"]
    assert np.isnan(lacking["latency_ms"]) and np.isnan(lacking["memory_mb"])
    assert "install" in lacking["note"]
    empty = latency.edge_table(page, report | {"measurements": []})
    assert empty["latency_ms"].isna().all()
    assert empty["note"].str.contains("make bench").all()
    speeds = latency.coder_table(report).pivot(index="coder", columns="way", values="msymbols_per_s")
    assert speeds.loc["rANS", "encode"] == 90.0


def test_pictures_are_drawn_with_nothing_measured(page: Page, report: dict[str, Any]) -> None:
    nothing = report | {"measurements": []}
    edge, parts, coders = latency.edge_table(page, nothing), latency.part_table(nothing), latency.coder_table(nothing)
    for fig in (latency.draw_edge(edge, ""), latency.draw_parts(parts, coders, float("nan"), "")):
        texts = [text.get_text() for axes in fig.axes for text in axes.texts]
        assert "not measured" in texts


def test_every_claim_is_judged(page: Page, report: dict[str, Any]) -> None:
    expected = {claim.id.removeprefix("aucom.") for claim in page.claims.values() if claim.notebook == "latency"}
    assert set(verdicts(page, report)) == expected


def test_a_codec_that_was_not_timed_leaves_ratios_open(page: Page, without_dac: dict[str, Any]) -> None:
    found = verdicts(page, without_dac)
    assert found["fig14"].verdict == found["fig15"].verdict == "inconclusive"
    assert "descript-audio-codec" in found["fig14"].reason
    assert found["sec1.latency_per_min"].verdict == "reproduced"
    assert "mel filter bank 31 ms" in found["sec1.latency_per_min"].reason


def test_ratios_decide(page: Page, report: dict[str, Any]) -> None:
    timed = put(report, dac_16k_minute=9000.0, dac_16k_memory=700.0)
    found = verdicts(page, timed)
    assert found["fig14"].verdict == "reproduced"
    assert found["fig14"].measured == pytest.approx({"aucom": 0.096, "neural_min": 4.35, "neural_max": 9.0})
    assert found["fig15"].verdict == "reproduced"
    assert verdicts(page, put(timed, encodec_minute=959.0))["fig14"].verdict == "differs"
    assert verdicts(page, put(timed, edge_minute=201.0))["fig14"].verdict == "differs"
    assert verdicts(page, put(timed, edge_memory=161.0))["fig15"].verdict == "differs"
    assert verdicts(page, put(timed, edge_minute=201.0))["sec1.latency_per_min"].verdict == "differs"


def test_phones_are_printed_and_not_tested(page: Page, report: dict[str, Any]) -> None:
    found = verdicts(page, report)
    assert [one.verdict for name, one in found.items() if name.startswith("table4") or name == "fig16"] == [
        "not_testable"
    ] * 6
    table = phones.phone_table(page, report).set_index("device")
    assert table.loc["Honor X40 GT", "ai"] == 509_907
    assert table.loc["this machine, of the benchmarks", "note"] == "cpu count 2, torch 2.13.0"
    power = phones.energy_table(page, report).set_index("system")
    assert power.loc["AUCOM v1", "watt_most"] == pytest.approx(6.0)
    assert power.loc["DAC 16 kHz", ["watt_least", "watt_most"]].tolist() == pytest.approx([50 / 30, 75.0])
    assert power["cpu_ms_here"].tolist() == [97.1, 4400.0, 17_300.0]
    assert "4,400 ms" in found["fig16"].reason and "17,300 ms" in found["fig16"].reason


def test_arithmetic_is_done_again(page: Page) -> None:
    table = arithmetic.arithmetic_table(page)
    found = table.groupby("claim", sort=False)["recomputed"].first().round(2).to_dict()
    assert found["aucom.energy_xiaomi"] == 1443.04
    assert found["aucom.abstract.ratio"] == 0.39
    assert found["aucom.abstract.mp3_saving"] == 96.09
    assert table.loc[table["computed"].str.startswith("0.265"), "recomputed"].item() == pytest.approx(93.099, abs=1e-3)
    assert arithmetic.hours_of_mp3() == pytest.approx({"MB of 10^6": 576.0, "MiB": 549.316, "thousands of KiB": 562.5})
    ratios = table[table["claim"] == "aucom.table3_order"]
    np.testing.assert_allclose(ratios["recomputed"], ratios["printed"], rtol=0.01)
