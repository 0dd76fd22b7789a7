"""The list of modules that a stage depends on: every module that runs, found again by running; and no other's."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from thinwire.pipeline import code
from thinwire.pipeline.closure import FRONT
from thinwire.pipeline.meaning import digest
from thinwire.pipeline.sources import SOURCES


@pytest.fixture(scope="module")
def lists(root) -> dict[str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        return {str(path.relative_to(code.CODE)): text for path, text in code.listings(notebooks=SOURCES).items()}


def _modules(text: str) -> set[str]:
    return {line.split("  ")[1] for line in text.splitlines()}


SAID = '''
"""A module."""

GAIN = 2.0


class Codec:
    """A codec."""

    def level(self, x: float, *rest: int) -> float:
        """x, louder."""
        return f"{x:>{3}}" if rest else GAIN * x
'''


@pytest.mark.parametrize(
    "old, new",
    [
        ('"""A module."""\n', ""),
        ('        """x, louder."""\n', "        # louder\n"),
        ("A codec", "One codec"),
        ("GAIN = 2.0", "GAIN = (2.0)  # linear"),
        ("(self, x: float, *rest: int)", "(\n        self, x: float, *rest: int,\n    )"),
    ],
)
def test_what_says_the_same_has_the_same_hash(old, new):
    other = SAID.replace(old, new)
    assert digest(other.encode()) == digest(SAID.encode()) and old in SAID


@pytest.mark.parametrize(
    "old, new",
    [
        ("2.0", "2"),
        ("GAIN * x", "x * GAIN"),
        ("GAIN * x", '"GAIN * x"'),
        ("{3}", "{4}"),
        ("*rest", "**rest"),
        ("x: float", "x: int"),
        ("class Codec:", "class Codec(dict):"),
        ("    def level", "    @staticmethod\n    def level"),
    ],
)
def test_whatever_is_said_otherwise_has_another_hash(old, new):
    assert old in SAID and digest(SAID.replace(old, new).encode()) != digest(SAID.encode())


def test_no_two_modules_have_one_hash_unless_they_say_nothing(root):
    files = [path.read_bytes() for path in (root / "src").rglob("*.py")]
    spoken = {text for text in files if any(not isinstance(node, ast.Expr) for node in ast.parse(text).body)}
    assert len({digest(text) for text in spoken}) == len(spoken) > 300


def test_a_system_is_listed_where_it_runs_and_nowhere_else(lists):
    edited = "src/thinwire/systems/tfcodec/coder.py"
    places = {name for name, text in lists.items() if "/systems/tfcodec/" in text}
    assert {"train/tfcodec.txt", "evaluate/tfcodec.txt", "complexity/tfcodec.txt"} <= places, edited
    assert not {name for name in places if "ndpca" in name or name.startswith(("simulate", "extract"))}
    assert "src/thinwire/training/adapters/aucom_recogniser.py" not in _modules(lists["train/aucom_codec.txt"])
    assert "src/thinwire/corpora/simulate/dns.py" not in _modules(lists["simulate/chime6.txt"])


@pytest.mark.parametrize(
    "command, name",
    [
        ("from thinwire.cli import main; main(['simulate', 'esc50'])", "simulate/esc50.txt"),
        ("import thinwire.cli.train, thinwire.training.stage, thinwire.training.adapters.ndpca", "train/ndpca.txt"),
        ("import thinwire.cli.evaluate, thinwire.evaluation.tfcodec.stage", "evaluate/tfcodec.txt"),
        ("from thinwire.cli import main; main(['complexity', 'aucom'])", "complexity/aucom.txt"),
    ],
)
def test_whatever_is_loaded_is_listed(root, lists, tmp_path, command, name):
    """An oracle for the imports that are read off the sources: what an interpreter has loaded at the end."""
    (tmp_path / "src").symlink_to(root / "src")
    for needed in ("params.yaml", "presets"):
        (tmp_path / needed).symlink_to(root / needed)
    tell = "import sys; print('LOADED', *(m for m in sys.modules if m.split('.')[0] == 'thinwire'))"
    done = subprocess.run(
        [sys.executable, "-c", f"{command}\n{tell}"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.rpartition("LOADED ")[2].split()) - FRONT
    # what is named in params.yaml alone is a parameter, and tracked as one
    loaded = {module for module in loaded if not module.startswith("thinwire.params")}
    paths = {str(Path("src", *module.split("."))) for module in loaded}
    listed = {path.removesuffix(".py").removesuffix("/__init__") for path in _modules(lists[name])}
    bare = {path for path in paths if (root / path).is_dir()}
    assert loaded and paths - bare <= listed
