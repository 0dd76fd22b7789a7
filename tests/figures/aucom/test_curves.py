"""Reading a curve at a rate, as the rules say it; floors, settings and claims without measurement."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinwire.figures.aucom import curves, verdicts
from thinwire.figures.paths import Page


def codec(label: str, points: dict[float, tuple[float, list[float]]]) -> pd.DataFrame:
    """Items of a classifier behind a codec: rate and right answers (0 or 1) at each tau."""
    rows = [
        (label, tau, kbps, f"s{k}", right) for tau, (kbps, rights) in points.items() for k, right in enumerate(rights)
    ]
    table = pd.DataFrame(rows, columns=["label", "tau", "kbps", "segment_id", "correct"])
    return table.assign(task="sounds", kbps_nominal=np.nan)


CURVE = codec("aucom_v1", {1: (2.0, [1, 1]), 2: (1.0, [1, 0]), 5: (0.5, [0, 0])})


def test_between_two_points_scores_are_linear_in_the_log_of_the_rate() -> None:
    found = curves.at_rate(CURVE, ["aucom_v1"], 2.0**0.5)
    assert found.scores.tolist() == pytest.approx([100.0, 50.0])
    assert (found.reached, found.kbps) == (True, pytest.approx(2.0**0.5))


def test_a_point_on_the_rate_is_taken_as_it_is() -> None:
    assert curves.at_rate(CURVE, ["aucom_v1"], 1.0).scores.tolist() == [100.0, 0.0]
    assert curves.at_rate(CURVE, ["aucom_v1"], 8.0).scores.tolist() == [100.0, 100.0]


def test_of_several_curves_the_best_that_goes_so_low() -> None:
    other = codec("aucom_v2", {1: (0.9, [1, 1]), 2: (0.4, [0, 1])})
    both = pd.concat([CURVE, other])
    assert curves.at_rate(both, ["aucom_v1", "aucom_v2"], 1.0).label == "aucom_v2"
    assert curves.at_rate(both, ["aucom_v1", "aucom_v2"], 0.45).label == "aucom_v2"
    low = curves.at_rate(both, ["aucom_v1", "aucom_v2"], 0.1)
    assert (low.label, low.reached, low.kbps) == ("aucom_v2", False, 0.4)
    assert "0.4 kbps" in low.words
    assert curves.lowest(both, ["aucom_v1"]).kbps == 0.5


def test_codecs_in_use_are_read_from_the_highest_rate_down() -> None:
    table = codec("mp3", {8: (8.2, [0, 0]), 64: (65.0, [1, 1])})
    table = table.assign(kbps_nominal=table["tau"], tau=np.nan)
    assert curves.at_rate(table, ["mp3"], 100.0).scores.tolist() == [100.0, 100.0]
    assert curves.at_rate(table, ["mp3"], 8.2).scores.tolist() == [0.0, 0.0]
    assert not curves.at_rate(table, ["mp3"], 1.0).reached


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.0, 5.0), min_size=1, max_size=5), st.floats(0.05, 10.0))
def test_any_curve_can_be_read_at_any_rate(rates: list[float], kbps: float) -> None:
    table = codec("aucom_v1", {float(k + 1): (rate, [1, 0]) for k, rate in enumerate(rates)})
    found = curves.at_rate(table, ["aucom_v1"], kbps)
    assert np.isfinite(found.scores).all()
    assert found.scores.tolist() == pytest.approx([100.0, 0.0])


def test_no_answers_at_all_read_as_nothing() -> None:
    found = curves.at_rate(CURVE.assign(correct=np.nan), ["aucom_v1"], 1.0)
    assert found.scores.empty
    assert curves.losses(found, CURVE).empty


def test_loss_pairs_items_that_both_have() -> None:
    lossless = CURVE[CURVE["tau"] == 1.0].iloc[:1]
    found = curves.losses(curves.at_rate(CURVE, ["aucom_v1"], 0.5), lossless)
    assert found.to_dict() == {"s0": 100.0}


def test_word_scores_are_a_hundred_less_the_error_rate() -> None:
    items = pd.DataFrame({"segment_id": ["a", "b"], "task": "speech", "word_errors": [1.0, 0.0], "words": [2.0, 8.0]})
    assert curves.points(items).mean() == pytest.approx(90.0)


def test_ability_is_one_for_the_papers_score_and_nought_for_chance(
    open_aucom: Callable[[str], Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_aucom("task_quality")
    rows = [("esc50", "sounds", f"s{k}", "lossless", "abcd"[k % 4], "abcd"[k % 4] if right else "a", float(right))
            for k, right in enumerate([1, 0, 0, 0])]  # fmt: skip
    names = ["corpus", "task", "segment_id", "label", "truth", "answer", "correct"]
    monkeypatch.setattr(verdicts, "load", lambda *_: pd.DataFrame(rows, columns=names))
    assert verdicts.ability_table(page, ["esc50"])["ability"].mean() == pytest.approx(0.0)
    found = verdicts.held(page, "sounds", verdicts.ability_table(page, ["esc50"]), ["aucom_sounds"])
    assert not found.ok
    assert "0.00" in found.reason


def test_a_floor_without_any_measurement_is_not_reached(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("task_quality")
    table = pd.DataFrame({"run": ["aucom_v1"], "segment_id": ["a"], "explained": [0.9]})
    assert not verdicts.held(page, "coded", table, ["aucom_v1", "aucom_v2"]).ok
    assert verdicts.held(page, "coded", table, ["aucom_v1"]).ok
    assert not verdicts.all_of(verdicts.held(page, "coded", table, ["aucom_v2"]), verdicts.FloorResult(True, "")).ok


def test_floors_are_held_on_the_corpora_of_the_claim(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("task_quality")
    assert "aucom_asr" in verdicts.floor_of(page, "aucom.fig11_librispeech", ["librispeech"]).reason
    one, two = (len(verdicts.ability_table(page, corpora)) for corpora in (["librispeech"], ["librispeech", "esc50"]))
    assert (one, two) == (24, 48)
    assert verdicts.floor_of(page, "aucom.tau_grid").ok


def test_setting_is_never_the_papers_here(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("entropy_coders")
    assert not verdicts.same_setting(page, ["librispeech"])
    paper = page.params.model_copy(update={"preset": "paper"})
    assert not verdicts.same_setting(Page(**{**page.__dict__, "params": paper}), ["ravdess"])


def test_nothing_measured_is_undecided_never_an_error(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("task_quality")
    nothing = {"mean of the corpora, loss at most 5": np.array([np.nan])}
    found = verdicts.judge_pairs(page, "aucom.sec532_near1k", nothing, ["x"])
    assert (found.verdict, found.measured) == ("inconclusive", None)
    assert "no test item" in found.reason
    assert verdicts.judge_holds(page, "aucom.eq4_len_entropy", None, None, ["x"]).verdict == "inconclusive"
    assert verdicts.judge_holds(page, "aucom.huffman_fast", None, None, ["x"]).verdict == "differs"
    few = {"mean of the corpora, loss at most 5": np.array([1.0])}
    assert verdicts.judge_pairs(page, "aucom.sec532_near1k", few, ["x"]).verdict == "inconclusive"
