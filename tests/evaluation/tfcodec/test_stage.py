"""What `evaluate` leaves of a codec: every agreed table, and numbers that can be done by hand."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_workspace import inside

from thinwire.artifacts import read_json
from thinwire.evaluation.tfcodec.common import Bench, Clips, load_clips, passes, set_up
from thinwire.evaluation.tfcodec.stage import evaluate, is_analysed
from thinwire.metrics.perceptual import stoi

ALWAYS = {"items.parquet", "steps.parquet", "usage.parquet", "groups.parquet", "features.npz", "audio.npz", "run.json"}
TALKERS = {"speakers.parquet", "embeddings.npz"}
PHONES = {f"{name}.parquet" for name in ("phonemes", "phoneme_information", "phoneme_map", "phoneme_allocation")}
FILES = {"plain": ALWAYS | TALKERS | PHONES, "conv": ALWAYS | TALKERS | {"packets.parquet"}, "adv": ALWAYS}
ITEM_COLUMNS = {
    "run", "seed", "kbps_target", "groups", "codewords", "predictor", "power_mode", "quantiser", "adversarial",
    "feature_matching", "loss_aware", "segment_id", "speaker", "level_db", "pesq", "stoi", "si_sdr", "lsd", "lsd_4_8k",
    "visqol", "plcmos", "kbps_nominal", "kbps_entropy", "kbps_huffman", "kbps_range", "kbps_packets",
    "kbps_packet_headers", "header_bytes", "fill", "bits_mean", "bits_std", "bits_min", "bits_max", "confidence",
    "correlation", "correlation_encoder", "correlation_step", "correlation_channel", "resemblance",
    "sparsity_encoder", "sparsity_prediction", "sparsity_coded", "low_energy_share",
}  # fmt: skip
STEPS = 31  # of 1.2 s


@pytest.fixture(params=sorted(FILES))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def items(results: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(results / name / "items.parquet")


@pytest.fixture
def bench(bench_folder: Path, name: str) -> Bench:
    with inside(bench_folder) as params:
        return set_up(params, name)


@pytest.fixture
def clips(bench_folder: Path) -> Clips:
    with inside(bench_folder) as params:
        return load_clips(params.evaluation.tfcodec, "dns")


def test_nothing_but_the_agreed_files(results: Path, name: str) -> None:
    assert {path.name for path in (results / name).iterdir()} == FILES[name]


def test_items(items: pd.DataFrame, name: str) -> None:
    assert set(items.columns) == ITEM_COLUMNS
    assert len(items) == items["segment_id"].nunique() == 8 and set(items["speaker"]) == {"eval0", "eval1", "eval2"}
    sometimes = {"visqol", "plcmos", "resemblance", "sparsity_prediction", "pesq"}
    assert items[sorted(ITEM_COLUMNS - sometimes)].notna().all().all()
    assert items["plcmos"].notna().sum() == 2 and items["visqol"].notna().sum() <= 3
    assert items["resemblance"].notna().all() == (name == "conv")


def test_rates_are_those_of_the_bytes(results: Path, items: pd.DataFrame, bench: Bench, clips: Clips) -> None:
    steps = pd.read_parquet(results / bench.name / "steps.parquet")
    assert len(steps) == 8 * STEPS and set(steps["run"]) == {bench.name}
    codes = next(passes(bench.model, clips.audio, "")).output.quantised.indices.numpy()
    for row, indices in zip(items.itertuples(), codes, strict=True):
        own = steps[steps["segment_id"] == row.segment_id]
        packed = bench.coder.bitstream.pack(indices, 19_200)
        assert row.kbps_range + 8 * row.header_bytes / (STEPS * 40.0) == pytest.approx(8 * len(packed) / (STEPS * 40.0))
        bits = own["bits_huffman"].sum()
        assert row.kbps_huffman == pytest.approx(8 * np.ceil(bits / 8) / (STEPS * 40.0))
        assert row.kbps_entropy == pytest.approx(own["bits_entropy"].sum() / (STEPS * 40.0))
        assert row.bits_std == pytest.approx(own["bits_huffman"].std(ddof=0))
        assert row.kbps_nominal == pytest.approx(bench.row.groups * 4 / 40.0)
        assert row.fill == pytest.approx(row.kbps_entropy / row.kbps_nominal)


def test_quality_is_that_of_decoded_bytes(items: pd.DataFrame, bench: Bench, clips: Clips) -> None:
    codes = next(passes(bench.model, clips.audio, "")).output.quantised.indices.numpy()
    decoded = bench.coder.decode(bench.coder.bitstream.pack(codes[3], 19_200))
    by_hand = float(stoi(clips.audio[3] * clips.gain[3], decoded * clips.gain[3]))
    assert items["stoi"].iloc[3] == pytest.approx(by_hand, abs=1e-4)
    assert np.sqrt(np.mean(clips.reference**2, axis=1)) == pytest.approx(0.05, rel=1e-4)


def test_usage(results: Path, bench: Bench) -> None:
    usage, groups = (pd.read_parquet(results / bench.name / f"{table}.parquet") for table in ("usage", "groups"))
    assert len(usage) == bench.row.groups * 16 and len(groups) == bench.row.groups
    assert (usage.groupby("group")["count"].sum() == 8 * STEPS).all()
    assert (usage["count_train"].to_numpy() == bench.counts.ravel()).all()
    assert (usage["confidence"].isna() == (usage["count"] == 0)).all()
    shares = usage.pivot(index="group", columns="codeword", values="count").to_numpy() / (8 * STEPS)
    entropy = -np.sum(shares * np.log2(np.where(shares > 0, shares, 1.0)), axis=1)
    assert groups["entropy_bits"].to_numpy() == pytest.approx(entropy)
    assert groups["perplexity"].to_numpy() == pytest.approx(2**entropy)
    assert (groups["dead"].to_numpy() == (shares == 0).sum(1)).all()


def test_features_and_sounds(results: Path, bench: Bench) -> None:
    looks = np.load(results / bench.name / "features.npz")
    names = {"spectrum", "decoded", "x_r", "x_n", "x_hat_n", "x_hat_r", "indices", "bits"}
    names |= {"x_p"} if bench.name == "conv" else set()
    assert set(looks.files) == {"segment_ids", *(f"item0/{key}" for key in names)}
    assert looks["item0/x_r"].shape == (12, 4 * STEPS) and looks["item0/spectrum"].shape == (321, 4 * STEPS)
    assert looks["item0/spectrum"].max() == 0.0
    decoded = bench.model.quantiser.decode(torch.from_numpy(looks["item0/indices"].astype(np.int64))[None])[0]
    np.testing.assert_allclose(looks["item0/x_hat_n"], decoded.numpy(), atol=2e-3)
    sounds = np.load(results / bench.name / "audio.npz")
    lossy = {"lost10", "lost30", "lost50", "burst120", "burst240"} if bench.name == "conv" else set()
    assert {key.split("/")[1] for key in sounds.files} == {"clean", "decoded"} | lossy
    assert all(sounds[key].dtype == np.int16 and len(sounds[key]) == 19_200 for key in sounds.files)


def test_run_facts(results: Path, bench: Bench, bench_folder: Path) -> None:
    facts = read_json(results / bench.name / "run.json")
    assert facts["test_items"] == 8 and facts["card"]["run"] == bench.name and facts["row"]["kbps"] == 1.0
    assert facts["power"] == pytest.approx(0.4)
    assert facts["parameters"]["encoder"] == sum(p.numel() for p in bench.model.encoder.parameters())
    assert (facts["parameters"]["predictive"] > 0) == (bench.name == "conv")
    metrics = read_json(bench_folder / "reports" / "metrics" / f"{bench.name}.json")
    assert metrics["kbps_huffman"] == facts["means"]["kbps_huffman"]


def test_which_runs_are_looked_into(bench_folder: Path) -> None:
    with inside(bench_folder) as params:
        row = params.run("plain")
    changes = [{"adversarial": True}, {"quantiser": "gumbel"}, {"power": "fixed"}, {"loss_aware": True}]
    assert is_analysed(row) and is_analysed(row.model_copy(update={"predictor": "adaptive"}))
    assert not any(is_analysed(row.model_copy(update=change)) for change in changes)


def test_equal_bytes_twice(results: Path, bench_folder: Path) -> None:
    def hashes() -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (results / "plain").iterdir()}

    before = hashes()
    with inside(bench_folder) as params:
        evaluate(params, "plain")
    assert hashes() == before
