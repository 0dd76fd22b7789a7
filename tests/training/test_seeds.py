"""Several seeds of a run, and a run that starts from another's model."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from tiny_workspace import inside

from thinwire.artifacts import read_json
from thinwire.params import Params
from thinwire.training import stage
from thinwire.training.build import build_system, load_model
from thinwire.training.state import load_tensors, save_weights

FACTS = {"mics": 4, "samples": 4000}


def with_seeds(params: Params, name: str, seeds: int) -> Params:
    row = params.run(name)
    return params.with_run(name, row.model_copy(update={"training": row.training | {"seeds": seeds}}))


def test_each_seed_is_a_model_of_its_own_and_the_first_is_what_one_seed_gives(workspace: Path) -> None:
    with inside(workspace) as params:
        stage.train(params, "joint")
        alone = load_tensors(Path("models/joint/model.safetensors"))
        stage.train(with_seeds(params, "joint", 3), "joint")
        models = [load_model(params, "joint", seed).state_dict() for seed in range(3)]
        assert all(torch.equal(alone[name], value) for name, value in models[0].items())
        for one, other in ((0, 1), (1, 2)):
            assert any(not torch.equal(value, models[other][name]) for name, value in models[one].items())
        assert sorted(path.name for path in Path("models/joint").iterdir() if path.is_dir()) == ["seed1", "seed2"]
        assert not list(Path("resume").glob("joint-*"))


def test_all_seeds_are_measured(workspace: Path) -> None:
    from thinwire.evaluation.ndpca.stage import evaluate

    with inside(workspace) as params:
        stage.train(params, "score")
        params = with_seeds(params, "plain", 2)
        stage.train(params, "plain")
        evaluate(params, "plain")
        for table in ("items", "bits"):
            rows = pd.read_parquet(f"results/plain/{table}.parquet")
            counts = rows.groupby("seed").size()
            assert list(counts.index) == [0, 1] and counts[0] == counts[1]
        items = pd.read_parquet("results/plain/items.parquet").pivot_table(
            index=["segment_id", "bottleneck", "m"], columns="seed", values="psnr_magnitude"
        )
        assert items.notna().all(axis=None) and not (items[0] == items[1]).all()


def test_what_fits_of_another_model_is_taken_over(workspace: Path, tmp_path: Path) -> None:
    with inside(workspace) as params:
        former = build_system(params, "agnostic", FACTS, 1).deployed()
        save_weights(tmp_path / "former.safetensors", former)
        other = build_system(params, "complex", FACTS, 2)  # twice as many features: projections differ in shape
        before = {name: value.clone() for name, value in other.deployed().state_dict().items()}
        said = stage.take_over(other, tmp_path / "former.safetensors", "scratch")
        shared = 0
        for name, value in other.deployed().state_dict().items():
            source = former.state_dict().get(name)
            fits = source is not None and source.shape == value.shape
            shared += fits
            assert torch.equal(value, source if fits else before[name]), name
        assert 0 < shared < len(before) and f"({shared} of {len(before)} tensors)" in said


@pytest.mark.parametrize("name", ["agnostic"])
def test_the_card_says_what_a_run_started_from(workspace: Path, name: str) -> None:
    with inside(workspace) as params:
        stage.train(params, name)
        row = params.run(name).model_copy(update={"after": f"models/{name}", "steps": 2})
        stage.train(params.with_run("joint", row.model_copy(update={"arch": "E4D1"})), "joint")
        assert read_json("models/joint/card.json")["init"].startswith(f"{name}/model (")
