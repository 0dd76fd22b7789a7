"""The invented workspace, as a fixture."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from thinwire.params import load_params


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with parameters, claims, data, models and results of every run."""
    root = _beside("fake_results").make_workspace(tmp_path_factory.mktemp("workbook"))
    _beside("fake_tfcodec").write_wing(root)
    taus = load_params(root / "params.yaml").systems.aucom_codec.taus
    _beside("fake_aucom").write_wing(root)
    _beside("fake_aucom_enhancer").write_enhancer(root)
    _beside("fake_aucom_edge").write_edge(root, taus)
    _beside("fake_aucom_prior").write_prior(root)
    _beside("fake_neural_dsc").write_wing(root)
    prior = _beside("fake_neural_dsc_prior")
    prior.write_priors(root)
    prior.write_models(root)
    prior.write_joint_bits(root)
    prior.write_ndpca_models(root)
    return root
