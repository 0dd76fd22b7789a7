"""An invented workbook of the wing: the repository's parameters and claims, and small results of every codec, task and
compared system. A notebook with further files of its own writes them in its own tests."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from matplotlib import pyplot as plt

from thinwire.figures.paths import Page, open_page


def _invented(root: Path, name: str) -> ModuleType:
    """A module of tests/notebooks, where results are invented."""
    spec = importlib.util.spec_from_file_location(name, root / "tests" / "notebooks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fake(root: Path) -> ModuleType:
    """tests/notebooks/fake_aucom.py."""
    return _invented(root, "fake_aucom")


@pytest.fixture(scope="session")
def workspace(root: Path, fake: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with parameters, claims and results; for reading."""
    folder = tmp_path_factory.mktemp("aucom")
    tree = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    tree["evaluation"]["bootstrap"] = 200
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
    shutil.copytree(root / "papers", folder / "papers")
    fake.write_wing(folder)
    (folder / "reports").mkdir()
    _invented(root, "fake_aucom_edge").write_benchmarks(folder / "reports" / "benchmarks.json")
    return folder


@pytest.fixture
def open_aucom(workspace: Path, tmp_path: Path) -> Callable[[str], Page]:
    """Opens a notebook's page; its outputs go to a temporary folder."""
    plt.switch_backend("agg")
    return lambda name: open_page(name, workspace, tmp_path, paper="aucom")
