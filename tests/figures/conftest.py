"""What the wings' invented workbooks share: modules of tests/notebooks, and a root with parameters and claims alone."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import yaml


@pytest.fixture(scope="session")
def invented(root: Path) -> Callable[[str], ModuleType]:
    """`invented(name)` loads a module of tests/notebooks, where results are invented."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, root / "tests" / "notebooks" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def without_results(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`without_results(name)` makes a folder with the repository's parameters (fewer bootstrap draws) and claims."""

    def make(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        tree = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
        tree["evaluation"]["bootstrap"] = 200
        (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
        shutil.copytree(root / "papers", folder / "papers")
        return folder

    return make
