"""A tiny workspace, and one in which the score network is trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny_workspace import make_workspace, train_in


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that nothing was trained in; tests take copies."""
    return make_workspace(tmp_path_factory.mktemp("tiny") / "workspace")


@pytest.fixture(scope="session")
def scored(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a trained score network; tests take copies."""
    folder = tmp_path_factory.mktemp("scored") / "workspace"
    shutil.copytree(fresh, folder)
    train_in(folder, "score")
    return folder


@pytest.fixture
def workspace(fresh: Path, tmp_path: Path) -> Path:
    """An own copy of the fresh workspace."""
    return Path(shutil.copytree(fresh, tmp_path / "workspace"))
