"""Reference weights: `train_long` writes weights and a card, and goes on where it stopped."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_workspace import inside, write_segments

from thinwire.artifacts import read_json
from thinwire.errors import ParamError
from thinwire.params import Params
from thinwire.training import long, stage
from thinwire.training.build import build_system
from thinwire.training.loop import Loop
from thinwire.training.state import load_tensors


def run_long(
    params: Params, name: str = "agnostic", steps: int = 9, out: str = "out", hours: float = 1.0,
    start: Path | None = None,
) -> Path:  # fmt: skip
    return long.train_long(params, name, hours, steps, [], Path(out), "invented", params.training_of(name), start)


def test_weights_and_card(workspace: Path) -> None:
    with inside(workspace) as params:
        path = run_long(params)
        tensors, card = load_tensors(path), read_json(path.with_suffix(".json"))
        model = build_system(params, "agnostic", {"mics": 4, "samples": 4000}, 0).deployed()
        assert set(tensors) == set(model.state_dict())
        assert all(v.dtype == torch.float16 for v in tensors.values() if v.is_floating_point())
        assert (card["run"], card["steps"], card["planned_steps"]) == ("agnostic", 9, 9)
        assert card["device"] == "cpu" and card["data"]["items"] == 24 and card["data"]["note"] == "invented"
        assert card["hours_seen"] == pytest.approx(9 * 8 * 0.25 / 3600)
        ids = card["data"]["training_ids"]
        assert ids["speaker"] == ["dev0", "dev1", "dev2", "train0", "train1", "train2"]
        assert "hum-train" in ids["noise"] and not any("eval" in value for column in ids.values() for value in column)
        assert {"parameters", "version", "code", "torch", "made", "validation", "curve", "wall_hours"} <= set(card)
        # what it is for: a run that starts from it
        shutil.copy(path, "weights/reference.safetensors")
        shutil.copy(path.with_suffix(".json"), "weights/reference.json")
        run = params.run("agnostic").model_copy(update={"init": "reference", "steps": 2})
        stage.train(params.with_run("agnostic", run), "agnostic")
        own = read_json("models/agnostic/card.json")
        assert own["init"] == "reference" and own["init_steps"] == 9
        assert own["init_hours_seen"] == card["hours_seen"]
        # training goes on from training: cards add up
        later = read_json(run_long(params, start=path, out="later").with_suffix(".json"))
        assert later["steps_before"] == 9 and later["hours_seen_before"] == card["hours_seen"]


def test_the_card_measures_the_weights_that_are_kept(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Loop.run

    def run_and_keep_the_worst(self: Loop, stop: Callable[[], bool]) -> None:
        run(self, stop)
        rows = [row for row in self.outcome.rows if row["split"] == "dev"]
        self.outcome.best_step = max(rows, key=lambda row: row["total"])["step"]

    monkeypatch.setattr(Loop, "run", run_and_keep_the_worst)
    with inside(workspace) as params:
        card = read_json(run_long(params).with_suffix(".json"))
    assert len(card["curve"]) > 1
    # the curve has every quantity of a validation, to four significant digits
    kept = next(row for row in card["curve"] if row["step"] == card["best_step"])
    assert kept["total"] == max(row["total"] for row in card["curve"])
    assert kept == {"step": card["best_step"]} | {k: float(f"{v:.4g}") for k, v in card["validation"].items()}
    assert len(kept) > 2 and any(kept[name] != value for name, value in card["validation"].items())


def test_stopped_by_the_clock_and_taken_up(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with inside(workspace) as params:
        whole = load_tensors(run_long(params, out="whole"))
        shutil.rmtree("resume")
        now = [0.0]
        step = Loop.step

        def ticking(self: Loop, number: int):  # type: ignore[no-untyped-def]
            now[0] += 600.0
            return step(self, number)

        monkeypatch.setattr(long.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(Loop, "step", ticking)
        part = run_long(params, out="part", hours=0.75)
        assert read_json(part.with_suffix(".json"))["steps"] == 5
        again = run_long(params, out="part")
        card = read_json(again.with_suffix(".json"))
        assert card["steps"] == 9 and card["hours_seen"] == pytest.approx(9 * 8 * 0.25 / 3600)
        assert all(torch.equal(whole[name], value) for name, value in load_tensors(again).items())


def test_several_folders_are_joined(workspace: Path) -> None:
    with inside(workspace) as params:
        write_segments(workspace / "more", 4000, 6, seed=1)
        folders = [workspace / "data/segments/chime6", workspace / "more"]
        path = long.train_long(params, "score", 1.0, 2, folders, Path("out"), "two", params.training_of("score"))
        card = read_json(path.with_suffix(".json"))
        assert card["data"]["items"] == 30 and card["data"]["folders"] == ["chime6", "more"]


@pytest.mark.parametrize(("hours", "steps"), [(0.0, 5), (1.0, 0)])
def test_nothing_to_do_is_refused(workspace: Path, hours: float, steps: int) -> None:
    with inside(workspace) as params, pytest.raises(ParamError, match="train-long agnostic: needs hours above 0"):
        run_long(params, steps=steps, hours=hours)
    assert not (workspace / "out").exists()


def test_refit_of_a_system_that_has_nothing_to_fit(workspace: Path) -> None:
    with inside(workspace) as params, pytest.raises(ParamError, match="--refit: system `ndpca` has nothing to fit"):
        long.train_long(
            params, "agnostic", 1.0, 9, [], Path("out"), "invented", params.training_of("agnostic"), refit="codebooks"
        )
