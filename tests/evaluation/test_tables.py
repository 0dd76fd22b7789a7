"""What `evaluate` leaves for the notebooks: every table with its columns, and numbers that can be done by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_workspace import SOURCES, inside

from thinwire.artifacts import read_json
from thinwire.channel.capacity import budget
from thinwire.evaluation.ndpca import perception, stage, targets
from thinwire.evaluation.ndpca.common import Bench, set_up
from thinwire.systems.ndpca.codec import NdpcaCodec
from thinwire.systems.ndpca.representation import spectra
from thinwire.training.adapters.score import load_enhancer

ITEM_COLUMNS = {
    "run", "seed", "arch", "representation", "setting", "lambda_perc", "bottleneck", "m", "segment_id", "speaker",
    "room", "noise", "plcmos", "logit_gap", "distortion", "mse",
}  # fmt: skip
SPECTRAL = {"psnr_magnitude", "psnr_enhanced"} | {
    f"{name}{ending}" for name in ("snr_spectral", "psnr_paper", "psnr_complex") for ending in ("", "_enhanced")
}
HEARD = {f"{name}{ending}" for name in ("si_sdr", "pesq", "stoi") for ending in ("", "_enhanced")}
MEASURED = {f"{name}{target}" for name in SPECTRAL | HEARD for target in ("", "_noisy")}
EVERYWHERE = ["psnr_magnitude", "psnr_magnitude_noisy", "snr_spectral", "snr_spectral_noisy", "mse"]
GRID = [1, 2, 3, 4, 6, 8, 12, 16]


@pytest.fixture(scope="module", params=["aware", "plain"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def bench(measured: Path, name: str) -> Bench:
    with inside(measured) as params:
        return set_up(params, name)


@pytest.fixture(scope="module")
def results(measured: Path, name: str) -> Path:
    return measured / "results" / name


@pytest.fixture(scope="module")
def items(results: Path) -> pd.DataFrame:
    return pd.read_parquet(results / "items.parquet")


def test_nothing_but_the_agreed_files(results: Path) -> None:
    assert {path.name for path in results.iterdir()} == {
        "items.parquet", "allocation.parquet", "scene_allocation.parquet", "bits.parquet",
        "baselines.json", "losses.json", "look.npz", "audio.npz",
    }  # fmt: skip


def test_items(items: pd.DataFrame, name: str, bench: Bench) -> None:
    assert set(items.columns) == ITEM_COLUMNS | MEASURED
    modes = {"aware": ["ndpca", "pca_equal"], "plain": ["truncate", "pca_equal"]}[name]
    assert len(items) == 6 * 8 * 2 and set(items["bottleneck"]) == set(modes)
    assert not items.duplicated(["segment_id", "bottleneck", "m"]).any()
    for _, part in items.groupby("bottleneck"):
        assert sorted(part["m"].unique()) == GRID
    assert set(items["speaker"]) <= {"eval0", "eval1", "eval2"} and set(items["room"]) == {"room-eval"}
    assert items[EVERYWHERE].notna().all().all()
    heard = items[items["psnr_enhanced"].notna()]
    assert (
        set(heard["bottleneck"]) == {modes[0]} and heard.groupby("segment_id")["m"].apply(sorted).tolist() == [GRID] * 3
    )
    assert (
        heard[sorted(MEASURED - {f"pesq{e}{t}" for e in ("", "_enhanced") for t in ("", "_noisy")})].notna().all().all()
    )
    assert items["distortion"].notna().sum() == 2 * 8
    real = items[items["logit_gap"].notna()]
    if name == "aware":
        assert set(real["m"]) == {4, 16} and len(real) == 2 * 2 and real["plcmos"].notna().all()
    else:
        assert real.empty and items["plcmos"].isna().all()
    assert set(items["setting"]) == {bench.run.setting}
    assert set(items["lambda_perc"]) == {1.0 if name == "aware" else 0.0}


def test_both_ways_to_a_number_agree(measured: Path, items: pd.DataFrame, bench: Bench) -> None:
    """The sweep measures all items, `measure` some of them with the waveforms: what both hold is the same."""
    with inside(measured) as params:
        table = perception.measure(bench, load_enhancer(params, Path("models/score")))
    both = items.merge(table, on=["segment_id", "bottleneck", "m"], suffixes=("", "_again"))
    assert len(both) == 3 * 8
    for column in EVERYWHERE[:-1]:
        np.testing.assert_allclose(both[column], both[f"{column}_again"], atol=0.02)  # spectra are kept in half floats


def test_each_target_is_its_own_best_estimate(bench: Bench) -> None:
    some = bench.subset(3)
    clean, noisy = targets.targets_of(bench, some)
    assert clean.views.magnitude.shape[1] == 1 and noisy.views.magnitude.shape[1] == 4
    mic = bench.segments.noisy[some, 0] / bench.data.gain[some, :1]
    own = targets.Estimate(
        "", mic, targets.views(spectra(torch.from_numpy(mic), bench.model.spectrum), bench.model.spectrum)
    )
    against_clean, against_noisy = clean.measures(own), noisy.measures(own)
    assert (against_noisy["si_sdr_noisy"] > 100).all() and (against_clean["si_sdr"] < 40).all()
    assert np.isinf(against_noisy["psnr_magnitude_noisy"]).all()  # the mean over microphones, one of which is exact
    nothing = targets.Views(*(0 * x for x in (own.views.magnitude, own.views.paper, own.views.complex)))
    quiet = targets.Estimate("", 0 * mic, nothing)
    silent = noisy.measures(quiet)
    np.testing.assert_allclose(silent["snr_spectral_noisy"], 0.0, atol=0.01)
    plain = np.abs(noisy.views.complex[0]) ** (1 / bench.model.spectrum.power)
    angle = np.angle(noisy.views.complex[0])
    mse = (np.square(plain).mean((1, 2)) + np.square(angle).mean((1, 2))) / 2
    expected = np.mean(20 * np.log10(plain.max((1, 2))) - 10 * np.log10(mse))
    assert silent["psnr_paper_noisy"][0] == pytest.approx(expected, abs=0.01)
    assert noisy.columns_heard(own) == ["pesq_noisy", "stoi_noisy"]
    stoi = [targets.heard(*target.pairs(own)[0])[1] for target in (clean, noisy)]
    assert stoi[1] == pytest.approx(1.0, abs=1e-3) and stoi[0] < stoi[1] - 0.01


def test_one_number_by_hand(items: pd.DataFrame, bench: Bench) -> None:
    mode, m, row = next(iter(bench.bottlenecks)), 4, 3
    fitted = bench.bottlenecks[mode]
    z_hat = []
    for i, z in enumerate(bench.latents):
        kept = fitted.directions[i][:, [j for s, j in fitted.order[:m] if s == i]]
        z_hat.append(fitted.mean[i] + (z[row] - fitted.mean[i]) @ kept @ kept.T)
    with torch.no_grad():
        decoded = bench.model.decode(torch.tensor(np.concatenate(z_hat))[None].float())[0, 0].numpy()
    clean = bench.data.clean[row, 0].float().numpy()
    mse = np.mean((clean - np.maximum(decoded, 0.0)) ** 2)
    expected = 20 * np.log10(clean.max() / np.sqrt(mse))
    segment = bench.segments.table["segment_id"].iloc[row]
    found = items[(items["segment_id"] == segment) & (items["bottleneck"] == mode) & (items["m"] == m)].iloc[0]
    assert found["psnr_magnitude"] == pytest.approx(expected, abs=1e-3)
    assert found["mse"] == pytest.approx(mse, rel=1e-3)
    snr = 10 * np.log10(np.square(clean).sum() / np.square(clean - np.maximum(decoded, 0.0)).sum())
    assert found["snr_spectral"] == pytest.approx(snr, abs=1e-3)


def test_full_width_is_the_model_itself(items: pd.DataFrame, bench: Bench) -> None:
    with torch.no_grad():
        output = bench.model(bench.data.noisy.float()).output[:, 0].clamp_min(0).numpy()
    mse = np.square(bench.clean - output).mean((1, 2))
    for _, part in items[items["m"] == 16].groupby("bottleneck"):
        np.testing.assert_allclose(part["mse"], mse, rtol=1e-3)


def test_test_items_taught_nothing(measured: Path, bench: Bench) -> None:
    assert set(bench.segments.table["split"]) == {"eval"} and bench.training_items == 24
    card = read_json(measured / "models" / bench.name / "card.json")
    assert card["training_items"] == 24


def test_allocation(results: Path, bench: Bench) -> None:
    table = pd.read_parquet(results / "allocation.parquet")
    assert list(table.columns) == ["bottleneck", "m", "source", "components"]
    assert set(table["source"]) == set(SOURCES)
    sums = table.groupby(["bottleneck", "m"])["components"].sum()
    assert all(total == m for (_, m), total in sums.items())
    scenes = pd.read_parquet(results / "scene_allocation.parquet")
    assert {"m", "segment_id", "source", "components", "snr_db"} == set(scenes.columns)
    assert all(total == m for (m, _), total in scenes.groupby(["m", "segment_id"])["components"].sum().items())
    assert len(scenes) == 8 * 6 * 4 and set(scenes["snr_db"]) == {20.0, 14.0, 10.0, 8.0}


def test_follow_obeys_the_bound(measured: Path, bench: Bench) -> None:
    table = pd.read_parquet(measured / "data" / "channel" / f"{bench.name}.parquet")
    assert {"t_s", "capacity_bps", "m", "m_sent", "psnr_magnitude", "segment_id"} == set(table.columns)
    with inside(measured) as params:
        ratio = 10.0 ** (params.channel.sigma2_over_d_db / 10.0)
    bits = 0.5 * np.log2(ratio)
    assert list(table["t_s"]) == list(range(12))
    assert (table["m"] * bits <= table["capacity_bps"] + 1e-9).all()
    assert ((table["m"] + 1) * bits > table["capacity_bps"]).all()
    assert (table["m_sent"] == table["m"].clip(upper=16)).all() and table["m_sent"].nunique() > 1
    np.testing.assert_array_equal(table["m"], budget(table["capacity_bps"].to_numpy(), ratio, 1.0, 1))


def test_bits(results: Path, name: str, bench: Bench) -> None:
    table = pd.read_parquet(results / "bits.parquet")
    assert {
        "seed", "scheme", "kbps_target", "segment_id", "bits_total", "bits_header", "bits_payload", "bits_entropy",
        "m_used", "psnr_magnitude",
    } == set(table.columns)  # fmt: skip
    assert len(table) == 3 * 2 and set(table["scheme"]) == {"ndpca" if name == "aware" else "full_latent"}
    np.testing.assert_allclose(table["bits_total"], table["bits_header"] + table["bits_payload"])
    row = table.iloc[-1]
    index = int(np.flatnonzero(bench.segments.table["segment_id"] == row["segment_id"])[0])
    codec = NdpcaCodec(bench.model, next(iter(bench.bottlenecks.values())))
    stream = codec.encode(bench.segments.noisy[index], 1000 * row["kbps_target"])
    assert row["bits_total"] == 8 * len(stream) / 0.5  # segments of half a second here


def test_json(results: Path, items: pd.DataFrame, measured: Path, bench: Bench) -> None:
    baselines = read_json(results / "baselines.json")
    assert {"zero", "mean_spectrum", "peak", "test_items", "training_items", "card"} <= set(baselines)
    assert baselines["test_items"] == 6 and baselines["training_items"] == 24 and "MAX" in baselines["peak"]
    clean = bench.clean
    zero = 20 * np.log10(clean.max((1, 2)) / np.sqrt(np.square(clean).mean((1, 2))))
    assert baselines["zero"] == pytest.approx(zero.mean(), abs=1e-3)
    assert baselines["mean_spectrum"] == pytest.approx(np.mean(baselines["mean_spectrum_items"]))
    assert baselines["mean_spectrum"] > baselines["zero"]
    losses = read_json(results / "losses.json")
    assert {"train", "dev", "test"} == set(losses)
    for part in losses.values():
        assert {"mse", "cosine", "cosine_signed", "nuclear", "snr", "psnr", "magnitude"} <= set(part)
    summary = read_json(measured / "reports" / "metrics" / f"{bench.name}.json")
    own = next(iter(bench.bottlenecks))
    mean = items[(items["bottleneck"] == own) & (items["m"] == 8)]["psnr_magnitude"].mean()
    assert summary[own]["m8"]["psnr_magnitude"] == pytest.approx(mean, abs=1e-3)


def test_look(results: Path, bench: Bench) -> None:
    with np.load(results / "look.npz") as look:
        assert look["directions"].shape == (4, 4, 4) and look["mean"].shape == look["singular_values"].shape == (4, 4)
        assert len(look["order_source"]) == len(look["order_index"]) == 16
        for i, segment in enumerate(look["segment_ids"]):
            assert segment in set(bench.segments.table["segment_id"])
            assert look[f"item{i}/x"].shape == (4, *look[f"item{i}/clean"].shape)
            assert look[f"item{i}/z"].shape == (4, 4)
            features = [key.split("/")[-1] for key in look if key.startswith(f"item{i}/feature/")]
            layers = ("projection", "temporal", "down", "residual")
            names = [f"encoder_{k}_{layer}" for layer in layers for k in (1, 2, 3, 4)]
            names += [f"decoder_{layer}" for layer in ("from_latent", "residual", "up")]
            assert features == [f"{place}_{name}" for place, name in enumerate(names)]
            maps = [look[f"item{i}/feature/{k}_encoder_{k + 1}_projection"] for k in range(4)]
            assert all(not np.array_equal(maps[0], other) for other in maps[1:])
            for m in GRID:
                assert look[f"item{i}/z_hat/m{m}"].shape == (16,)
                assert look[f"item{i}/x_hat/m{m}"].shape == look[f"item{i}/clean"].shape
        assert all(np.isfinite(look[key]).all() for key in look if look[key].dtype.kind == "f")


def test_sounds(results: Path, bench: Bench) -> None:
    with np.load(results / "audio.npz") as sounds:
        names = {key.split("/")[1] for key in sounds}
        kbps = {f"kbps{rate:g}" for rate in bench.settings.kbps_grid[::2]}
        assert (
            kbps
            and names == {"clean", "noisy", "m4", "m16", "enhanced", *kbps}
            and len({key.split("/")[0] for key in sounds}) == 2
        )
        assert all(sounds[key].dtype == np.int16 and sounds[key].shape == (8000,) for key in sounds)


def test_score_network(measured: Path) -> None:
    table = pd.read_parquet(measured / "results" / "score" / "items.parquet")
    assert {"run", "segment_id", "psnr_noisy", "psnr_enhanced", "dsm"} <= set(table.columns)
    assert np.isfinite(table[["psnr_noisy", "psnr_enhanced", "dsm"]].to_numpy()).all()


def test_evaluation_is_deterministic_and_leaves_nothing_half_done(
    measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(measured, tmp_path / "workspace"))
    before = {path.name: path.read_bytes() for path in (folder / "results" / "plain").iterdir()}
    shutil.rmtree(folder / "results" / "plain")
    (folder / "reports" / "metrics" / "plain.json").unlink()
    with inside(folder) as params:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(perception, "listen", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            stage.evaluate(params, "plain")
        assert not (folder / "results" / "plain").exists() and not list((folder / "results").glob(".*"))
        assert not (folder / "reports" / "metrics" / "plain.json").exists()
        stage.evaluate(params, "plain")
    for path in (folder / "results" / "plain").glob("*.parquet"):
        assert path.read_bytes() == before[path.name], path.name
