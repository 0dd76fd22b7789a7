"""Water-filling against its definition and brute force; quantiser; integer tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from thinwire.coding import IntegerTable, gaussian_centroid, integer_table, water_fill

VARIANCES = st.lists(st.floats(1e-4, 1e4), min_size=1, max_size=12).map(np.array)


@given(VARIANCES, st.floats(0.0, 500.0))
def test_water_filling_by_rate_meets_its_closed_form(variances: np.ndarray, rate: float) -> None:
    result = water_fill(variances, rate_bits=rate)
    assert result.bits.sum() == pytest.approx(rate, rel=1e-9, abs=1e-9)
    assert np.allclose(result.distortions, np.minimum(result.level, variances))
    assert np.allclose(result.bits, np.maximum(0, 0.5 * np.log2(variances / result.level)), atol=1e-9)


def test_a_rate_beyond_floating_point_is_still_shared_out() -> None:
    assert np.allclose(water_fill(np.array([4.0, 1.0]), rate_bits=4001.0).bits, [2001, 2000])


@given(VARIANCES, st.floats(1e-4, 1.0))
def test_water_filling_by_distortion_is_the_inverse(variances: np.ndarray, share: float) -> None:
    distortion = share * variances.sum()
    result = water_fill(variances, distortion=distortion)
    assert result.distortions.sum() == pytest.approx(distortion, rel=1e-9)
    again = water_fill(variances, rate_bits=float(result.bits.sum()))
    assert again.distortions.sum() == pytest.approx(distortion, rel=1e-6)


def test_water_filling_beats_every_other_split_on_a_grid() -> None:
    variances, rate, grid = np.array([4.0, 1.0, 0.05]), 2.0, 40
    best = min(
        float((variances * 2.0 ** (-2 * np.array([i, j, grid - i - j]) * rate / grid)).sum())
        for i in range(grid + 1)
        for j in range(grid + 1 - i)
    )
    ours = water_fill(variances, rate_bits=rate).distortions.sum()
    assert ours <= best <= ours * 1.01


def test_equal_variances_share_equally_and_the_known_example() -> None:
    assert np.allclose(water_fill(np.full(4, 2.0), rate_bits=8.0).bits, 2.0)
    result = water_fill(np.array([16.0, 4.0, 1.0]), distortion=5.0)  # level 2: distortions 2, 2, 1
    assert result.level == pytest.approx(2.0)
    assert np.allclose(result.bits, [1.5, 0.5, 0.0])


def test_components_without_energy_cost_nothing() -> None:
    result = water_fill(np.array([0.0, 1.0, 0.0]), rate_bits=3.0)
    assert np.allclose(result.bits, [0, 3, 0]) and np.allclose(result.distortions, [0, 2.0**-6, 0])
    assert np.allclose(water_fill(np.zeros(3), rate_bits=5.0).bits, 0)
    assert np.allclose(water_fill(np.array([3.0, 1.0]), rate_bits=0.0).distortions, [3, 1])


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"rate_bits": 1.0, "distortion": 1.0},
        {"rate_bits": -1.0},
        {"rate_bits": math.inf},
        {"distortion": 0.0},
        {"distortion": 9.0},
    ],
)
def test_water_filling_refuses_what_no_level_reaches(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        water_fill(np.array([1.0, 2.0]), **arguments)


@pytest.mark.parametrize("index,scale", [(0, 0.7), (1, 0.5), (-3, 1.7), (2, 30.0)])
def test_centroid_by_numerical_integration(index: int, scale: float) -> None:
    cell = (index - 0.5, index + 0.5)
    mean = quad(lambda x: x * norm.pdf(x, scale=scale), *cell)[0] / quad(lambda x: norm.pdf(x, scale=scale), *cell)[0]
    assert gaussian_centroid(np.array(index), scale) == pytest.approx(mean, abs=1e-9)


def test_centroid_far_in_the_tail_stays_in_its_cell() -> None:
    assert gaussian_centroid(np.array([-90, 90]), 0.1).tolist() == [-89.5, 89.5]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50).filter(any), st.integers(6, 24))
def test_table_is_exact_and_near(weights: list[float], precision_bits: int) -> None:
    table = integer_table(np.array(weights), precision_bits, low=-3)
    assert table.counts.sum() == 1 << precision_bits and (table.counts >= 1).all()
    assert table.high == len(weights) - 4
    ideal = np.array(weights) / sum(weights) * (1 << precision_bits)
    assert (np.abs(table.counts - ideal) <= 2 + len(weights)).all()


def test_table_code_lengths_and_entropy() -> None:
    table = integer_table(np.array([2, 1, 1]), low=5)
    assert np.allclose(table.bits(np.array([5, 6, 7])), [1, 2, 2], atol=1e-5)
    assert table.entropy() == pytest.approx(1.5, abs=1e-5)


@pytest.mark.parametrize("weights", [[], [0, 0], [-1, 2], [math.nan], [math.inf], [[1, 2]]])
def test_table_refuses_bad_weights(weights: list) -> None:
    with pytest.raises(ValueError):
        integer_table(np.array(weights, np.float64))


def test_table_refuses_counts_that_do_not_add_up() -> None:
    for counts in ([1, 2], [16, 0], [17, -1]):
        with pytest.raises(ValueError):
            IntegerTable(np.array(counts), precision_bits=4)
    with pytest.raises(ValueError):
        integer_table(np.ones(17), precision_bits=4)
