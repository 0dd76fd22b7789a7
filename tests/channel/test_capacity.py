"""Fading statistics, reading traces, Eq. 1 to 3."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinwire.channel import budget, fading_trace, per_second, rate_distortion, read_trace, source_rate
from thinwire.errors import ParamError


def test_fading_is_exponential_around_its_mean() -> None:
    trace = fading_trace(100_000, 50.0, 10.0, 0.5, seed=1)
    gain = 10 ** (trace.snr_db / 10) / 10.0
    assert gain.mean() == pytest.approx(1.0, abs=0.02)
    assert gain.var() == pytest.approx(1.0, abs=0.06)
    assert np.mean(gain < math.log(2)) == pytest.approx(0.5, abs=0.01)  # the median of an exponential variable


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.9])
def test_autocorrelation_of_the_power_is_rho_to_twice_the_lag(correlation: float) -> None:
    trace = fading_trace(200_000, 50.0, 0.0, correlation, seed=2)
    gain = 10 ** (trace.snr_db / 10)
    gain = gain - gain.mean()
    for lag in (1, 2, 5):
        measured = np.mean(gain[lag:] * gain[:-lag]) / gain.var()
        assert measured == pytest.approx(correlation ** (2 * lag), abs=0.04)


def test_first_second_is_stationary_too() -> None:
    first = [10 ** (fading_trace(1, 50.0, 0.0, 0.99, seed=s).snr_db[0] / 10) for s in range(2000)]
    assert np.mean(first) == pytest.approx(1.0, abs=0.1)


def test_capacity_is_shannons_and_seeded() -> None:
    trace = fading_trace(60, 50.0, 10.0, 0.9, seed=3)
    assert trace.seconds.tolist() == list(range(60))
    assert np.allclose(trace.bits_per_s, 50.0 * np.log2(1 + 10 ** (trace.snr_db / 10)))
    assert np.array_equal(trace.bits_per_s, fading_trace(60, 50.0, 10.0, 0.9, seed=3).bits_per_s)
    assert not np.array_equal(trace.bits_per_s, fading_trace(60, 50.0, 10.0, 0.9, seed=4).bits_per_s)


@pytest.mark.parametrize("arguments", [(0, 50.0, 10.0, 0.5), (5, 0.0, 10.0, 0.5), (5, 50.0, 10.0, 1.0)])
def test_fading_refuses_impossible_values(arguments: tuple) -> None:
    with pytest.raises(ParamError, match="expected"):
        fading_trace(*arguments)


def test_rate_distortion_closed_form() -> None:
    assert rate_distortion(1.0, 0.01) == pytest.approx(math.log2(10))
    assert rate_distortion(4.0, 1.0) == 1.0
    assert rate_distortion(1.0, 2.0) == 0.0
    with pytest.raises(ParamError):
        rate_distortion(1.0, 0.0)


@given(st.lists(st.floats(0, 1e7), min_size=1, max_size=30).map(np.array), st.floats(1.001, 1e6), st.integers(1, 16))
def test_budget_is_the_largest_that_the_capacity_carries(capacity: np.ndarray, ratio: float, symbols: int) -> None:
    m = budget(capacity, ratio, 1.0, symbols)
    assert (source_rate(m, ratio, 1.0, symbols) <= capacity).all()
    assert (source_rate(m + 1, ratio, 1.0, symbols) > capacity).all()


def test_bound_holds_at_every_second_of_a_fading_trace() -> None:
    trace = fading_trace(5000, 50.0, 10.0, 0.9, seed=0)
    m = budget(trace.bits_per_s, 100.0, 1.0)
    assert m.min() >= 0 and m.max() > 3 * max(m.min(), 1)
    assert (source_rate(m, 100.0, 1.0) <= trace.bits_per_s).all()


def test_exact_multiples_are_not_lost_and_free_floats_are_refused() -> None:
    assert budget(np.array([0.0, 0.99, 1.0, 7.0]), 4.0, 1.0).tolist() == [0, 0, 1, 7]
    assert budget(np.array([7.0]), 4.0, 1.0, symbols_per_float=2).tolist() == [3]
    with pytest.raises(ParamError, match="R\\(D\\) is zero"):
        budget(np.array([1.0]), 1.0, 1.0)


def test_measured_trace_is_read_and_averaged_over_seconds(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("t_s,capacity_bps,note\n10.0,100,a\n10.25,200,b\n11.5,0,\n13,80,c\n", "utf-8")
    trace = read_trace(file)
    assert trace.bits_per_s.tolist() == [100, 200, 0, 80] and np.isnan(trace.snr_db).all()
    assert np.allclose(per_second(trace).bits_per_s, [0.25 * 100 + 0.75 * 200, 0.5 * 200, 0, 80])
    assert np.allclose(per_second(trace, 2).bits_per_s, [175, 100])
    assert np.allclose(per_second(trace, 6).bits_per_s[3:], 80)


def test_whole_second_trace_is_its_own_average() -> None:
    trace = fading_trace(50, 50.0, 10.0, 0.9)
    again = per_second(trace)
    assert np.allclose(again.bits_per_s, trace.bits_per_s) and np.array_equal(again.snr_db, trace.snr_db)


@pytest.mark.parametrize(
    "text,message",
    [
        ("", "line 1: no column"),
        ("t_s,rate\n0,1\n", "line 1: no column capacity_bps"),
        ("t_s,capacity_bps\n", "no rows"),
        ("t_s,capacity_bps\n0,10\n1,ten\n", "line 3: capacity_bps is 'ten'"),
        ("t_s,capacity_bps\n0,10\n1\n", "line 3: capacity_bps is None"),
        ("t_s,capacity_bps\n0,10\nnan,1\n", "line 3: t_s is 'nan'"),
        ("t_s,capacity_bps\n0,10\n0,11\n", "line 3: t_s is 0 after 0"),
        ("t_s,capacity_bps\n0,-1\n", "line 2: capacity_bps is -1"),
    ],
)
def test_bad_trace_is_named_by_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "trace.csv"
    file.write_text(text, "utf-8")
    with pytest.raises(ParamError, match=message) as caught:
        read_trace(file)
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_or_binary_trace_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamError, match=r"missing\.csv"):
        read_trace(tmp_path / "missing.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ParamError, match=r"binary\.csv"):
        read_trace(tmp_path / "binary.csv")
