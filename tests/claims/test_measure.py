"""From evaluation rows to differences, gains and floors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thinwire.claims import (
    Claim,
    Floor,
    check_floor,
    item_scores,
    load_paper,
    mean_difference,
    mean_values,
    ordering_differences,
    paper_setting,
    ratio_percent,
)
from thinwire.errors import PipelineError

GRID = [2, 8, 32, 128]
LEVEL = {"e1_agnostic/ndpca": 21.0, "e2_ndpca_agnostic/ndpca": 20.5, "e4_ndpca_agnostic/ndpca": 20.0,
         "e2_plain_agnostic/truncate": 17.5, "e4_plain_agnostic/truncate": 16.0}  # fmt: skip


@pytest.fixture
def items() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    easy = rng.normal(0, 2.0, 30)  # how hard an item is, which pairing removes
    rows = [
        {"run": system.split("/")[0], "bottleneck": system.split("/")[1], "seed": seed, "m": m,
         "segment_id": f"s{number:02d}",
         "psnr_magnitude": level + easy[number] + np.log2(m) / 8 + rng.normal(0, 0.05)}
        for system, level in LEVEL.items() for seed in (0, 1) for m in GRID for number in range(30)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_differences_are_paired_and_averaged(items: pd.DataFrame, root: Path) -> None:
    claim = {claim.id: claim for claim in load_paper("ndpca", root).claims}["ndpca.fig3b_order"]
    differences = ordering_differences(claim, items.sample(frac=1.0, random_state=0), GRID)
    assert list(differences) == [pair.name for pair in claim.rule.pairs]  # type: ignore[union-attr]
    assert [round(float(d.mean()), 1) for d in differences.values()] == [0.5, 0.5, 2.5, 1.5]
    assert all(d.shape == (30,) and d.std() < 0.1 for d in differences.values())


def test_gain_is_the_ratio_of_means(items: pd.DataFrame, root: Path) -> None:
    claims = {claim.id: claim for claim in load_paper("ndpca", root).claims}
    gain = ratio_percent(claims["ndpca.fig3b.e4d1_gain"], items, GRID)
    a, b = (
        item_scores(items, name, "psnr_magnitude") for name in ("e4_ndpca_agnostic/ndpca", "e4_plain_agnostic/truncate")
    )
    assert gain.percent.mean == pytest.approx(100 * (a.mean() / b.mean() - 1))
    assert gain.percent.low < gain.percent.mean < gain.percent.high
    assert gain.difference.mean == pytest.approx((a - b).mean())
    draws = np.random.default_rng(2).integers(0, 30, (4000, 30))
    direct = 100 * (a.to_numpy()[draws].mean(1) / b.to_numpy()[draws].mean(1) - 1)
    assert [gain.percent.low, gain.percent.high] == pytest.approx(np.percentile(direct, [2.5, 97.5]), abs=0.25)
    ratio = ratio_percent(claims["ndpca.fig3b.e2d1_vs_jae"], items, GRID)
    assert ratio.percent.mean == pytest.approx(100 * 20.5 / 21.0, abs=0.5)


def test_items_without_a_value_are_left_out(items: pd.DataFrame) -> None:
    items.loc[items["segment_id"] == "s03", "psnr_magnitude"] = np.nan
    assert len(item_scores(items, "e1_agnostic/ndpca", "psnr_magnitude")) == 29


def test_missing_rows_are_named(items: pd.DataFrame, root: Path) -> None:
    with pytest.raises(PipelineError, match="results/e1_aware/items.parquet"):
        item_scores(items, "e1_aware/ndpca", "psnr_magnitude")
    with pytest.raises(PipelineError, match=r"at m = \[64\]"):
        item_scores(items, "e1_agnostic/ndpca", "psnr_magnitude", [8, 64])
    claim = {claim.id: claim for claim in load_paper("ndpca", root).claims}["ndpca.fig3b.e2_beats_e4"]
    fewer = items[(items["run"] != "e4_ndpca_agnostic") | (items["segment_id"] != "s00")]
    with pytest.raises(PipelineError, match="different test items"):
        ordering_differences(claim, fewer, GRID)


def test_floor(items: pd.DataFrame, root: Path) -> None:
    floor = load_paper("ndpca", root).floors["agnostic"]
    best = item_scores(items, "e1_agnostic/ndpca", "psnr_magnitude", [128]).mean()
    assert check_floor(floor, items, best - 1.01).ok
    weak = check_floor(floor, items, best - 0.99)
    assert not weak.ok and "e1_agnostic/ndpca at m = 128" in weak.reason


def test_paper_setting_needs_scale_and_corpus() -> None:
    assert paper_setting("paper", "/corpora/CHiME6")
    assert not paper_setting("paper", None) and not paper_setting("default", "/corpora/CHiME6")


@pytest.fixture
def flat() -> pd.DataFrame:
    """Tables without bandwidths: three runs, and one whose variants are codecs."""
    rng = np.random.default_rng(4)
    easy = rng.normal(0, 0.1, 20)
    level = {("a", None): 0.8, ("b", None): 0.7, ("c", None): 0.5, ("classic", "opus_9"): 0.9, ("classic", "mp3"): 1.0}
    rows = [
        {"run": run, "codec": codec, "segment_id": f"s{n:02d}", "stoi": value + easy[n], "lsd": 10 - value, "pesq": 2.0}
        for (run, codec), value in level.items() for n in range(20)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def about(rule: dict, value: float | dict | None = None) -> Claim:
    return Claim(id="p.c", paper="p", where="T", statement="so", kind="ordering", paper_value=value, unit="none",
                 value_note="none", measure="it", rule=rule, notebook="n")  # fmt: skip


def test_systems_without_bandwidths_and_codecs(flat: pd.DataFrame) -> None:
    rule = {
        "type": "ordering", "column": "stoi",
        "pairs": [
            {"name": "runs", "better": "a", "worse": "b"},
            {"name": "codec", "better": "classic/opus_9", "worse": "a"},
            {"name": "less is better", "better": "a", "worse": "b", "column": "lsd", "lower_is_better": True},
        ],
    }  # fmt: skip
    differences = ordering_differences(about(rule), flat)
    assert {name: round(float(d.mean()), 6) for name, d in differences.items()} == {
        "runs": 0.1, "codec": 0.1, "less is better": 0.1,
    }  # fmt: skip
    with pytest.raises(PipelineError, match="results/classic/items.parquet: no rows of opus_6"):
        item_scores(flat, "classic/opus_6", "stoi")
    with pytest.raises(PipelineError, match="results/a/items.parquet: no column visqol"):
        item_scores(flat, "a", "visqol")


def test_a_pair_keeps_the_items_that_both_sides_have(flat: pd.DataFrame) -> None:
    flat.loc[(flat["run"] == "b") & (flat["segment_id"] == "s03"), "stoi"] = np.nan
    rule = {"type": "ordering", "column": "stoi", "pairs": [{"name": "n", "better": "a", "worse": "b"}]}
    assert ordering_differences(about(rule), flat)["n"].shape == (19,)


def test_values_and_differences(flat: pd.DataFrame) -> None:
    several = about(
        {"type": "number", "quantity": "value", "system": "a", "tolerance": {"stoi": 0.1, "pesq": 0.1}},
        {"stoi": 0.9, "pesq": 2.5},
    )
    measured = mean_values(several, flat)
    assert isinstance(measured, dict) and set(measured) == {"stoi", "pesq"}
    assert measured["stoi"].mean == pytest.approx(flat[flat["run"] == "a"]["stoi"].mean())
    assert measured["pesq"].low == measured["pesq"].high == 2.0
    rule = {"type": "number", "quantity": "difference", "tolerance": 0.1, "column": "stoi", "above": "a", "below": "c"}
    one = about(rule, -0.1)
    assert mean_difference(one, flat).mean == pytest.approx(0.3)
    with pytest.raises(PipelineError, match="asks for no difference"):
        mean_difference(several, flat)


def test_floor_of_every_system(flat: pd.DataFrame) -> None:
    means = flat[flat["codec"].isna()].groupby("run")["stoi"].mean()
    floor = Floor(which="every", column="stoi", at_least=float(means["b"]) - 0.01)
    assert check_floor(floor, flat, systems=["a", "b"]).ok
    weak = check_floor(floor, flat, systems=["a", "b", "c"])
    assert not weak.ok and "weakest system c in stoi" in weak.reason
