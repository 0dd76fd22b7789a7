"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The bank of real recordings, where `THINWIRE_REAL_DATA` names it; the test is skipped elsewhere."""
    path = os.environ.get("THINWIRE_REAL_DATA", "")
    if not path or not Path(path).is_dir():
        pytest.skip("THINWIRE_REAL_DATA names no folder of real recordings")
    return Path(path)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return Path(__file__).resolve().parents[1]
