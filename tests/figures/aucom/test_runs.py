"""Items of runs, scores with intervals, names and colours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinwire.errors import PipelineError
from thinwire.figures.aucom import runs
from thinwire.figures.paths import Page
from thinwire.figures.tfcodec import runs as shared_runs


def speech(errors: list[float], words: list[float]) -> pd.DataFrame:
    """Items of one operating point."""
    names = {"segment_id": [f"s{k}" for k in range(len(errors))], "task": "speech", "label": "a", "tau": np.nan}
    return pd.DataFrame(names | {"word_errors": errors, "words": words, "correct": np.nan, "kbps": 1.0})


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 12)), min_size=1, max_size=30))
def test_word_error_rate_is_that_of_all_words_together(counts: list[tuple[int, int]]) -> None:
    errors, words = zip(*counts, strict=True)
    items = speech(list(errors), list(words))
    found = runs.score(items, draws=100)
    assert found.mean == pytest.approx(100 * sum(errors) / sum(words))
    assert found.mean == pytest.approx(runs.item_scores(items).mean())
    assert found.low - 1e-9 <= found.mean <= found.high + 1e-9 or len(counts) > 1


def test_accuracy_leaves_out_items_without_an_answer() -> None:
    items = speech([0, 0, 0, 0], [1, 1, 1, 1]).assign(task="emotion", correct=[1.0, 0.0, 1.0, np.nan])
    found = runs.score(items)
    assert (found.mean, found.items) == (pytest.approx(200 / 3), 3)


def test_one_item_or_none_never_fails() -> None:
    one = runs.score(speech([2], [5]))
    assert (one.mean, one.low, one.high) == pytest.approx((40.0, 40.0, 40.0))
    for items in (speech([np.nan], [5]), speech([0], [0]), speech([0], [np.nan])):
        assert runs.score(items).items == 0
        assert runs.score_table(items, ["label"]).empty


def test_table_has_a_line_for_a_point_without_tau() -> None:
    table = pd.concat([speech([1, 0], [4, 4]), speech([0, 0], [4, 4]).assign(label="b", tau=2.0, kbps=[1.0, 3.0])])
    found = runs.score_table(table, ["label", "tau"], draws=100).set_index("label")
    assert found["score"].to_dict() == {"a": 12.5, "b": 0.0}
    assert found.loc["b", "kbps"] == 2.0
    with pytest.raises(PipelineError, match="emotion, speech"):
        runs.score(pd.concat([table, table.assign(task="emotion")]))


def test_every_label_has_a_name_and_a_colour_of_its_own(open_aucom: Callable[[str], Page]) -> None:
    page = open_aucom("task_quality")
    items = runs.load(page, ["aucom_v1", "aucom_v2", "aucom_v1_l16", "aucom_compared", "aucom_sensing", "aucom_asr"])
    labels = runs.order(items["label"])
    assert labels[:2] == ["aucom_v1", "aucom_v1_l16"]
    assert labels[-1] == "lossless"
    names = [runs.name(label) for label in labels]
    assert len(set(names)) == len(names)
    assert runs.name("aucom_sensing_40") == "compressed sensing, 40 rows"
    assert runs.name("bicubic_4x4") == "bicubic, 4 x 4"
    assert runs.style("aucom_sensing_40") == runs.style("aucom_sensing_160")
    assert runs.style("something")["color"] == runs.UNKNOWN["color"]


def test_captions_tell_what_each_system_heard_where_it_is_not_the_same(
    open_aucom: Callable[[str], Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = {"aucom_v1": (0.1, 8.3), "aucom_deepcod": (0.4, 0.0), "aucom_sensing": (0.4, 0.0)}
    cards = {
        run: {"steps": 20, "batch": 8, "init": "scratch", "hours_seen": own, "init_hours_seen": before}
        for run, (own, before) in hours.items()
    }
    for module in (runs, shared_runs):
        monkeypatch.setattr(module, "facts", lambda page, run: {"card": cards[run]})
    page = open_aucom("recognition")
    told = runs.note(page, list(hours), 24, "unseen utterances")
    assert told.endswith("Audio heard in training: AUCOM v1 8.4 h; DeepCOD 0.4 h; compressed sensing 0.4 h.")
    alike = runs.note(page, ["aucom_deepcod", "aucom_sensing"], 24, "unseen utterances")
    assert "heard in training" not in alike and "(0.4 h of audio seen" in alike
