"""Test items, the server's answers, and the one item table."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thinwire import kaldi
from thinwire.errors import PipelineError
from thinwire.evaluation.aucom.common import (
    COLUMNS,
    TASKS,
    Task,
    answers,
    drawn,
    errors,
    evenly,
    feature_unit,
    heard_by_server,
    item_table,
    judged,
    load_items,
    task_items,
)
from thinwire.evaluation.aucom.tasks import language_of
from thinwire.metrics.words import word_errors
from thinwire.params import Params
from thinwire.segments import SegmentStore
from thinwire.training.build import DATA, load_model


@pytest.mark.parametrize("corpus", TASKS)
def test_items_are_test_segments_at_their_own_length(bench_params: Params, corpus: str) -> None:
    items = task_items(bench_params, corpus)
    assert 2 <= len(items) <= 5 and (items.table["split"] == "eval").all() and all(items.truth)
    lasting = items.table["end_s"] - items.table["start_s"]
    assert np.allclose(items.seconds, lasting, atol=1e-4) and len(set(items.seconds)) > 1
    for audio, features in zip(items.audio, items.features, strict=True):
        assert np.array_equal(features, kaldi.fbank(audio[None], 16)[0])
        assert features.shape[1] <= items.frames


def test_speech_without_known_words_is_no_item(bench_params: Params) -> None:
    table = SegmentStore(DATA / "librispeech").table
    assert (table.loc[table["split"] == "eval", "words"] == "").any()
    items = load_items(bench_params, "librispeech", TASKS["librispeech"], 100)
    assert len(items) == 6 and "" not in items.truth


def test_items_are_spread_over_labels(bench_params: Params) -> None:
    for corpus, task in TASKS.items():
        if task.kind != "speech":
            counts = pd.Series(load_items(bench_params, corpus, task, 4).truth).value_counts()
            assert counts.tolist() == [2, 2]


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 12))
def test_a_label_is_not_met_with_one_talker_alone(seed: int, labels_turn: int, talkers_turn: int) -> None:
    place = np.arange(1200)
    labels, talkers = place // labels_turn % 4, place // talkers_turn % 2
    chosen = drawn(labels.astype(str), 400, seed)
    assert len(set(chosen)) == 400 and (np.diff(chosen) > 0).all()
    for label in range(4):
        share, there = talkers[chosen[labels[chosen] == label]].mean(), talkers[labels == label].mean()
        assert abs(share - there) < 0.25  # five deviations of a draw of 100
        assert abs((labels[chosen] == label).sum() - 400 * (labels == label).mean()) <= 1
    assert np.array_equal(drawn(labels.astype(str), 5000, seed), place)


def test_a_task_without_truth_is_told(bench_params: Params) -> None:
    with pytest.raises(PipelineError, match="librispeech.*eval.*a label.*larger"):
        load_items(bench_params, "librispeech", Task("aucom_emotion", "emotion"), 5)


def test_more_items_hold_the_ends_of_fewer() -> None:
    assert evenly(10, 20).tolist() == list(range(10))
    assert evenly(10, 4).tolist() == [0, 3, 6, 9]


@pytest.mark.parametrize("corpus", ["librispeech", "esc50"])
def test_the_server_hears_features_filled_up_with_silence(bench_params: Params, corpus: str) -> None:
    items = task_items(bench_params, corpus)
    model = load_model(bench_params, items.task.run)
    silence = math.log(kaldi.LOG_FLOOR)
    told = answers(bench_params, items, items.features)
    for place, features in enumerate(items.features):
        whole = np.pad(features, ((0, 0), (0, items.frames - features.shape[1])), constant_values=silence)
        alone = model.answer(whole.astype(np.float32))
        assert told["answer"][place] == alone.get("text", alone.get("label"))
    silent = kaldi.fbank(np.zeros((1, 16_000), np.float32), 16)
    assert torch.equal(heard_by_server([silent[0, :, :1]], 100), torch.from_numpy(silent))


def test_answers_are_judged_by_task(bench_params: Params) -> None:
    speech, sounds = task_items(bench_params, "ljspeech"), task_items(bench_params, "esc50")
    given = [f"{text} indeed" if place else text for place, text in enumerate(speech.truth)]
    table = judged(speech, given)
    assert table["correct"].isna().all()
    assert table["words"].tolist() == [len(text.split()) for text in speech.truth]
    assert table["word_errors"].tolist() == [0.0] + [1.0] * (len(speech) - 1)
    for row in table.itertuples():
        found = word_errors(row.truth, row.answer)
        assert row.word_errors == found.substitutions + found.deletions + found.insertions
    table = judged(sounds, [sounds.truth[0]] * len(sounds))
    assert table["correct"].tolist() == [float(label == sounds.truth[0]) for label in sounds.truth]
    assert 0.0 < table["correct"].mean() < 1.0
    assert table[["words", "word_errors"]].isna().all(axis=None)


def test_errors_in_units_of_the_codec_and_in_decibels(bench_params: Params) -> None:
    unit = feature_unit()
    features = [np.zeros((16, 7), np.float32), np.ones((16, 3), np.float32)]
    table = errors(features, [one + np.float32(math.log(10.0)) for one in features], unit)
    assert np.allclose(table["error_db"], 10.0)
    assert np.allclose(table["mse"] * unit**2, math.log(10.0) ** 2)


def test_every_table_has_the_same_columns(bench_params: Params) -> None:
    items = task_items(bench_params, "esc50")
    table = item_table(items, {"run": "r", "seed": 0, "system": "mp3", "label": "mp3", "kbps_nominal": 8.0})
    assert table.columns.tolist() == list(COLUMNS) and len(table) == len(items)
    assert table["mse"].isna().all() and (table["answer"] == "").all() and (table["kbps_nominal"] == 8.0).all()
    with pytest.raises(ValueError, match="loudness"):
        item_table(items, {"run": "r"}, [pd.DataFrame({"loudness": [1.0] * len(items)})])


@pytest.mark.parametrize(
    ("said", "closed"),
    [(["the cat", "go on", "", "a dog"], True), (["the cat sat", "on a mat today"], False), (["", ""], True)],
)
def test_the_recogniser_of_waveforms_knows_a_small_language_or_english(said: list[str], closed: bool) -> None:
    training = ["The cat, the dog.", "go on a", None]
    texts = [*training, *said, "mat today sat"]
    splits = ["train"] * len(training) + ["dev"] * len(said) + ["eval"]
    found = language_of(pd.DataFrame({"split": splits, "words": texts}))
    assert found == (["the cat the dog", "go on a", ""] if closed else None)
