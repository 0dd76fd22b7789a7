"""The enhancer's tables, and the paths of noisy speech to the recogniser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from tiny_workspace import inside, voice

from thinwire.artifacts import read_json, write_json
from thinwire.errors import PipelineError
from thinwire.evaluation.aucom.enhancement import MEASURES, scores, task_table
from thinwire.evaluation.aucom.pairs import Pairs, gate_open, load_pairs, mixed, spoken_pairs
from thinwire.params import Params
from thinwire.segments import SegmentWriter
from thinwire.systems.aucom.gate import NoiseGate

RUN = "aucom_enhancer"
SAMPLES = 19_200
LEVELS = (0.001, 0.05)
"""RMS of the noise, in turn: below the gate's threshold and above."""


def write_pairs(folder: Path, words: str = "the dog") -> None:
    """Six pairs a split with white noise at LEVELS in turn; of one in three nobody knows the words."""
    generator = np.random.default_rng(11)
    with SegmentWriter(folder, "voicebank", ["noisy"]) as writer:
        for split in ("train", "dev", "eval"):
            for i in range(6):
                clean = voice(generator, SAMPLES)
                noise = LEVELS[i % 2] * generator.standard_normal(SAMPLES)
                snr_db = 10.0 * np.log10(np.square(clean).mean() / np.square(noise).mean())
                writer.add((clean + noise)[None].astype(np.float32), clean, segment_id=f"{split}{i}", split=split,
                           session="s", speaker=f"p{i % 2}", start_s=0.0, end_s=1.2, noise=f"hiss{i % 2}",
                           snr_db=[snr_db], words="" if i % 3 == 2 else words)  # fmt: skip


@pytest.fixture(scope="module")
def workspace(bench_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of its own with pairs, an untrained enhancer of two seeds, and its results."""
    from thinwire.evaluation.aucom.stage import evaluate
    from thinwire.training.build import build_system, model_folder
    from thinwire.training.state import save_weights

    folder = tmp_path_factory.mktemp("enhancement") / "workspace"
    shutil.copytree(bench_folder, folder, ignore=shutil.ignore_patterns("results"))
    tree = yaml.safe_load((folder / "params.yaml").read_text("utf-8"))
    shape = {"channels": 2, "dense_layers": 1, "heads": 1, "random_features": 2}
    tree["systems"][RUN] = {"shape": shape}
    row = {"system": RUN, "data": "voicebank", "after": "data/segments/voicebank", "steps": 2, "training": {"seeds": 2}}
    tree["runs"]["aucom"][RUN] = row
    tree["evaluation"]["aucom"] = {"enhancement_items": 4, "listen_items": 2, "look_items": 1}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
    write_pairs(folder / "data" / "segments" / "voicebank")
    with inside(folder) as params:
        for number in range(2):
            place = model_folder(RUN, number)
            place.mkdir(parents=True)
            save_weights(place / "model.safetensors", build_system(params, RUN, {}, number).deployed())
            write_json(place / "config.json", {"facts": {}})
            write_json(place / "card.json", {"run": RUN, "steps": 2})
        evaluate(params, RUN)
    return folder


@pytest.fixture
def params(workspace: Path) -> Iterator[Params]:
    with inside(workspace) as params:
        yield params


def table(workspace: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(workspace / "results" / RUN / f"{name}.parquet")


class Identity:
    """An enhancer that leaves everything as it is."""

    def enhance(self, audio: torch.Tensor) -> torch.Tensor:
        return audio


def test_both_signals_of_every_pair_are_scored_for_every_seed(workspace: Path) -> None:
    items = table(workspace, "items")
    assert items.columns.tolist() == ["run", "seed", "segment_id", "speaker", "noise", "snr_db", "signal", *MEASURES]
    counts = items.groupby(["seed", "signal"])["segment_id"].nunique()
    assert counts.to_dict() == {(seed, signal): 4 for seed in (0, 1) for signal in ("noisy", "enhanced")}
    first, second = (items[items["seed"] == seed].reset_index(drop=True) for seed in (0, 1))
    noisy = first["signal"] == "noisy"
    assert np.allclose(first.loc[noisy, "si_sdr"], first.loc[noisy, "snr_db"], atol=0.5)
    assert first.loc[noisy, MEASURES].equals(second.loc[noisy, MEASURES])
    assert not np.allclose(first.loc[~noisy, "si_sdr"], second.loc[~noisy, "si_sdr"])


def test_a_perfect_copy_scores_best(params: Params) -> None:
    pair = load_pairs(params, "voicebank")
    copy, noisy = scores(pair.clean[1], pair.clean[1]), scores(pair.clean[1], pair.noisy[1])
    assert copy["ssnr"] == 35.0 and copy["stoi"] == pytest.approx(1.0, abs=1e-3) and copy["si_sdr"] > 60.0
    assert all(copy[name] > noisy[name] for name in MEASURES)


def test_every_path_is_recognised_with_and_without_the_codec(workspace: Path) -> None:
    heard = table(workspace, "tasks")
    assert heard.columns.tolist() == ["run", "segment_id", "snr_db", "path", "coded", "truth", "answer", "correct",
                                      "words", "word_errors", "gate_open"]  # fmt: skip
    counts = heard.groupby(["path", "coded"])["segment_id"].agg(sorted)
    assert len(counts) == 8 and all(ids == ["eval0", "eval1", "eval3", "eval4"] for ids in counts)
    assert set(heard["truth"]) == {"the dog"} and (heard["words"] == 2.0).all() and heard["correct"].isna().all()
    assert heard.groupby("segment_id")["gate_open"].agg(set).to_dict() == {
        "eval0": {False}, "eval1": {True}, "eval3": {True}, "eval4": {False},
    }  # fmt: skip
    paths = {path: part.reset_index(drop=True) for path, part in heard.groupby("path")}
    gated = paths["gated"].set_index(["segment_id", "coded"])["answer"]
    for row in heard[heard["path"] == "enhanced"].itertuples():
        if row.gate_open:
            assert gated[row.segment_id, row.coded] == row.answer
    for row in heard[heard["path"] == "noisy"].itertuples():
        if not row.gate_open:
            assert gated[row.segment_id, row.coded] == row.answer


def test_an_enhancer_that_does_nothing_changes_nothing(params: Params) -> None:
    pairs = load_pairs(params, "voicebank").with_words()
    heard = task_table(params, pairs, Identity())  # type: ignore[arg-type]
    answers = {path: part["answer"].tolist() for path, part in heard.groupby("path")}
    assert answers["enhanced"] == answers["noisy"]
    clean = Pairs(pairs.table, pairs.clean, pairs.clean)
    silent = task_table(params, clean, Identity())  # type: ignore[arg-type]
    assert not silent["gate_open"].any()
    assert {tuple(part["answer"]) for _, part in silent.groupby("path")} == {tuple(answers["clean"])}


def test_the_gate_hears_noise_and_not_speech(params: Params) -> None:
    pairs, gate = load_pairs(params, "voicebank"), NoiseGate()
    assert np.sqrt(np.square(pairs.clean).mean(1)).min() > gate.threshold
    assert not gate_open(Pairs(pairs.table, pairs.clean, pairs.clean), gate).any()
    assert gate_open(pairs, gate).tolist() == [False, True] * 3


def test_speech_gets_the_noises_of_pairs_at_their_snr(params: Params) -> None:
    pairs, speech = load_pairs(params, "voicebank"), load_pairs(params, "librispeech")
    made = mixed(speech, pairs)
    noise = made.noisy - speech.clean
    snr_db = 10.0 * np.log10(np.square(speech.clean).mean(1) / np.square(noise).mean(1))
    assert np.allclose(snr_db, made.table["snr_db"], atol=1e-3)
    assert made.table["noise"].tolist() == [f"hiss{i % 2}" for i in range(6)] * 1 + ["hiss0", "hiss1", "hiss0"]
    first, own = noise[1, :SAMPLES], (pairs.noisy - pairs.clean)[1]
    assert np.corrcoef(first, own)[0, 1] > 0.999


def test_pairs_without_words_lend_their_noise_to_speech_with_words(params: Params, tmp_path: Path) -> None:
    own = load_pairs(params, "voicebank")
    unknown = Pairs(own.table.assign(words=""), own.clean, own.noisy)
    assert spoken_pairs(params, own).table["segment_id"].tolist() == ["eval0", "eval1", "eval3", "eval4"]
    lent = spoken_pairs(params, unknown)
    assert all(str(name).startswith("librispeech-eval") for name in lent.table["segment_id"]) and len(lent) == 6
    write_pairs(tmp_path / "librispeech", words="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("thinwire.evaluation.aucom.pairs.DATA", tmp_path)
        with pytest.raises(PipelineError, match="librispeech: no segment of split eval has words"):
            spoken_pairs(params, unknown)


def test_clips_are_kept_to_look_and_listen(workspace: Path) -> None:
    folder = workspace / "results" / RUN
    versions = ("clean", "noisy", "enhanced")
    with np.load(folder / "audio.npz") as sounds, np.load(folder / "look.npz") as look:
        assert set(sounds.files) == {f"{name}/{version}" for name in ("eval0", "eval5") for version in versions}
        assert sounds["eval0/noisy"].dtype == np.int16 and sounds["eval0/noisy"].shape == (SAMPLES,)
        assert set(look.files) == {f"eval0/{version}" for version in versions}
        assert look["eval0/clean"].shape == (161, 1 + SAMPLES // 160) and np.isfinite(look["eval0/clean"]).all()


def test_means_are_those_of_the_tables(workspace: Path) -> None:
    means: dict[str, Any] = read_json(workspace / "reports" / "metrics" / f"{RUN}.json")
    items, heard = table(workspace, "items"), table(workspace, "tasks")
    assert means["noisy_ssnr"] == pytest.approx(items[items["signal"] == "noisy"]["ssnr"].mean(), abs=1e-4)
    part = heard[(heard["path"] == "gated") & (heard["coded"] == "aucom_v1")]
    assert means["wer_gated_aucom_v1"] == pytest.approx(part["word_errors"].sum() / part["words"].sum(), abs=1e-4)
    assert means["gate_open"] == 0.5
    told = read_json(workspace / "results" / RUN / "run.json")
    assert told["test_items"] == {"voicebank": 4} and told["means"] == means
    assert set(told["parameters"]) == {"encoder", "mask_decoder", "phase_decoder"}


def test_measuring_again_gives_the_same_bytes(workspace: Path) -> None:
    from thinwire.evaluation.aucom.stage import evaluate

    folder = workspace / "results" / RUN
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with inside(workspace) as params:
        evaluate(params, RUN)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
