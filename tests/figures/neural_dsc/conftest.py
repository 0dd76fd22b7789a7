"""An invented workbook of the wing: the repository's parameters and claims, and small results of every codec and of
what they are compared with. A notebook with further files of its own writes them in its own tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from matplotlib import pyplot as plt

from thinwire.figures.paths import Page, open_page


@pytest.fixture(scope="session")
def fake(invented: Callable[[str], ModuleType]) -> ModuleType:
    """tests/notebooks/fake_neural_dsc.py."""
    return invented("fake_neural_dsc")


@pytest.fixture(scope="session")
def workspace(without_results: Callable[[str], Path], fake: ModuleType) -> Path:
    """A root with parameters, claims and results; for reading."""
    folder = without_results("neural_dsc")
    fake.write_wing(folder)
    return folder


@pytest.fixture
def open_ndsc(workspace: Path, tmp_path: Path) -> Callable[[str], Page]:
    """Opens a notebook's page; its outputs go to a temporary folder."""
    plt.switch_backend("agg")
    return lambda name: open_page(name, workspace, tmp_path, paper="neural_dsc")
