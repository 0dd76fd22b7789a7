"""Packet losses over time: a three-state Markov chain, its closed-form statistics, and seeded traces of it.

The TF-Codec paper trains and tests with loss rates of 10 to 50 % and with "a WLAN packet loss pattern using three-state
Markov models" whose parameters it does not give (section V, method facts 2.2). Reading: a good state, and two states in
which packets are lost, one that ends soon and one that lasts; the loss states are entered from the good state only.
Then bursts and the gaps between them are independent, and every statistic below has a closed form. Without long bursts
this is Gilbert's two-state chain; with a mean burst of 1 / (1 - rate), too, losses are independent of each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thinwire.errors import ParamError

GOOD, SHORT_LOSS, LONG_LOSS = range(3)
LONG_SHARE = 0.1
"""Share of long bursts in the pattern of a wireless network (reading)."""
LONG_BURST = 6.0
"""Mean packets of a long burst (reading): 120 ms of TF-Codec's packets, where the paper begins to hear artefacts."""


@dataclass(frozen=True)
class MarkovChain:
    """The chain over good, short loss and long loss: `transitions` (3, 3), each row the next state's probabilities."""

    transitions: np.ndarray

    @property
    def long_share(self) -> float:
        """Probability that a burst is a long one."""
        enter = self.transitions[GOOD, SHORT_LOSS:]
        return float(enter[1] / enter.sum()) if enter.any() else 0.0

    @property
    def stationary(self) -> np.ndarray:
        """Share of time in each state (3,): entries a packet times the mean stay, normalised."""
        stay = self.transitions[GOOD, SHORT_LOSS:] / self.transitions[SHORT_LOSS:, GOOD]
        return np.array([1.0, *stay]) / (1.0 + stay.sum())

    @property
    def loss_rate(self) -> float:
        """Share of packets that are lost."""
        return float(self.stationary[SHORT_LOSS:].sum())

    @property
    def mean_burst(self) -> float:
        """Mean packets of a burst, NaN where nothing is ever lost."""
        enter, leave = self.transitions[GOOD, SHORT_LOSS:], self.transitions[SHORT_LOSS:, GOOD]
        return float((enter / leave).sum() / enter.sum()) if enter.any() else float("nan")

    def burst_shares(self, longest: int) -> np.ndarray:
        """P(burst = n packets) for n = 1 .. `longest` (longest,): a mixture of two geometric distributions."""
        leave = self.transitions[SHORT_LOSS:, GOOD]
        n = np.arange(longest)[:, None]
        return (leave * (1.0 - leave) ** n) @ np.array([1.0 - self.long_share, self.long_share])

    def gap_shares(self, longest: int) -> np.ndarray:
        """P(gap between two bursts = n packets) for n = 1 .. `longest` (longest,): geometric."""
        leave = 1.0 - self.transitions[GOOD, GOOD]
        return leave * (1.0 - leave) ** np.arange(longest)


@dataclass(frozen=True)
class PacketTrace:
    """The chain's state (packets,) at each packet, as uint8."""

    states: np.ndarray

    @property
    def lost(self) -> np.ndarray:
        """Which packets were lost (packets,), bool."""
        return self.states != GOOD


def markov_chain(
    rate: float, mean_burst: float, long_share: float = 0.0, long_burst: float = LONG_BURST
) -> MarkovChain:
    """The chain with a loss rate of `rate` and bursts of `mean_burst` packets on average, short and long ones together.

    A share `long_share` of the bursts lasts `long_burst` packets on average, the others as long as the mean then asks.
    Bursts come after gaps of mean_burst * (1 - rate) / rate packets on average. Raises ParamError for values outside
    their range and for those that no chain has: a gap or a short burst of less than a packet.
    """
    bursts_fit = 1.0 <= mean_burst < np.inf and 1.0 <= long_burst < np.inf
    if not (0.0 <= rate < 1.0 and 0.0 <= long_share < 1.0 and bursts_fit):
        raise ParamError(
            f"packet loss: rate={rate}, mean_burst={mean_burst}, long_share={long_share}, long_burst={long_burst}; "
            "expected 0 <= rate < 1, bursts of at least 1 packet, 0 <= long_share < 1"
        )
    short_burst = (mean_burst - long_share * long_burst) / (1.0 - long_share)
    if short_burst < 1.0 - 1e-9:
        raise ParamError(
            f"packet loss: bursts of {mean_burst:g} packets on average cannot hold a share of {long_share:g} of "
            f"{long_burst:g}; take mean_burst >= {1.0 + long_share * (long_burst - 1.0):g} or fewer long ones"
        )
    enter = rate / ((1.0 - rate) * mean_burst)
    if enter > 1.0 + 1e-9:
        raise ParamError(
            f"packet loss: a rate of {rate:g} needs bursts of at least {rate / (1.0 - rate):g} packets, "
            f"mean_burst is {mean_burst:g}"
        )
    enter, leave_short, leave_long = min(enter, 1.0), min(1.0 / short_burst, 1.0), 1.0 / long_burst
    return MarkovChain(
        np.array(
            [
                [1.0 - enter, enter * (1.0 - long_share), enter * long_share],
                [leave_short, 1.0 - leave_short, 0.0],
                [leave_long, 0.0, 1.0 - leave_long],
            ]
        )
    )


def draw_trace(
    rate: float,
    mean_burst: float,
    packets: int,
    rng: np.random.Generator,
    long_share: float = 0.0,
    long_burst: float = LONG_BURST,
) -> PacketTrace:
    """A trace of `packets` packets of `markov_chain(rate, mean_burst, long_share, long_burst)`.

    It begins in the stationary distribution, so each packet of it is lost with probability `rate`; a shorter trace from
    the same generator state is the beginning of a longer one. Raises ParamError as `markov_chain` does.
    """
    chain = markov_chain(rate, mean_burst, long_share, long_burst)
    draws = rng.random(packets + 1)
    # The next state from each of the three, for all packets at once; what is left to do in order is to look them up.
    edges = np.cumsum(chain.transitions, axis=1)[:, :2]
    following = (draws[1:, None, None] >= edges).sum(-1).tolist()
    state = int((draws[0] >= np.cumsum(chain.stationary)[:2]).sum())
    states = np.empty(packets, np.uint8)
    for packet, after in enumerate(following):
        states[packet] = state
        state = after[state]
    return PacketTrace(states)


def loss_rate(lost: np.ndarray) -> float:
    """Share of lost packets of a trace (packets,), bool; NaN for one of no packets."""
    return float(np.mean(lost)) if len(lost) else float("nan")


def burst_lengths(lost: np.ndarray) -> np.ndarray:
    """Packets of each run of losses in a trace (packets,), bool, in order (bursts,); those that the ends cut, too."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.asarray(lost, bool), [False]])))
    return edges[1::2] - edges[::2]


def mean_burst(lost: np.ndarray) -> float:
    """Mean packets of the bursts of a trace (packets,), bool; NaN where nothing was lost."""
    lengths = burst_lengths(lost)
    return float(lengths.mean()) if len(lengths) else float("nan")
