"""The invented workspace, as a fixture."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with parameters, claims, data, models and results of every run."""
    spec = importlib.util.spec_from_file_location("fake_results", Path(__file__).with_name("fake_results.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_workspace(tmp_path_factory.mktemp("workbook"))
