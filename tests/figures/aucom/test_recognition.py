"""Fig. 13: operating points on the same items, frontiers, equal rates, and the verdicts of known curves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinwire.figures.aucom import recognition, recognition_verdicts
from thinwire.figures.paths import Page

COUNT, WORDS = 20, 10
RUNS = ["aucom_v1", "aucom_v2", "aucom_v3", "aucom_deepcod", "aucom_sensing", "aucom_compared", "aucom_asr"]


def point(label: str, kbps: float, errors: float, tau: float = np.nan, nominal: float = np.nan) -> pd.DataFrame:
    """Items of one operating point with as many errors in ten words, on average; items differ alike for all."""
    hard = np.linspace(-1.0, 1.0, COUNT)
    return pd.DataFrame(
        {"family": recognition.wing.family(label), "label": label, "tau": tau, "kbps_nominal": nominal, "kbps": kbps,
         "task": "speech", "corpus": "librispeech", "segment_id": [f"u{k}" for k in range(COUNT)],
         "words": float(WORDS), "word_errors": errors + 0.1 * hard, "sphinx_errors": np.nan, "correct": np.nan,
         "truth": "a", "answer": "b", "sphinx_answer": ""}
    )  # fmt: skip


def curve(label: str, errors: dict[float, float]) -> list[pd.DataFrame]:
    """A curve of errors by rate, tau rising as the rate falls."""
    return [point(label, kbps, wrong, tau) for tau, (kbps, wrong) in enumerate(sorted(errors.items())[::-1], 1)]


def systems(aucom: float = 0.5, sensing_at_5: float = 0.6, low_mp3: float = 4.0) -> pd.DataFrame:
    """Every system of Fig. 13: those with features break below 5 kbps, MP3 and AAC at their lowest rate."""
    parts = [
        *curve("aucom_v1", {2.0: aucom - 0.1, 0.97: aucom}), *curve("aucom_v2", {1.0: 3.0, 0.5: 4.0}),
        *curve("aucom_deepcod", {5.0: 0.7, 1.0: 3.0}), *curve("aucom_sensing_40", {5.0: sensing_at_5, 1.0: 4.0}),
        *curve("bicubic_4x4", {5.0: 0.8, 1.0: 3.0}),
        *(point(codec, kbps, wrong, nominal=kbps) for codec in ("mp3", "aac")
          for kbps, wrong in ((8.0, low_mp3), (64.0, 0.5))),
        point("lossless", 256.0, 0.5),
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def judged(page: Page, items: pd.DataFrame) -> dict[str, str]:
    return {row.id.removeprefix("aucom.fig13_"): row.verdict for row in recognition_verdicts.judge(page, items)}


def test_known_curves_have_known_verdicts(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("recognition")
    assert judged(page, systems()) == {
        "aucom_point": "reproduced", "cs": "reproduced", "feature_systems_break": "reproduced",
        "neural_break": "not_testable", "traditional": "reproduced",
    }  # fmt: skip
    worse = judged(page, systems(aucom=3.5, sensing_at_5=2.0, low_mp3=0.5))
    assert worse["aucom_point"] == "contradicted"
    assert worse["cs"] == "contradicted"
    assert worse["traditional"] == "contradicted"


def test_a_system_that_was_not_run_leaves_its_claims_open(open_aucom: Callable[[str], Page]) -> None:
    page, items = open_aucom("recognition"), systems()
    found = judged(page, items[items["family"] != "mp3"])
    assert found["aucom_point"] == found["traditional"] == "inconclusive"
    assert found["cs"] == "reproduced"


def test_lowest_rate_stands_in_and_is_named(open_aucom: Callable[[str], Page]) -> None:
    verdict = recognition_verdicts.judge(open_aucom("recognition"), systems())[0]
    assert "MP3 at its lowest rate, 8 kbps" in verdict.reason
    assert "AUCOM: WER 5.0 % (AUCOM v1)" in verdict.reason
    assert "PocketSphinx" not in verdict.reason


def test_points_are_taken_on_items_that_all_systems_have(open_aucom: Callable[[str], Page]) -> None:
    page, items = open_aucom("recognition"), systems()
    items["sphinx_errors"] = np.where(items["segment_id"].isin(["u0", "u1", "u2"]), 5.0, np.nan)
    here = items["label"].eq("mp3")
    items.loc[here, "sphinx_errors"] = 6.0
    items.loc[items["label"].eq("aac"), "sphinx_errors"] = np.nan
    table = recognition.point_table(page, items, "sphinx_errors")
    assert set(table["items"]) == {3}
    assert "aac" not in set(table["label"])
    assert table.set_index("family").loc["mp3", "added"].tolist() == pytest.approx([10.0, 10.0])
    whole = recognition.point_table(page, items).set_index(["label", "tau"])
    assert whole.loc[("aucom_v1", 2.0), ["kbps", "wer"]].tolist() == pytest.approx([0.97, 5.0])
    assert whole.loc[("aucom_v1", 2.0), "added"] == pytest.approx(0.0, abs=1e-9)


@given(st.lists(st.tuples(st.floats(0.1, 64.0), st.floats(0.0, 100.0)), min_size=1, max_size=30))
def test_a_frontier_falls_and_no_point_is_below_it(found: list[tuple[float, float]]) -> None:
    table = pd.DataFrame(found, columns=["kbps", "wer"])
    best = recognition.frontier(table)
    assert (best["wer"].diff().dropna() < 0).all()
    assert (best["kbps"].diff().dropna() >= 0).all()
    for rate, wrong in found:
        assert best.loc[best["kbps"] <= rate, "wer"].min() <= wrong


def test_equal_rates_are_read_along_the_curve(open_aucom: Callable[[str], Page]) -> None:
    table = recognition.budget_table(open_aucom("recognition"), systems(), [0.97, 5.0])
    found = table[table["recogniser"] == "server's network on features"].set_index(["budget_kbps", "system"])
    assert found.loc[(0.97, "AUCOM"), "curve"] == "AUCOM v1"
    assert found.loc[(5.0, "compressed sensing"), "wer"] == pytest.approx(6.0)
    assert found.loc[(0.97, "AAC"), "kbps"] == 8.0
    assert found["low"].le(found["wer"] + 1e-9).all()
    assert table[table["recogniser"] != "server's network on features"]["items"].eq(0).all()


def test_paper_points_are_its_printed_ones(open_aucom: Callable[[str], Page]) -> None:
    table = recognition.paper_points(open_aucom("recognition")).set_index("point")
    assert table.loc["AUCOM, Fig. 13", ["kbps", "wer", "added"]].tolist() == pytest.approx([0.97, 4.95, 1.37])
    assert table.loc["AUCOM v3, Table 2", "wer"] == 6.39
    assert (table["family"] == "aucom_sensing").sum() == 1


def test_one_item_is_drawn_and_decides_nothing(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("recognition")
    few = recognition.load(page, RUNS)
    few = few[few["segment_id"] == few["segment_id"].min()]
    tables = [recognition.point_table(page, few, errors) for errors in recognition.RECOGNISERS]
    points = pd.concat(tables, ignore_index=True)
    assert len(recognition.draw_errors(points, "").axes) == len(set(points["recogniser"]))
    assert recognition.draw_added(points, recognition.paper_points(page), "").axes
    assert set(judged(page, few).values()) <= {"inconclusive", "not_testable"}
    assert recognition.heard_table(few, few["segment_id"].iloc[0])["kbps"].is_monotonic_increasing


def test_without_pocketsphinx_there_is_one_panel(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("recognition")
    items = recognition.load(page, ["aucom_v3", "aucom_asr"]).assign(sphinx_errors=np.nan)
    tables = [recognition.point_table(page, items, errors) for errors in recognition.RECOGNISERS]
    assert tables[1].empty
    assert list(tables[1].columns) == list(tables[0].columns)
    points = pd.concat(tables, ignore_index=True)
    assert len(recognition.draw_errors(points, "").axes) == 1
