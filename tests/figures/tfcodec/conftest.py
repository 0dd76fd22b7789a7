"""A page of the wing on the repository's own parameters and claims; outputs go to a temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib import pyplot as plt

from thinwire.figures.paths import Page, open_page


@pytest.fixture
def page(root: Path, tmp_path: Path) -> Page:
    """Nothing is read from results/: tables are handed over by the tests."""
    plt.switch_backend("agg")
    return open_page("prediction", root, tmp_path, paper="tfcodec")
