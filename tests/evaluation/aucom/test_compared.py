"""Interpolation, MP3 and AAC beside the learned codecs."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from encodec import EncodecModel
from tiny_workspace import inside

from thinwire.artifacts import read_json
from thinwire.cli import main
from thinwire.evaluation.aucom.common import COLUMNS, task_items
from thinwire.evaluation.aucom.compared import coders_of, neural, usable
from thinwire.evaluation.aucom.interpolations import interpolations
from thinwire.params import parse_params
from thinwire.params.aucom_codec import Settings

EVALUATION = {
    "task_items": 5, "sphinx_items": 1, "interpolation_factors": [[2, 2], [4, 4]], "interpolation_taus": [0.25, 2.0],
    "mp3_kbps": [8, 17, 64], "aac_kbps": [12, 64],
}  # fmt: skip


@pytest.fixture(scope="module")
def workspace(bench_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of its own, with results/aucom_compared."""
    folder = tmp_path_factory.mktemp("compared") / "workspace"
    shutil.copytree(bench_folder, folder, ignore=shutil.ignore_patterns("results"))
    tree = yaml.safe_load((folder / "params.yaml").read_text("utf-8"))
    tree["evaluation"]["aucom"] = EVALUATION
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
    with inside(folder):
        assert main(["compare", "aucom"]) == 0
    return folder


@pytest.fixture(scope="module")
def items(workspace: Path) -> pd.DataFrame:
    return pd.read_parquet(workspace / "results" / "aucom_compared" / "items.parquet")


def test_it_is_the_one_table_with_the_same_items(workspace: Path, items: pd.DataFrame) -> None:
    assert items.columns.tolist() == list(COLUMNS) and set(items["run"]) == {"aucom_compared"}
    with inside(workspace) as params:
        ids = task_items(params, "librispeech").ids
    for _, point in items.groupby(["label", "tau", "kbps_nominal"], dropna=False):
        assert point["segment_id"].tolist() == ids
    assert set(items["corpus"]) == {"librispeech"} and (items["words"] > 0).all()


def test_interpolation_has_every_kind_factor_and_tau(items: pd.DataFrame) -> None:
    own = items[items["system"] == "interpolation"]
    rows = own.groupby(["label", "tau"])["rows"].first()
    labels = ["bicubic_2x2", "bicubic_4x4", "bilinear_2x2", "bilinear_4x4"]
    assert rows.index.tolist() == [(label, tau) for label in labels for tau in (0.25, 2.0)]
    assert rows.tolist() == [8.0, 8.0, 4.0, 4.0] * 2
    assert (own["kbps"] == own["kbps_huffman"]).all()


def test_coarser_means_fewer_bits_and_more_error(items: pd.DataFrame) -> None:
    own = items[items["system"] == "interpolation"].groupby(["label", "tau"])[["kbps_entropy", "mse"]].mean()
    for kind in ("bilinear", "bicubic"):
        fine, coarse = own.loc[f"{kind}_2x2"], own.loc[f"{kind}_4x4"]
        for one in (fine, coarse):
            assert one["kbps_entropy"][0.25] > one["kbps_entropy"][2.0] and one["mse"][0.25] < one["mse"][2.0]
        assert fine["kbps_entropy"][0.25] > coarse["kbps_entropy"][0.25]
        assert fine["mse"][0.25] < coarse["mse"][0.25]


def test_where_nothing_is_left_out_only_rounding_remains() -> None:
    settings = Settings(spectrum={"n_mels": 16}, chunk_s=0.4)
    net = interpolations(settings, [(1, 1)])["bilinear_1x1"]
    f = torch.randn(200, 16, 40, generator=torch.Generator().manual_seed(2)) * 3.0 - 5.0
    for tau, coder in coders_of(net, f, [0.25, 1.0]).items():
        one = f[7].numpy()
        error = coder.decode(coder.encode(one)) - one
        assert np.square(error).mean() == pytest.approx(9.0 * tau**2 / 12.0, rel=0.15)


@pytest.mark.parametrize(("codec", "low"), [("mp3", 8.0), ("aac", 12.0)])
def test_codecs_of_waveforms_keep_near_their_rates(items: pd.DataFrame, codec: str, low: float) -> None:
    own = items[items["label"] == codec].groupby("kbps_nominal")
    assert set(own.groups) == {low, 64.0}
    for nominal, rows in own:
        # clips of about a second; their last packet counts whole
        assert rows["kbps"].mean() == pytest.approx(nominal, rel=0.25)
    error = own["mse"].mean()
    assert error[64.0] < error[low] and own["kbps_huffman"].count().eq(0).all()


def test_pocketsphinx_hears_the_same_subset_of_every_rate(items: pd.DataFrame) -> None:
    heard = items[items["sphinx_errors"].notna()]
    assert set(heard["system"]) == {"interpolation", "mp3", "aac"} and heard["segment_id"].nunique() == 1
    points = items.groupby(["label", "tau", "kbps_nominal"], dropna=False)
    assert (points["sphinx_errors"].count() == 1).all()


def test_what_is_not_there_has_a_reason(workspace: Path) -> None:
    told = read_json(workspace / "results" / "aucom_compared" / "compared.json")
    assert set(told["unavailable"]) == {"mp3_17", "EnCodec", "DAC"}
    assert told["unavailable"]["mp3_17"] == "it has no rate of 17 kbps at 16 kHz"
    assert set(told["titles"]) == {"mp3", "aac"} and told["test_items"] == {"librispeech": 5}


def test_codecs_whose_weights_are_given_go_the_way_of_the_others(workspace: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a deprecated weight normalisation
        torch.save(EncodecModel.encodec_model_24khz(pretrained=False).state_dict(), tmp_path / "encodec.th")
    tree = yaml.safe_load((workspace / "params.yaml").read_text("utf-8"))
    tree["evaluation"]["aucom"] |= {"weights": {"encodec": str(tmp_path / "encodec.th")}, "encodec_kbps": [1.5, 6.0]}
    with inside(workspace):
        params = parse_params(tree)
        items = task_items(params, "librispeech")
        tables = neural(params, items, 1.0, None)
    assert [set(table["kbps_nominal"]) for table in tables] == [{1.5}, {6.0}]
    for table in tables:
        assert table["segment_id"].tolist() == items.ids and set(table["label"]) == {"encodec"}
        assert (table["kbps"] >= 0.99 * table["kbps_nominal"]).all() and np.isfinite(table["mse"]).all()
        assert table["word_errors"].notna().all() and table["sphinx_errors"].isna().all()


def test_a_codec_that_ffmpeg_lacks_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thinwire.evaluation.aucom.compared.available", lambda: ("aac",))
    points, reasons = usable({"mp3": [8.0], "aac": [12.0, 200.0]})
    assert points == [("aac", 12.0)] and set(reasons) == {"mp3_8", "aac_200"}
