"""Statistics of the latent against SciPy and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from thinwire.evaluation.aucom.latents import STEPS, densities, normalisation_table, position_table
from thinwire.systems.aucom.normalisation import Scale, measure_tables


def latent(count: int, seed: int = 0) -> np.ndarray:
    """Positions (count, 4, 6) of unlike mean, spread and shape."""
    generator = np.random.default_rng(seed)
    values = generator.gamma(3.0, size=(count, 4, 6)) * generator.uniform(0.5, 20.0, (4, 6))
    return (values + generator.normal(0.0, 30.0, (4, 6))).astype(np.float32)


def test_positions_are_those_of_scipy() -> None:
    r = latent(40)
    table = position_table(r).set_index(["row", "time"])
    for row, time in ((0, 0), (1, 5), (3, 2)):
        values, found = r[:, row, time].astype(np.float64), table.loc[(row, time)]
        assert np.isclose(found["mu"], values.mean()) and np.isclose(found["sigma"], values.std())
        assert np.isclose(found["skewness"], stats.skew(values))
        assert np.isclose(found["kurtosis"], stats.kurtosis(values))
        assert np.isclose(found["ks"], stats.kstest(values, "norm", (values.mean(), values.std())).statistic)
        assert found["n"] == 40


def test_a_position_that_never_changes_has_no_shape() -> None:
    r = latent(10)
    r[:, 2, 3] = 4.0
    table = position_table(r).set_index(["row", "time"])
    assert table.loc[(2, 3), ["skewness", "kurtosis", "ks"]].isna().all()
    assert table["ks"].isna().sum() == 1


def test_densities_of_fixed_positions() -> None:
    r = latent(30)
    tables = measure_tables([torch.from_numpy(r)])
    found = densities(r, tables)
    assert np.array_equal(found["r"], np.stack([r[:, 1, 1], r[:, 2, 3], r[:, 3, 4]], 1))
    assert np.allclose(found["normalised"].mean(0), 0.0, atol=1e-5)
    assert np.allclose(found["normalised"].std(0), 1.0, atol=1e-4)
    assert len(found["pooled"]) == len(found["pooled_normalised"]) == r.size


def test_normalising_saves_bits_at_one_step_and_costs_distortion() -> None:
    r = latent(400)
    table = normalisation_table(r, measure_tables([torch.from_numpy(r)])).pivot(index="step", columns="kind")
    assert table.index.tolist() == list(STEPS)
    fine = table.loc[STEPS[0]]
    assert fine["entropy_bits", "normalised"] < fine["entropy_bits", "raw"] - 2.0
    assert fine["mse", "normalised"] > fine["mse", "raw"]
    assert fine["mse", "raw"] == pytest.approx(STEPS[0] ** 2 / 12.0, rel=0.03)
    assert (table["entropy_bits"].diff().dropna() < 0.0).all(axis=None)


def test_entropy_of_a_normal_latent_is_the_closed_form() -> None:
    r = np.random.default_rng(1).standard_normal((20_000, 2, 2)).astype(np.float32)
    table = normalisation_table(r, Scale(torch.zeros(2, 2), torch.ones(2, 2))).pivot(index="step", columns="kind")
    assert np.allclose(table["entropy_bits", "raw"], table["entropy_bits", "normalised"])
    assert np.allclose(table["mse", "raw"], table["mse", "normalised"])
    differential = 0.5 * np.log2(2.0 * np.pi * np.e)
    assert table["entropy_bits", "raw"][0.25] == pytest.approx(differential + 2.0, abs=0.01)
