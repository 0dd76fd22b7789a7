"""Packet losses: drawn traces against the chain's closed forms, and those against independent sums."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from thinwire.channel.packets import (
    LONG_BURST,
    LONG_SHARE,
    burst_lengths,
    draw_trace,
    loss_rate,
    markov_chain,
    mean_burst,
)
from thinwire.errors import ParamError
from thinwire.seeding import rng

CASES = [(0.1, 2.0, LONG_SHARE), (0.3, 2.0, LONG_SHARE), (0.5, 3.0, LONG_SHARE), (0.2, 1.0, 0.0), (0.5, 2.0, 0.0)]


@given(st.floats(0.0, 0.9), st.floats(1.0, 20.0), st.floats(0.0, 0.5), st.floats(1.0, 30.0))
def test_chain_has_the_loss_rate_and_mean_burst_that_were_asked(
    rate: float, burst: float, share: float, long: float
) -> None:
    assume(burst >= 1 + share * (long - 1) and rate / (1 - rate) <= burst)
    chain = markov_chain(rate, burst, share, long)
    assert np.allclose(chain.transitions.sum(1), 1) and (chain.transitions >= 0).all()
    assert np.allclose(chain.stationary @ chain.transitions, chain.stationary) and chain.stationary.min() >= 0
    assert chain.loss_rate == pytest.approx(rate)
    if rate > 1e-6:
        assert chain.mean_burst == pytest.approx(burst) and chain.long_share == pytest.approx(share)


@pytest.mark.parametrize(("rate", "burst", "share"), CASES)
def test_closed_forms_agree_with_powers_of_the_transition_matrix(rate: float, burst: float, share: float) -> None:
    chain = markov_chain(rate, burst, share)
    bad, begin = chain.transitions[1:, 1:], chain.transitions[0, 1:] / chain.transitions[0, 1:].sum()
    n = 400
    survives = [float((begin @ np.linalg.matrix_power(bad, k)).sum()) for k in range(n + 1)]
    shares = chain.burst_shares(n)
    assert np.allclose(shares, -np.diff(survives))
    assert (shares * np.arange(1, n + 1)).sum() == pytest.approx(burst)
    gaps = chain.gap_shares(n)
    assert (gaps * np.arange(1, n + 1)).sum() == pytest.approx(burst * (1 - rate) / rate, rel=1e-3)


@pytest.mark.parametrize(("rate", "burst", "share"), CASES)
def test_long_trace_has_the_chains_statistics(rate: float, burst: float, share: float) -> None:
    chain = markov_chain(rate, burst, share)
    trace = draw_trace(rate, burst, 400_000, rng(0, "trace", rate, burst), share)
    assert loss_rate(trace.lost) == pytest.approx(rate, rel=0.03)
    assert mean_burst(trace.lost) == pytest.approx(burst, rel=0.03)
    assert np.allclose(np.bincount(trace.states, minlength=3) / len(trace.states), chain.stationary, atol=0.01)
    lengths = burst_lengths(trace.lost)
    measured = np.bincount(lengths, minlength=13)[1:13] / len(lengths)
    assert np.allclose(measured, chain.burst_shares(12), atol=0.01)
    gaps = burst_lengths(~trace.lost)
    assert np.allclose(np.bincount(gaps, minlength=13)[1:13] / len(gaps), chain.gap_shares(12), atol=0.01)
    if share:
        long_bursts = burst_lengths(trace.states == 2)
        assert long_bursts.mean() == pytest.approx(LONG_BURST, rel=0.04)
        assert len(long_bursts) / len(lengths) == pytest.approx(share, rel=0.05)


def test_losses_are_independent_where_the_mean_burst_says_so() -> None:
    chain = markov_chain(0.3, 1 / 0.7)
    assert chain.transitions[0, 1] == pytest.approx(chain.transitions[1, 1]) == pytest.approx(0.3)
    lost = draw_trace(0.3, 1 / 0.7, 200_000, rng(1)).lost.astype(float)
    assert np.corrcoef(lost[1:], lost[:-1])[0, 1] == pytest.approx(0.0, abs=0.01)


def test_first_packet_is_lost_as_often_as_any_other() -> None:
    first = [draw_trace(0.3, 4.0, 1, rng(2, i), LONG_SHARE).lost[0] for i in range(3000)]
    assert np.mean(first) == pytest.approx(0.3, abs=0.03)


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 99))
def test_traces_are_seeded_and_a_short_one_begins_a_long_one(packets: int, more: int, seed: int) -> None:
    short = draw_trace(0.4, 2.0, packets, rng(seed), LONG_SHARE).states
    long = draw_trace(0.4, 2.0, packets + more, rng(seed), LONG_SHARE).states
    assert len(short) == packets and np.array_equal(long[:packets], short)


def test_no_loss_and_its_statistics() -> None:
    trace = draw_trace(0.0, 2.0, 1000, rng(0), LONG_SHARE)
    assert not trace.lost.any() and loss_rate(trace.lost) == 0.0 and math.isnan(mean_burst(trace.lost))
    assert math.isnan(markov_chain(0.0, 2.0).mean_burst) and math.isnan(loss_rate(trace.lost[:0]))


@given(st.lists(st.booleans(), max_size=60))
def test_burst_lengths_are_the_runs_of_losses(lost: list[bool]) -> None:
    runs = [len(run) for run in "".join("x" if value else " " for value in lost).split()]
    assert burst_lengths(np.array(lost, bool)).tolist() == runs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0, 2.0), "expected 0 <= rate < 1"),
        ((-0.1, 2.0), "expected 0 <= rate < 1"),
        ((float("nan"), 2.0), "expected 0 <= rate < 1"),
        ((0.1, 0.5), "at least 1 packet"),
        ((0.1, 2.0, 1.0), "long_share < 1"),
        ((0.1, 2.0, 0.1, 0.0), "at least 1 packet"),
        ((0.8, 2.0), "a rate of 0.8 needs bursts of at least 4 packets"),
        ((0.1, 1.2, 0.1, 6.0), "take mean_burst >= 1.5"),
    ],
)
def test_impossible_chains_are_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(ParamError, match=message):
        markov_chain(*arguments)
