"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import settings

from thinwire.params import Params, parse_params
from thinwire.pipeline.presets import apply_preset

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is first imported, which is later
# property tests run without a time limit for each example: a busy machine is no failure
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


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


@pytest.fixture(scope="session")
def smoke_params(root: Path) -> Params:
    """The parameters at smoke scale."""
    return parse_params(yaml.safe_load(apply_preset("smoke", root / "params.yaml", root / "presets")))
