"""The tables that `evaluate` leaves, and what must hold in them whatever the weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_workspace import inside

from thinwire.evaluation.aucom.common import COLUMNS, TASKS, answers, task_items
from thinwire.evaluation.aucom.stage import evaluate
from thinwire.metrics.words import word_errors

VARIANT_FILES = {"items.parquet", "rows.parquet", "positions.parquet", "normalisation.parquet", "densities.npz",
                 "look.npz", "audio.npz", "run.json"}  # fmt: skip
FEATURE_CODECS = ("aucom_v1", "aucom_v1_l1", "aucom_deepcod", "aucom_sensing")


def table(results: Path, run: str, name: str = "items") -> pd.DataFrame:
    return pd.read_parquet(results / run / f"{name}.parquet")


def test_each_kind_of_run_leaves_its_files(results: Path) -> None:
    files = {path.name: {file.name for file in path.iterdir()} for path in results.iterdir()}
    assert files["aucom_v1"] == VARIANT_FILES
    for run in FEATURE_CODECS[1:]:
        assert files[run] == {"items.parquet", "rows.parquet", "run.json"}
    for run in ("aucom_asr", "aucom_commands"):
        assert files[run] == {"items.parquet", "run.json"}


def test_all_systems_have_one_schema_and_the_same_items(results: Path) -> None:
    tables = [table(results, path.name) for path in results.iterdir()]
    assert all(one.columns.tolist() == list(COLUMNS) for one in tables)
    assert len({tuple(one.dtypes.astype(str)) for one in tables}) == 1
    everything = pd.concat(tables)
    for corpus, part in everything.groupby("corpus"):
        ids = {tuple(points["segment_id"]) for _, points in part.groupby(["run", "seed", "label", "tau"], dropna=False)}
        assert len(ids) == 1, corpus


def test_a_codec_has_every_tau_on_every_corpus(results: Path) -> None:
    items = table(results, "aucom_v1")
    points = items.groupby(["seed", "corpus", "tau"]).size()
    assert len(points) == 2 * len(TASKS) * 4 and set(items["label"]) == {"aucom_v1"}
    assert set(items["system"]) == {"codec"} and (items["rows"] == items["rows"][0]).all()
    assert (items["task"] == items["corpus"].map(lambda corpus: TASKS[corpus].kind)).all()


def test_compared_systems_have_their_own_points_on_librispeech(results: Path) -> None:
    items = table(results, "aucom_sensing")
    assert set(items["corpus"]) == {"librispeech"}
    points = items.groupby(["label", "rows", "tau"]).size().reset_index()
    assert points["label"].tolist() == ["aucom_sensing_24"] * 2 + ["aucom_sensing_6"] * 2
    assert points["rows"].tolist() == [24.0, 24.0, 6.0, 6.0] and points["tau"].tolist() == [0.5, 2.0] * 2
    more, fewer = (items[items["label"] == f"aucom_sensing_{rows}"] for rows in (24, 6))
    assert (more["kbps_entropy"].to_numpy() > fewer["kbps_entropy"].to_numpy()).all()
    assert more["mse"].mean() < fewer["mse"].mean()


@pytest.mark.parametrize("run", FEATURE_CODECS)
def test_a_larger_tau_means_fewer_bits_and_more_error(results: Path, run: str) -> None:
    items = table(results, run)
    for _, part in items.groupby(["seed", "label"]):
        means = part.groupby("tau")[["kbps_entropy", "kbps_rans", "mse", "error_db"]].mean()
        assert (means["kbps_entropy"].diff().dropna() < 0.0).all()
        assert (means["kbps_rans"].diff().dropna() < 0.0).all()
        if run != "aucom_deepcod":  # whose untrained decoder hears nothing
            assert means["mse"].is_monotonic_increasing and means["error_db"].is_monotonic_increasing


@pytest.mark.parametrize("run", FEATURE_CODECS)
def test_rows_tell_what_the_items_cost(results: Path, run: str) -> None:
    items, rows = table(results, run), table(results, run, "rows")
    assert {"run", "tau", "row", "entropy_bits", "huffman_bits", "symbols"} <= set(rows)
    items = items[items["seed"] == 0]
    for (label, tau), part in items.groupby(["label", "tau"]):
        mine = rows[(rows["label"] == label) & (rows["tau"] == tau)]
        assert mine["row"].tolist() == list(range(int(part["rows"].iloc[0])))
        for column, kbps in (("entropy_bits", "kbps_entropy"), ("huffman_bits", "kbps_huffman")):
            whole = (mine[column] * mine["symbols"]).sum()
            sent = (1000.0 * part[kbps] * (part["seconds"] * 100.0).round() / 100.0).sum()
            assert whole <= sent + 1e-6 and sent - whole <= 8.0 * len(part)


def test_lossless_rows_are_the_answers_to_uncoded_features(results: Path, bench_folder: Path) -> None:
    with inside(bench_folder) as params:
        for run in ("aucom_asr", "aucom_commands"):
            told = table(results, run)
            assert set(told["label"]) == set(told["system"]) == {"lossless"} and (told["kbps"] == 256.0).all()
            for corpus, part in told.groupby("corpus"):
                items = task_items(params, str(corpus))
                again = answers(params, items, items.features)
                assert part["answer"].tolist() == again["answer"].tolist()
                assert part["truth"].tolist() == items.truth
    assert set(table(results, "aucom_asr")["corpus"]) == {"librispeech", "ljspeech"}


def test_speech_counts_errors_and_the_rest_is_right_or_wrong(results: Path) -> None:
    items = table(results, "aucom_v1")
    speech = items[items["task"] == "speech"]
    assert speech["correct"].isna().all() and items.loc[items["task"] != "speech", "correct"].isin([0.0, 1.0]).all()
    assert items.loc[items["task"] != "speech", ["words", "word_errors"]].isna().all(axis=None)
    for row in speech.itertuples():
        found = word_errors(row.truth, row.answer)
        assert (row.words, row.word_errors) == (
            found.words, found.substitutions + found.deletions + found.insertions)  # fmt: skip


def test_pocketsphinx_hears_some_of_the_speech(results: Path) -> None:
    lossless = table(results, "aucom_asr")
    coded = pd.concat([table(results, run) for run in FEATURE_CODECS])
    heard = coded[coded["sphinx_errors"].notna()]
    assert set(heard["corpus"]) == {"librispeech"} and set(heard["run"]) == set(FEATURE_CODECS) - {"aucom_v1_l1"}
    points = heard.groupby(["run", "seed", "label", "tau"])
    assert (points.size() == 1).all()
    assert set(heard["segment_id"]) == set(lossless[lossless["sphinx_errors"].notna()
                                                    & (lossless["corpus"] == "librispeech")]["segment_id"])  # fmt: skip
    for row in heard.itertuples():
        found = word_errors(row.truth, row.sphinx_answer)
        assert row.sphinx_errors == found.substitutions + found.deletions + found.insertions
    assert (coded.loc[coded["sphinx_errors"].isna(), "sphinx_answer"] == "").all()


def test_what_can_be_looked_at(results: Path) -> None:
    items = table(results, "aucom_v1")
    with np.load(results / "aucom_v1" / "look.npz", allow_pickle=False) as look:
        names = {name.split("/")[0] for name in look.files}
        assert len(names) == 2 and names <= set(items["segment_id"])
        for name in names:
            seconds = items.loc[items["segment_id"] == name, "seconds"].iloc[0]
            features = look[f"{name}/features"]
            assert features.shape == (16, round(100 * seconds)) == look[f"{name}/tau3"].shape
            assert look[f"{name}/symbols8"].shape == look[f"{name}/latent"].shape
            assert np.abs(look[f"{name}/symbols1"]).sum() > np.abs(look[f"{name}/symbols8"]).sum()
    with np.load(results / "aucom_v1" / "audio.npz", allow_pickle=False) as audio:
        assert len(audio.files) == 3 * 5
        for name in {name.split("/")[0] for name in audio.files}:
            sounds = [audio[f"{name}/{kind}"] for kind in ("clean", "features", "tau1", "tau3", "tau8")]
            assert {sound.dtype.str for sound in sounds} == {"<i2"}
            assert max(map(len, sounds)) - min(map(len, sounds)) < 160


def test_what_a_run_says_of_itself(results: Path) -> None:
    told = json.loads((results / "aucom_v1" / "run.json").read_text())
    assert set(told) == {"card", "row", "parameters", "fingerprint", "test_items", "means"}
    assert {"encoder", "decoder"} <= set(told["parameters"]) and set(told["test_items"]) == set(TASKS)
    metrics = json.loads((results.parent / "reports" / "metrics" / "aucom_v1.json").read_text())
    items = table(results, "aucom_v1").query("tau == 2")
    speech = items[items["corpus"] == "ljspeech"]
    assert metrics == told["means"]
    assert metrics["wer_ljspeech"] == pytest.approx(speech["word_errors"].sum() / speech["words"].sum(), abs=1e-4)
    assert metrics["kbps_huffman"] == pytest.approx(items["kbps"].mean(), abs=1e-4)
    sensing = json.loads((results.parent / "reports" / "metrics" / "aucom_sensing.json").read_text())
    assert {"aucom_sensing_6_mse", "aucom_sensing_24_wer_librispeech"} <= set(sensing)


@pytest.mark.parametrize("run", ["aucom_v1", "aucom_asr"])
def test_the_stage_writes_the_same_bytes_twice(results: Path, bench_folder: Path, run: str) -> None:
    before = {path.name: path.read_bytes() for path in (results / run).iterdir()}
    with inside(bench_folder) as params:
        evaluate(params, run)
    assert {path.name: path.read_bytes() for path in (results / run).iterdir()} == before
