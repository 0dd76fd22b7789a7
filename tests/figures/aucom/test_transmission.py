"""Transmission from the benchmarks of the real client and server, and sizes beside other formats."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from thinwire.channel.link import LINKS
from thinwire.claims import Verdict
from thinwire.figures.aucom import losses, runs, sizes, transmission, transmission_verdicts
from thinwire.figures.paths import Page

CODECS = ["aucom_v1", "aucom_v2", "aucom_v3", "aucom_compared"]
NOTHING: dict[str, Any] = {"measurements": []}


@pytest.fixture
def page(open_aucom: Callable[[str], Page]) -> Page:
    return open_aucom("transmission")


@pytest.fixture
def report(root: Path) -> dict[str, Any]:
    """benchmarks.json with the part link."""
    return {"measurements": runpy.run_path(str(root / "tests/notebooks/fake_aucom_edge.py"))["link_rows"]()}


def put(report: dict[str, Any], values: dict[str, float | None]) -> dict[str, Any]:
    """The report with other values."""
    return {"measurements": [row | {"value": values.get(row["name"], row["value"])} for row in report["measurements"]]}


def verdicts(page: Page, report: dict[str, Any]) -> dict[str, Verdict]:
    """Verdicts by their claims' ids without the paper."""
    table = transmission.link_table(report)
    judged = transmission_verdicts.judge(page, table, transmission.sustained_table(report))
    return {one.id.removeprefix("aucom."): one for one in judged}


def test_bytes_alone_were_sent_alone(report: dict[str, Any]) -> None:
    table = transmission.link_table(report).set_index(["name", "kbps"])
    row = table.loc[("mp3_64", 1000.0)]
    assert row["minute_s"] - row["bytes_s"] == pytest.approx(0.04)
    assert row["chunk_s"] < row["minute_s"]
    assert table.loc[("aucom_v1", 20_000.0), "true_clock"]
    assert not table.loc[("pcm", 0.3), "true_clock"]
    assert np.isnan(table.loc[("mp3_8", 250.0), "bytes_s"])
    few = {"measurements": [row for row in report["measurements"] if row["name"] != "link_bytes/mp3_8/1000"]}
    leads = transmission.lead_table(transmission.link_table(few)).set_index(["name", "kbps"]).index
    assert ("mp3_8", 1000.0) not in leads and ("mp3_8", 5000.0) in leads


def test_systems_come_in_one_order(report: dict[str, Any]) -> None:
    table = transmission.link_table({"measurements": report["measurements"][::-1]})
    assert list(dict.fromkeys(table["name"])) == list(transmission.TITLES)
    assert table.groupby("name")["kbps"].apply(lambda one: one.is_monotonic_increasing).all()


def test_leads_are_against_the_bytes_of_others(report: dict[str, Any]) -> None:
    leads = transmission.lead_table(transmission.link_table(report)).set_index(["name", "kbps"])
    row = leads.loc[("pcm", 2000.0)]
    assert row["lead_s"] == pytest.approx(row["bytes_s"] - row["aucom_s"])
    assert row["lead_percent"] == pytest.approx(100 * (1 - row["aucom_s"] / row["bytes_s"]))
    assert set(leads.index.get_level_values("kbps")) == {1000.0, 2000.0, 5000.0, 10_000.0, 20_000.0}
    assert set(leads.index.get_level_values("name")) == set(transmission.RIVALS)


def test_losses_stand_by_system_bandwidth_and_share(report: dict[str, Any]) -> None:
    table = losses.loss_table(put(report, {"link_lossy/mp3_8/250/20": 5.0, "link_lossy_chunk/mp3_8/250/20": 0.5}))
    row = table.set_index(["name", "kbps", "loss_percent"]).loc[("mp3_8", 250.0, 20.0)]
    assert (row["minute_s"], row["chunk_s"], row["system"]) == (5.0, 0.5, "MP3, 8 kbps")
    assert len(table) == 18
    titles = [axes.get_title() or axes.get_title("left") for axes in losses.draw_losses(table, "").axes]
    assert titles[:3] == ["5.5 kbit/s (LoRa)", "250 kbit/s (ZigBee)", "1000 kbit/s (uplinks of Fig. 17)"]
    assert losses.loss_table(NOTHING).empty
    losses.draw_losses(losses.loss_table(NOTHING), "")


def test_what_a_link_keeps_up_is_the_link_models(report: dict[str, Any]) -> None:
    table = transmission.sustained_table(report).set_index(["system", "link"])
    row = table.loc[("AUCOM v1", "lora_11k")]
    size = round(row["needed_kbps"] * 1000 * 5 / 8)
    assert row["sustained_kbps"] * 1000 == pytest.approx(LINKS["lora_11k"].sustained_bps(size))
    assert row["needed_kbps"] > 1.7  # the payload, and frames
    assert not table.loc[("AUCOM v3", "lora_11k_duty"), "fits"]
    assert table.loc[("AUCOM v3", "zigbee_20k"), "fits"]


def test_every_claim_is_judged(page: Page, report: dict[str, Any]) -> None:
    items = runs.load(page, CODECS)
    flac = sizes.flac_table({"a": np.zeros(1600)})
    found = set(verdicts(page, report)) | {one.id.removeprefix("aucom.") for one in sizes.judge(page, items, flac)}
    assert found == {claim.id.removeprefix("aucom.") for claim in page.claims.values() if claim.notebook == page.name}


def test_measured_times_decide(page: Page, report: dict[str, Any]) -> None:
    found = verdicts(page, report)
    assert found["abstract.latency"].verdict == "reproduced"
    assert found["fig17_curve"].verdict == "differs"  # MP3 at 8 kbit/s is there first where bandwidth is large
    assert found["lowrate_links"].verdict == "reproduced"
    mp3 = transmission.link_table(report).set_index(["name", "kbps"]).loc[("mp3_64", 1000.0), "bytes_s"]
    for seconds, verdict in ((0.0689 * mp3, "reproduced"), (0.0691 * mp3, "differs")):
        assert verdicts(page, put(report, {"link/aucom_v1/1000": seconds}))["abstract.latency"].verdict == verdict
    assert verdicts(page, put(report, {"link_chunk/aucom_v2/5.5": 5.01}))["lowrate_links"].verdict == "contradicted"
    fast: dict[str, float | None] = {f"link/aucom_v1/{kbps}": 0.01 for kbps in (1000, 2000, 5000, 10000, 20000)}
    assert verdicts(page, put(report, fast))["fig17_curve"].verdict == "reproduced"


def test_without_benchmarks_all_say_so(page: Page) -> None:
    table = transmission.link_table(NOTHING)
    assert table.empty
    leads = transmission.lead_table(table)
    for fig in (transmission.draw_links(table, ""), transmission.draw_uplinks(table, leads, "")):
        assert "make bench" in fig.axes[0].texts[0].get_text()
    for verdict in verdicts(page, NOTHING).values():
        assert verdict.measured is None
        assert "make bench" in verdict.reason
        assert verdict.verdict not in ("reproduced", "within_tolerance")
    assert transmission.check_table(NOTHING).empty
    assert transmission.conditions(NOTHING) == ""


def test_header_counts_in_the_ratio(page: Page) -> None:
    items = pd.DataFrame({"label": ["aucom_v1"] * 2, "corpus": "esc50", "tau": 2.0, "kbps": [1.0, 3.0],
                          "header_bytes": 25.0, "seconds": 5.0})  # fmt: skip
    row = sizes.ratio_table(items).iloc[0]
    assert row["kbps_with_header"] == pytest.approx(2.0 + 0.04)
    assert row["percent_of_pcm"] == pytest.approx(100 * 2.04 / 256)
    whole = {one.id: one for one in sizes.judge(page, runs.load(page, CODECS), sizes.flac_table({}))}
    assert whole["aucom.sec1.mp3_10h"].verdict == "differs"
    assert whole["aucom.sec1.lossless"].measured is None


def test_mp3_is_compared_on_the_same_items(page: Page) -> None:
    items = runs.load(page, CODECS)
    table = sizes.saving_table(items)
    assert len(table) == items.loc[items["corpus"] == "librispeech", "segment_id"].nunique()
    np.testing.assert_allclose(table["saving_percent"], 100 * (1 - table["kbps"] / table["mp3_kbps"]))
    assert sizes.saving_table(items[items["label"] != "mp3"]).empty
    judged = {one.id: one for one in sizes.judge(page, items[items["label"] != "mp3"], sizes.flac_table({}))}
    assert judged["aucom.abstract.mp3_saving"].verdict == "inconclusive"


def test_flac_saves_silence_and_not_noise() -> None:
    rng = np.random.default_rng(1)
    tone = np.sin(np.arange(16_000) / 9) / 9
    clips = {"silence": np.zeros(16_000), "noise": rng.uniform(-1, 1, 16_000), "tone": tone}
    table = sizes.flac_table(clips).set_index("segment_id")
    assert (table["pcm_bytes"] == 32_000).all()
    assert table.loc["silence", "saving_percent"] > 99.0
    assert -2.0 < table.loc["noise", "saving_percent"] < 1.0
    assert table.loc["noise", "saving_percent"] < table.loc["tone", "saving_percent"] < 99.0
