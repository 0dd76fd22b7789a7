"""An invented workbook of the wing: the repository's parameters and claims, and small results of every codec and of
what they are compared with. A notebook with further files of its own writes them in its own tests."""

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


@pytest.fixture(scope="session")
def fake(root: Path) -> ModuleType:
    """tests/notebooks/fake_neural_dsc.py, where results are invented."""
    place = root / "tests" / "notebooks" / "fake_neural_dsc.py"
    spec = importlib.util.spec_from_file_location("fake_neural_dsc", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def workspace(root: Path, fake: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with parameters, claims and results; for reading."""
    folder = tmp_path_factory.mktemp("neural_dsc")
    tree = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    tree["evaluation"]["bootstrap"] = 200
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
    shutil.copytree(root / "papers", folder / "papers")
    fake.write_wing(folder)
    return folder


@pytest.fixture
def open_ndsc(workspace: Path, tmp_path: Path) -> Callable[[str], Page]:
    """Opens a notebook's page; its outputs go to a temporary folder."""
    plt.switch_backend("agg")
    return lambda name: open_page(name, workspace, tmp_path, paper="neural_dsc")
