"""The loop as a person meets it: equal runs, refusals, and what is kept."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from filelock import FileLock
from tiny_workspace import inside, train_in
from torch import Tensor, nn

from thinwire.artifacts import read_json, write_json
from thinwire.errors import CheckpointError, PipelineError
from thinwire.nn.trainable import Batch, Losses, Trainable
from thinwire.params import load_params
from thinwire.params.base import Training
from thinwire.pipeline import quick_dvc
from thinwire.training import guard, stage
from thinwire.training.build import Splits, build_system, load_model
from thinwire.training.loop import Loop, TensorData
from thinwire.training.state import Checkpoint, load_tensors, load_weights, misfit, save_weights

FACTS = {"mics": 4, "samples": 4000}

SETTINGS = Training(batch=4, lr=0.05, warmup=0, weight_decay=0.0, validate_every=2, checkpoint_every=3)


class Line(Trainable):
    """y = a x, with a loss that a test can spoil."""

    weights = {"mse": 1.0}

    def __init__(self, spoil_at: int | None = None) -> None:
        super().__init__()
        self.line = nn.Linear(1, 1)
        self.spoil_at, self.calls = spoil_at, 0

    def deployed(self) -> nn.Module:
        return self.line

    def forward(self, batch: Batch, generator: torch.Generator, critic: nn.Module | None = None) -> Losses:
        noise = torch.randn(len(batch["clean"]), 1, generator=generator)
        mse = (self.line(batch["noisy"]) - batch["clean"] - 0.01 * noise).square().mean()
        self.calls += self.training
        return Losses({"mse": mse * (math.nan if self.training and self.calls == self.spoil_at else 1.0), "other": mse})


def line_loop(folder: Path, steps: int = 10, settings: Training = SETTINGS, spoil_at: int | None = None) -> Loop:
    x = torch.linspace(-1, 1, 12)[:, None]
    torch.manual_seed(3)
    data = TensorData({"noisy": x, "clean": 2 * x})
    return Loop(Line(spoil_at), Splits(data, data, {}, {}, 1.0), settings, steps, 5, folder, "train line")


def weights_of(loop: Loop) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in loop.raw.state_dict().items()}


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_equal_runs_give_equal_bytes(fresh: Path, tmp_path: Path) -> None:
    folders = [Path(shutil.copytree(fresh, tmp_path / name)) for name in "ab"]
    models = [train_in(folder, "agnostic") for folder in folders]
    for name in ("model.safetensors", "latents.safetensors", "card.json", "config.json", "curves.tsv"):
        assert models[0].joinpath(name).read_bytes() == models[1].joinpath(name).read_bytes(), name
    assert not list((folders[0] / "resume").iterdir())
    card = read_json(models[0] / "card.json")
    assert card["steps"] == 14 and card["init"] == "scratch" and card["training_items"] == 24
    assert card["hours_seen"] == pytest.approx(14 * 8 * 0.25 / 3600)
    curves = pd.read_csv(models[0] / "curves.tsv", sep="\t")
    assert set(curves["split"]) == {"train", "dev"}
    assert {"step", "total", "mse", "cosine", "nuclear", "snr", "psnr", "magnitude"} <= set(curves.columns)
    assert sorted(set(curves["step"])) == [0, 4, 8, 12, 14]


@pytest.mark.parametrize("ema", [0.0, 0.8])
def test_stopped_anywhere_and_taken_up_again(tmp_path: Path, ema: float) -> None:
    settings = SETTINGS.model_copy(update={"ema": ema})
    whole = line_loop(tmp_path / "whole", settings=settings)
    whole.run()
    for stop_after in (1, 3, 4, 9):
        folder = tmp_path / f"stopped{stop_after}"
        first = line_loop(folder, settings=settings)
        answers = iter([False] * (stop_after - 1) + [True])
        first.run(lambda answers=answers: next(answers))
        assert first.done == stop_after
        again = line_loop(folder, settings=settings)
        again.run()
        assert equal(weights_of(whole), weights_of(again)) and equal(whole.best, again.best)
        assert whole.outcome.rows == again.outcome.rows


@pytest.mark.parametrize("batch", [4, 5, 7, 12, 40])
def test_every_dev_item_counts_alike(tmp_path: Path, batch: int) -> None:
    """Of 12 items a batch of 5 leaves two over; the random draws are small beside the error."""
    loop = line_loop(tmp_path, settings=SETTINGS.model_copy(update={"batch": batch}))
    with torch.no_grad():
        loop.raw.line.weight.fill_(-3.0)  # type: ignore[union-attr, operator]
        loop.raw.line.bias.fill_(1.0)  # type: ignore[union-attr, operator]
    x = torch.linspace(-1, 1, 12)
    expected = float((-3.0 * x + 1.0 - 2.0 * x).square().mean())
    assert loop.validate()["total"] == pytest.approx(expected, rel=0.01)


def test_kept_weights_are_the_best_by_validation(tmp_path: Path) -> None:
    loop = line_loop(tmp_path, steps=8, settings=SETTINGS.model_copy(update={"lr": 3.0}))
    with torch.no_grad():  # starts at the solution, and overshoots from there
        for parameter, value in zip(loop.raw.parameters(), (2.0, 0.0), strict=True):
            parameter.fill_(value)
    seen: dict[int, dict[str, Tensor]] = {}
    validate = loop.validate

    def spy() -> dict[str, float]:
        seen[loop.done] = {name: value.clone() for name, value in loop.raw.deployed().state_dict().items()}
        return validate()

    loop.validate = spy  # type: ignore[method-assign]
    loop.run()
    dev = {row["step"]: row["total"] for row in loop.outcome.rows if row["split"] == "dev"}
    best = min(dev, key=lambda step: dev[step])
    assert best == loop.outcome.best_step and loop.outcome.best_total == dev[best]
    assert equal(loop.best, seen[best]) and best != 8


def test_one_bad_loss_stops_the_run_with_its_step(tmp_path: Path) -> None:
    loop = line_loop(tmp_path, spoil_at=4)
    with pytest.raises(PipelineError, match=r"train line: loss is not finite at step 3 \(mse\); lower training.lr"):
        loop.run()
    assert all(torch.isfinite(value).all() for value in loop.raw.state_dict().values())


def test_learning_rate_warms_up_and_falls(tmp_path: Path) -> None:
    loop = line_loop(tmp_path, steps=20, settings=SETTINGS.model_copy(update={"warmup": 4, "lr": 1.0}))
    rates = [loop.learning_rate(step) for step in range(21)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0] and rates[4] == 1.0
    assert all(a >= b for a, b in zip(rates[4:], rates[5:], strict=False)) and rates[20] == pytest.approx(0.05)


def test_second_writer_is_refused(tmp_path: Path) -> None:
    with (
        guard.sole_writer(tmp_path / "run"),
        pytest.raises(PipelineError, match="another process trains this run"),
        guard.sole_writer(tmp_path / "run"),
    ):
        pass
    with FileLock(tmp_path / "run" / "lock").acquire(timeout=0):
        pass  # free again


def test_the_first_of_several_processes_locks_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with guard.sole_writer(tmp_path):
        monkeypatch.setenv("LOCAL_RANK", "1")
        with guard.sole_writer(tmp_path):
            pass


@pytest.mark.parametrize("words", [["/usr/bin/dvc"], ["-m", quick_dvc.__name__]])
def test_orphan_check_follows_the_pipeline(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    class Ancestor:
        alive, line = True, ["/usr/bin/python3", *words, "repro"]

        def cmdline(self) -> list[str]:
            return self.line

        def is_running(self) -> bool:
            return self.alive

        def status(self) -> str:
            return "sleeping"

    ancestor = Ancestor()
    monkeypatch.setattr(guard.psutil.Process, "parents", lambda _self: [ancestor])
    orphaned = guard.orphan_check()
    assert not orphaned()
    ancestor.alive = False
    assert orphaned()
    ancestor.line = ["make", "repro"]
    assert not guard.orphan_check()()


def test_take_up(workspace: Path) -> None:
    with inside(workspace) as params:
        weights = workspace / "weights"
        own = build_system(params, "agnostic", FACTS, 1)
        assert stage.take_up(own, "scratch", weights) == "scratch"
        save_weights(weights / "small.safetensors", build_system(params, "agnostic", FACTS, 2).deployed(), half=True)
        write_json(weights / "small.json", {})
        assert stage.take_up(own, "small", weights) == "small"
        half = load_tensors(weights / "small.safetensors")
        state = own.deployed().state_dict()
        assert all(torch.equal(state[name], value.to(state[name].dtype)) for name, value in half.items())
        joint = build_system(params, "joint", FACTS, 1)
        before = {name: value.clone() for name, value in joint.state_dict().items()}
        assert stage.take_up(joint, "small", weights).startswith("scratch (small does not fit: ")
        assert equal(before, joint.state_dict())
        with pytest.raises(CheckpointError, match="nowhere.safetensors: no such weights"):
            stage.take_up(own, "nowhere", weights)
        (weights / "small.json").unlink()
        with pytest.raises(CheckpointError, match="small.json: not there; weights come with their card"):
            stage.take_up(own, "small", weights)


def test_unknown_init_is_named_before_anything_is_made(workspace: Path) -> None:
    with inside(workspace) as params:
        run = params.run("agnostic").model_copy(update={"init": "nowhere"})
        with pytest.raises(CheckpointError, match=r"ndpca\.agnostic\.init: weights/nowhere\.safetensors is not"):
            stage.train(params.with_run("agnostic", run), "agnostic")
    assert not (workspace / "models").exists() and not (workspace / "resume").exists()


def test_checkpoint_of_another_model_names_the_tensor(workspace: Path, tmp_path: Path) -> None:
    train_in(workspace, "joint")
    with inside(workspace) as params:
        other = build_system(params, "agnostic", FACTS, 0).deployed()
        with pytest.raises(CheckpointError, match=r"another model: encoders\.0\.\S+ has shape"):
            load_weights(workspace / "models/joint/model.safetensors", other)
        assert type(load_model(params, "joint")) is type(other)
        changed = params.systems.ndpca.shape.model_copy(update={"latent": 8})
        systems = params.systems.model_copy(
            update={"ndpca": params.systems.ndpca.model_copy(update={"shape": changed})}
        )
        with pytest.raises(CheckpointError, match=r"joint/model\.safetensors: weights of another model: \S+ has shape"):
            load_model(params.model_copy(update={"systems": systems}), "joint")
    tensors = load_tensors(workspace / "models/joint/model.safetensors")
    assert "is missing" in str(misfit({}, other))
    assert "unknown to the model" in str(misfit(tensors | {"a": torch.zeros(1)}, other))
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes((workspace / "models/joint/model.safetensors").read_bytes()[:-7])
    with pytest.raises(CheckpointError, match=r"damaged\.safetensors: not a safetensors file"):
        load_tensors(damaged)
    with pytest.raises(CheckpointError, match="not a resume state"):
        Checkpoint.load(workspace / "models/joint/model.safetensors")


def test_resume_state_keeps_every_value(tmp_path: Path) -> None:
    scalars = {"step": 3, "outcome": {"best_total": 0.1 + 0.2}, "sums": {"mse": 1e-17}}
    Checkpoint({"a": torch.tensor([1.5])}, scalars).save(tmp_path / "state")
    state = Checkpoint.load(tmp_path / "state")
    assert state.scalars == scalars and torch.equal(state.tensors["a"], torch.tensor([1.5]))


def test_an_aware_run_needs_its_score_network(workspace: Path) -> None:
    with inside(workspace) as params, pytest.raises(CheckpointError, match=r"models/score/model\.safetensors"):
        stage.train(params, "aware")
    assert not (workspace / "models").exists()


def test_resume_state_belongs_to_parameters_and_data(workspace: Path) -> None:
    with inside(workspace) as params:
        own = stage.run_fingerprint(params, "agnostic")
        assert own == stage.run_fingerprint(load_params(), "agnostic")
        faster = params.training.model_copy(update={"lr": 0.1})
        assert own != stage.run_fingerprint(params.model_copy(update={"training": faster}), "agnostic")
        table = workspace / "data/segments/chime6/segments.parquet"
        table.write_bytes(table.read_bytes() + b" ")
        assert own != stage.run_fingerprint(params, "agnostic")


def test_data_items_come_as_floats() -> None:
    data = TensorData({"noisy": torch.arange(6).half(), "clean": torch.arange(6)})
    batch = data.take(torch.tensor([4, 1]), torch.device("cpu"))
    assert len(data) == 6 and batch["noisy"].tolist() == [4.0, 1.0] and batch["clean"].dtype == torch.float32
    assert replace(data, tensors={"noisy": torch.zeros(2)}).__len__() == 2
