"""A wrong parameter is one line that names its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from thinwire.errors import ParamError
from thinwire.params import Params, load_params, parse_params


@pytest.fixture
def tree(root: Path) -> dict[str, Any]:
    return yaml.safe_load((root / "params.yaml").read_text("utf-8"))


def test_the_committed_parameters_are_read(root: Path) -> None:
    params = load_params(root / "params.yaml")
    assert params.run("score").system == "score"
    assert params.training_of("score").batch == params.run("score").training.get("batch", params.training.batch)


def put(tree: dict[str, Any], place: str, value: Any) -> None:
    *path, last = place.split(".")
    for key in path:
        tree = tree[key]
    tree[last] = value


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("trainin", {}, "params.yaml: trainin: no such parameter"),
        ("systems.ndpca.shape.widht", 8, "systems.ndpca.shape.widht: no such parameter (mistyped?)"),
        ("systems.ndpca.shape.width", "wide", "systems.ndpca.shape.width: Input should be a valid integer"),
        ("systems.ndpca.shape.width", 1, "shape.width: Input should be greater than or equal to 4, found 1"),
        ("training.precision", "8-bit", "training.precision: Input should be '32-true'"),
        ("training.lr", 0.0, "training.lr: Input should be greater than 0, found 0.0"),
        ("seed", -1, "seed: Input should be greater than or equal to 0, found -1"),
        ("runs.ndpca.score.system", "scores", "ndpca.score.system: Input should be 'ndpca' or 'score', found 'scores'"),
        ("runs.ndpca.fixed_m4.fixed_m", None, "runs.ndpca.fixed_m4: `fixed_m` belongs to bottleneck `fixed`"),
        ("runs.ndpca.e1_agnostic.fixed_m", 3, "runs.ndpca.e1_agnostic: `fixed_m` belongs to bottleneck `fixed`"),
        ("corpora.chime6.sources", ["U01.CH1", "U01.CH1"], "corpora.chime6: `sources` names a channel twice"),
        ("runs.ndpca.a b", {"system": "score", "after": "x", "steps": 1}, "use letters, digits and `_` in a run's"),
    ],
)  # fmt: skip
def test_wrong_keys_and_values(tree: dict[str, Any], place: str, value: Any, message: str) -> None:
    put(tree, place, value)
    with pytest.raises(ParamError) as caught:
        parse_params(tree)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_run_s_own_training_is_checked(tree: dict[str, Any]) -> None:
    for key, value in (("leanring_rate", 1), ("batch", 0)):
        put(tree, "runs.ndpca.score.training", {key: value})
        with pytest.raises(ParamError) as caught:
            parse_params(tree)
        text = str(caught.value)
        assert "\n" not in text and key in text and "runs.ndpca.score.training" in text


def test_missing_parameter(tree: dict[str, Any]) -> None:
    del tree["runs"]["ndpca"]["score"]["steps"]
    with pytest.raises(ParamError, match=r"params\.yaml: runs\.ndpca\.score\.steps: Field required$"):
        parse_params(tree)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "not there; run the command in the repository's root"),
        (lambda path: path.write_text("seed: 1\nruns: {a: [1\nb: 2\n"), "not YAML: .*line 3"),
        (lambda path: path.write_text("- 1\n- 2\n"), "holds no mapping"),
        (lambda path: path.write_text(""), "holds no mapping"),
        (lambda path: path.write_bytes(b"seed: \xff\xfe\n"), "not YAML|not UTF-8"),
    ],
)
def test_bad_files(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    path = tmp_path / "params.yaml"
    make(path)
    with pytest.raises(ParamError, match=message) as caught:
        load_params(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_unknown_run_names_those_there_are(tree: dict[str, Any]) -> None:
    params = parse_params(tree)
    assert isinstance(params, Params)
    with pytest.raises(ParamError, match=r"runs: e5: no such run; there are score, "):
        params.run("e5")
