"""Fixtures of the corpus tests; makes `corpus_factory` importable, since test folders are not on the path."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from corpus_factory import Chime6Folder  # noqa: E402


@pytest.fixture
def chime6(tmp_path: Path) -> Chime6Folder:
    """A tiny CHiME-6 in the making."""
    return Chime6Folder(tmp_path / "chime6")
