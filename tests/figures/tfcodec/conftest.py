"""A page of the wing on the repository's own parameters and claims; outputs go to a temporary folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib import pyplot as plt

from thinwire.figures.paths import Page, open_page


@pytest.fixture
def page(root: Path, tmp_path: Path) -> Page:
    """Its root holds no results, whatever the repository's does: tables are handed over by the tests."""
    plt.switch_backend("agg")
    return replace(open_page("prediction", root, tmp_path, paper="tfcodec"), root=tmp_path)
