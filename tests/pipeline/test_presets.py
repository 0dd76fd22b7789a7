"""Presets: values are written, comments stay, `default` takes everything back, mistakes are named."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from thinwire.errors import ParamError
from thinwire.params import parse_params
from thinwire.pipeline.presets import apply_preset, dump_tree, leaves, write_preset

PARAMS = """\
# head
seed: 1   # of everything
grid:
  - 1
  - 2

# the rows
runs:
  p:
    a:
      steps: 10   # many
    b:
      steps: 20

# the end
channel:
  trace: null   # none
"""
DEFAULT = """\
seed: 1
grid:
  - 1
  - 2
runs:
  p:
    a:
      steps: 10
    b:
      steps: 20
    c: null
channel:
  trace: null
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "presets").mkdir()
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / "presets/default.yaml").write_text(DEFAULT)

    def apply(name: str, text: str | None = None) -> str:
        if text is not None:
            (tmp_path / f"presets/{name}.yaml").write_text(text)
        return apply_preset(name, tmp_path / "params.yaml", tmp_path / "presets")

    return apply


def test_values_change_and_comments_and_order_stay(place):
    text = place("smoke", "seed: 2\ngrid:\n  - 7\nruns:\n  p:\n    a:\n      steps: 1\nchannel:\n  trace: x.csv\n")
    expected = PARAMS.replace("seed: 1 ", "seed: 2 ").replace("  - 1\n  - 2\n", "  - 7\n")
    expected = expected.replace("10 ", "1  ").replace("null ", "x.csv ")
    assert yaml.safe_load(text) == yaml.safe_load(expected)
    assert [line.split("#")[-1] for line in text.splitlines() if "#" in line] == [
        line.split("#")[-1] for line in PARAMS.splitlines() if "#" in line
    ]


def test_rows_are_removed_and_added_and_the_next_section_keeps_its_comment(place):
    text = place("smoke", "runs:\n  p:\n    b: null\n    c:\n      steps: 3\n")
    assert yaml.safe_load(text)["runs"]["p"] == {"a": {"steps": 10}, "c": {"steps": 3}}
    assert "\n\n# the end\nchannel:" in text


def test_a_tilde_replaces_the_whole_mapping(place):
    text = place("other", "runs:\n  p~:\n    z:\n      steps: 5\n")
    assert yaml.safe_load(text)["runs"]["p"] == {"z": {"steps": 5}}
    assert "\n# the end\nchannel:" in text


def test_default_takes_any_preset_back_byte_for_byte(place, tmp_path):
    changed = place("smoke", "seed: 2\ngrid:\n  - 7\nruns:\n  p:\n    c:\n      steps: 3\n")
    (tmp_path / "params.yaml").write_text(changed)
    assert place("default") == PARAMS


def test_an_unknown_key_and_an_unknown_preset_are_named(place):
    with pytest.raises(ParamError, match=r"presets/bad.yaml: channel.trase: params.yaml has no such parameter"):
        place("bad", "channel:\n  trase: 1\n")
    with pytest.raises(ParamError, match=r"presets/nix.yaml: not there; .* has bad, default"):
        place("nix")
    with pytest.raises(ParamError, match=r"grid.*found|channel: a mapping"):
        place("flat", "channel: 3\n")


# The project's own presets.


def _tree(root: Path, name: str) -> dict:
    return yaml.safe_load((root / f"presets/{name}.yaml").read_text("utf-8"))


def test_default_holds_exactly_the_keys_that_other_presets_set(root):
    names = sorted(path.stem for path in (root / "presets").glob("*.yaml") if path.stem != "default")
    if not names:
        pytest.skip("no presets yet")
    wanted = {place for name in names for place in leaves(_tree(root, name))}
    held = set(leaves(_tree(root, "default")))

    def covers(one: tuple[str, ...], other: tuple[str, ...]) -> bool:  # a row of `runs` stands for all that is in it
        return one == other[: len(one)] or other == one[: len(other)]

    assert [place for place in wanted if not any(covers(place, h) for h in held)] == []
    assert [h for h in held if not any(covers(place, h) for place in wanted)] == []


def test_every_preset_is_valid_and_default_takes_it_back(root, tmp_path):
    start = tmp_path / "params.yaml"
    if not (root / "presets/default.yaml").exists():
        pytest.skip("no presets yet")
    start.write_text((root / "params.yaml").read_text("utf-8"), "utf-8")
    base = apply_preset("default", start, root / "presets")
    for path in sorted((root / "presets").glob("*.yaml")):
        start.write_text(base, "utf-8")
        changed = apply_preset(path.stem, start, root / "presets")
        parse_params(yaml.safe_load(changed), str(path))
        assert yaml.safe_load(changed)["preset"] == path.stem
        start.write_text(changed, "utf-8")
        assert yaml.safe_load(apply_preset("default", start, root / "presets")) == yaml.safe_load(base), path.stem


def test_the_parameters_in_git_are_those_of_default(root, tmp_path):
    told = subprocess.run(["git", "show", "HEAD:params.yaml"], cwd=root, capture_output=True, text=True)
    if told.returncode:
        pytest.skip("not a git repository")
    (tmp_path / "params.yaml").write_text(told.stdout, "utf-8")
    assert apply_preset("default", tmp_path / "params.yaml", root / "presets") == told.stdout


def test_an_invalid_outcome_writes_nothing(root, tmp_path, monkeypatch):
    params = tmp_path / "params.yaml"
    params.write_text((root / "params.yaml").read_text("utf-8"), "utf-8")
    before = params.read_text("utf-8")
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets/default.yaml").write_text("{}\n")
    (tmp_path / "presets/bad.yaml").write_text("seed: -4\n")
    with pytest.raises(ParamError, match="seed"):
        write_preset("bad", params, tmp_path / "presets")
    assert params.read_text("utf-8") == before


def test_nulls_of_others_are_written_as_before() -> None:
    dump_tree(CommentedMap(a=None))
    YAML().dump({"a": None}, stream := io.StringIO())
    assert stream.getvalue() == "a:\n"
