"""Tables and verdicts of task_quality, spectrograms and entropy_coders from known numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thinwire.claims import Verdict
from thinwire.figures.aucom import (
    coder_verdicts,
    entropy_coders,
    runs,
    spectrograms,
    task_quality,
    task_verdicts,
    verdicts,
)
from thinwire.figures.paths import Page

Open = Callable[[str], Page]
VARIANTS = list(runs.VARIANTS)


@pytest.fixture
def items(open_aucom: Open) -> pd.DataFrame:
    """Items of v1 to v3 and of the task networks."""
    return task_quality.load_quality(open_aucom("task_quality"), VARIANTS)


def perfect(items: pd.DataFrame) -> pd.DataFrame:
    """The same rows with every answer right."""
    speech = items["task"] == "speech"
    return items.assign(word_errors=np.where(speech, 0.0, np.nan), correct=np.where(speech, np.nan, 1.0))


def test_points_of_the_paper_are_those_of_its_claims(open_aucom: Open) -> None:
    printed = task_quality.printed_points(open_aucom("task_quality")).set_index(["corpus", "label"])
    assert printed.loc[("ravdess", "lossless"), "score"] == 63.27
    assert printed.loc[("iemocap", ""), "kbps"].tolist() == [1.5, 1.0]
    assert printed.loc[("librispeech", "aucom_v3"), ["kbps", "score"]].to_numpy().ravel().tolist() == [0.93, 6.39]
    lost = task_quality.paper_losses(printed.reset_index().query("corpus == 'iemocap'"))
    assert lost.query("kbps == 1.0")["loss"].tolist() == pytest.approx([7.52])


def test_losses_of_words_and_of_classes_point_the_same_way(open_aucom: Open, items: pd.DataFrame) -> None:
    table = task_quality.quality_table(open_aucom("task_quality"), items, VARIANTS)
    table = table.set_index(["corpus", "label", "tau"]).sort_index()
    for corpus in runs.TITLES:
        row = table.loc[(corpus, "aucom_v3", 10.0)]
        assert row["loss"] > 10.0
        plain = table.loc[(corpus, "lossless")].iloc[0]
        assert plain["loss"] == 0.0
        assert row["loss"] == pytest.approx(abs(row["score"] - plain["score"]))
    assert set(table.index.get_level_values(0)) == set(runs.TITLES)


def test_corpora_are_named_whose_network_is_too_weak_to_judge_coding(
    open_aucom: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_aucom("task_quality")
    assert verdicts.without_information(page) == ""
    load = verdicts.load

    def chance(page: Page, names: Sequence[str]) -> pd.DataFrame:
        table = load(page, names)
        right = np.arange(len(table)) % 4 == 0
        weak = table["corpus"] == "ravdess"
        answer = np.where(weak & ~right, "c", table["answer"])
        return table.assign(correct=np.where(weak, right, table["correct"]), answer=answer)

    monkeypatch.setattr(verdicts, "load", chance)
    told = verdicts.without_information(page)
    assert "RAVDESS (for VCEMO)" in told and "IEMOCAP" not in told and "LibriSpeech" not in told
    assert verdicts.without_information(page, ["librispeech"]) == ""


def test_right_answers_everywhere_bear_out_every_curve(open_aucom: Open, items: pd.DataFrame) -> None:
    found = {verdict.id: verdict for verdict in task_verdicts.judge(open_aucom("task_quality"), perfect(items))}
    assert len(found) == 10
    for claim in ("aucom.abstract.within5", "aucom.sec532_near1k", "aucom.fig11_esc50", "aucom.fig11_ljspeech"):
        assert found[claim].verdict == "reproduced"
    assert found["aucom.variants_order"].verdict == "inconclusive"  # no version is better than another
    assert "RAVDESS stands in" in found["aucom.fig11_vcemo"].reason


def test_wrong_answers_at_low_rates_contradict(open_aucom: Open, items: pd.DataFrame) -> None:
    page, broken = open_aucom("task_quality"), perfect(items)
    low = broken["kbps"] < 1.4
    broken["correct"] = broken["correct"].where(~low | broken["correct"].isna(), 0.0)
    found = {verdict.id: verdict for verdict in task_verdicts.judge(page, broken)}
    assert found["aucom.fig11_iemocap"].verdict == "contradicted"
    assert found["aucom.sec532_near1k"].verdict == "contradicted"
    assert found["aucom.fig11_librispeech"].verdict == "reproduced"


def test_another_grid_of_taus_differs(open_aucom: Open, items: pd.DataFrame) -> None:
    page = open_aucom("task_quality")
    found = {verdict.id: verdict for verdict in task_verdicts.judge(page, items[items["tau"] != 5.0])}
    assert found["aucom.tau_grid"].verdict == "differs"


def test_every_corpus_counts_alike_however_many_items_it_has() -> None:
    values = task_verdicts.evened({"a": np.array([1.0]), "b": np.array([4.0, 6.0, 5.0])})
    assert values.mean() == pytest.approx(3.0)
    assert len(values) == 4
    assert not len(task_verdicts.evened({"a": np.array([1.0]), "b": np.empty(0)}))


def test_one_item_or_nan_never_stops_a_notebook(open_aucom: Open, items: pd.DataFrame) -> None:
    few = items[items["segment_id"].str.endswith("-0000")]
    nothing = items.assign(correct=np.nan, word_errors=np.nan, mse=np.nan)
    page = open_aucom("task_quality")
    for table in (few[few["corpus"] != "esc50"], nothing):
        judged = task_verdicts.judge(page, table)
        assert "reproduced" not in {verdict.verdict for verdict in judged}
        quality = task_quality.quality_table(page, table, VARIANTS)
        cells = entropy_coders.table2(page, table)
        assert np.isfinite(coder_verdicts.cell(page, table, "iemocap", "aucom_v1")["rans_kbps"].mean)
    printed = task_quality.printed_points(page)
    task_quality.draw_quality(quality, printed, VARIANTS, "")
    task_quality.draw_losses(quality, printed, VARIANTS, "")
    task_quality.paper_table(quality, printed)
    entropy_coders.draw_table2(cells, "")
    entropy_coders.draw_hidden(entropy_coders.hidden_table(cells), entropy_coders.equal_table(few, [1.0, 2.0]), "")


def test_a_rate_has_the_least_distorted_point_near_it_else_the_nearest_in_the_logarithm(open_aucom: Open) -> None:
    table = pd.DataFrame({"label": ["a", "b", "c", "d"], "tau": [1, 2, 3, 4], "kbps": [0.26, 0.9, 0.9, 2.0],
                          "mse": [0.5, 0.4, 0.2, 0.1]})  # fmt: skip
    assert spectrograms.nearest(table, 0.5).run == "c"
    assert spectrograms.nearest(table, 0.4).run == "a"
    assert spectrograms.nearest(table, 50.0).kbps == 2.0
    assert spectrograms.nearest(table, 0.3).run == "a"  # 13 % away, alone within 20 %
    assert spectrograms.nearest(table.assign(kbps=[0.5, 0.55, 0.42, 0.61]), 0.5).run == "c"  # 0.61 is 22 % away
    assert [point.run for point in spectrograms.every_point(table)] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(("mse", "verdict"), [(0.1, "reproduced"), (0.38, "contradicted"), (0.6, "inconclusive")])
def test_structure_is_judged_near_half_a_kilobit(open_aucom: Open, mse: float, verdict: str,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    page = open_aucom("spectrograms")
    items = runs.load(page, VARIANTS).assign(mse=mse)
    monkeypatch.setattr("thinwire.figures.aucom.verdicts.load", lambda *_: items)
    (found,) = spectrograms.judge(page, spectrograms.rate_table(page, items))
    assert found.verdict == verdict  # below the floor of 0.61 nothing is said
    assert found.measured is not None


def test_spectrograms_are_in_decibels_of_the_items_maximum(open_aucom: Open) -> None:
    look = spectrograms.load_look(open_aucom("spectrograms"))
    for versions in look.values():
        assert versions["features"].max() == 0.0
        assert {"aucom_v1/tau1", "aucom_v2/tau10", "aucom_v3/tau5"} <= set(versions)


def test_cells_of_table_2_take_each_coder_at_the_papers_tau(open_aucom: Open, items: pd.DataFrame) -> None:
    page = open_aucom("entropy_coders")
    part = entropy_coders.point(items, "esc50", "aucom_v2", 1.0)
    found = coder_verdicts.cell(page, items, "esc50", "aucom_v2")
    assert found["rans_kbps"].mean == pytest.approx(part["kbps_rans"].mean())
    assert found["others_accuracy"].mean == pytest.approx(100.0 * part["correct"].mean())
    at_two = entropy_coders.point(items, "esc50", "aucom_v2", 2.0)
    assert found["huffman_kbps"].mean == pytest.approx(at_two["kbps_huffman"].mean())
    row = entropy_coders.table2(page, items).set_index(["corpus", "run", "coder"]).loc[("esc50", "aucom_v2", "huffman")]
    assert (row["paper_kbps"], row["paper_score"], row["tau"]) == (1.01, 91.92, 2.0)


def test_what_the_papers_comparison_hides(open_aucom: Open, items: pd.DataFrame) -> None:
    page = open_aucom("entropy_coders")
    hidden = entropy_coders.hidden_table(entropy_coders.table2(page, items)).set_index(["corpus", "run"])
    assert (hidden["as_paper_percent"] < 0.0).all()
    assert (hidden[["tau1_percent", "tau2_percent"]] > 0.0).all(axis=None)
    assert hidden.loc[("speech_commands", "aucom_v2"), "paper_spread"] == pytest.approx(1.44 / 1.04)
    assert (hidden["spread"] < 1.05).all()


def test_coders_within_a_tenth_do_not_matter(open_aucom: Open, items: pd.DataFrame) -> None:
    page = open_aucom("entropy_coders")
    same = items.assign(**{f"kbps_{coder}": items["kbps_arithmetic"] for coder in runs.CODERS})
    assert _of(coder_verdicts.judge(page, same, entropy_coders.table2(page, same))) == "reproduced"
    found = _of(coder_verdicts.judge(page, items, entropy_coders.table2(page, items)))
    assert found == "contradicted"  # Huffman at tau 2 takes a fifth more


def _of(verdicts: list) -> str:
    assert len(verdicts) == 20
    return next(verdict.verdict for verdict in verdicts if verdict.id == "aucom.table2_coder_irrelevant")


def test_the_fastest_coder_is_so_both_ways(open_aucom: Open, tmp_path: Path) -> None:
    page = Page(**{**open_aucom("entropy_coders").__dict__, "root": tmp_path})
    rows = [{"name": f"coder_{coder}_{way}", "value": 10.0 + 5.0 * (coder == "huffman")}
            for coder in runs.CODERS for way in ("encode", "decode")]  # fmt: skip
    path = tmp_path / "reports" / "benchmarks.json"
    path.parent.mkdir()

    def judged() -> Verdict:
        path.write_text(json.dumps({"measurements": rows}))
        return coder_verdicts.fastest(page)

    assert judged().verdict == "reproduced"
    rows[-1]["value"] = 20.0
    assert judged().verdict == "differs"
    rows.pop()
    assert (judged().verdict, judged().measured) == ("differs", None)
