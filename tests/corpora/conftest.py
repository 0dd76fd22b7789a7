"""Fixtures of the corpus tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpus_factory import Chime6Folder


@pytest.fixture
def chime6(tmp_path: Path) -> Chime6Folder:
    """A tiny CHiME-6 in the making."""
    return Chime6Folder(tmp_path / "chime6")
