"""Links: arrivals against closed forms, what a token bucket lets through, and the presets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinwire.channel.link import LINKS, Line, Link, deliver, link_of, lora_bps, uplink
from thinwire.errors import ParamError
from thinwire.seeding import rng


def test_a_message_on_a_free_line_takes_its_bits_and_the_latency() -> None:
    link = Link(8_000, 0.5, payload_bytes=100, header_bytes=10)
    (arrival,) = deliver(link, [250], [3.0], rng(0))
    assert arrival.sent_s == pytest.approx(3.0 + (250 + 3 * 10) / 1000)
    assert arrival.arrived_s == pytest.approx(arrival.sent_s + 0.5)
    assert arrival.packets == 3


def test_a_minute_of_mp3_over_the_papers_uplink() -> None:
    plain = Link(1e6, header_bytes=0)
    assert deliver(plain, [480_000], [0.0], rng(0))[0].arrived_s == pytest.approx(3.84)


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.floats(0, 10)), min_size=1, max_size=20),
    st.floats(0, 0.8),
    st.floats(0.05, 1.0),
)
def test_arrivals_keep_their_order_and_never_beat_the_line(
    messages: list[tuple[int, float]], loss: float, duty: float
) -> None:
    link = Link(64_000, 0.01, loss, payload_bytes=200, header_bytes=20, retry_s=0.1, duty=duty)
    sizes, ready = [size for size, _ in messages], sorted(time for _, time in messages)
    arrivals = deliver(link, sizes, ready, rng(1))
    once = [link.airtime_s(size) for size in sizes]
    before = -np.inf
    for arrival, airtime, at in zip(arrivals, once, ready, strict=True):
        assert arrival.sent_s >= max(before, at) + airtime.sum() - 1e-9
        assert arrival.packets >= airtime.size
        before = arrival.sent_s


def test_losses_repeat_packets_as_often_as_their_rate_says() -> None:
    link = Link(1e6, 0.0, 0.3, payload_bytes=100, header_bytes=0, retry_s=0.002)
    packets = 20_000
    (arrival,) = deliver(link, [100 * packets], [0.0], rng(2))
    spread = np.sqrt(0.3) / 0.7 * np.sqrt(packets)
    assert abs(arrival.packets - packets / 0.7) < 5 * spread
    again = arrival.packets - packets
    assert arrival.sent_s == pytest.approx(arrival.packets * 0.0008 + again * 0.002)
    assert 8 * 100 * packets / arrival.sent_s == pytest.approx(link.sustained_bps(100), rel=0.02)


def test_a_limit_on_the_air_keeps_the_line_quiet_between_packets_and_not_after_the_last() -> None:
    link = Link(8_000, duty=0.1, payload_bytes=100, header_bytes=0)
    first, second = deliver(link, [100, 100], [0.0, 0.0], rng(0))
    assert first.sent_s == pytest.approx(0.1) and second.sent_s == pytest.approx(1.1)
    assert link.sustained_bps(100) == pytest.approx(800)


@given(st.lists(st.tuples(st.floats(0, 0.2), st.integers(1, 3000)), min_size=1, max_size=40))
def test_a_line_never_lets_more_through_than_its_bandwidth(steps: list[tuple[float, int]]) -> None:
    line = Line(Link(80_000, payload_bytes=1000, header_bytes=0), rng(0))
    now, begun, sent = 0.0, steps[0][0], 0.0
    for wait, size in steps:
        now += wait
        arrival = line.transmit(now, size)
        sent += 8 * size
        assert arrival.sent_s >= now and sent <= 80_000 * (arrival.sent_s - begun) + 1e-6


def test_lora_rates_are_those_of_its_data_sheet() -> None:
    assert lora_bps(12, 125e3) == pytest.approx(293, abs=0.5)
    assert lora_bps(7, 125e3) == pytest.approx(5469, abs=0.5)
    assert lora_bps(7, 500e3) == pytest.approx(21_875)
    assert lora_bps(7, 500e3, 1.0) == pytest.approx(27_344, abs=0.5)


def test_a_kilobit_of_speech_fits_zigbee_and_lora_but_not_a_hundredth_of_its_time() -> None:
    """The paper's claim of section 5.5.3, and what the rules of LoRa's band make of it. 5 s at 1 kbit/s: 625 bytes."""
    sustained = {name: link.sustained_bps(625) for name, link in LINKS.items()}
    assert sustained["zigbee_20k"] > 10_000 and sustained["zigbee_250k"] > 150_000
    assert sustained["lora_11k"] > 9_000 and sustained["lora_27k"] > 20_000
    assert sustained["lora_11k_duty"] < 110 and sustained["lora_300"] < 293
    assert sustained["uplink_20m"] == pytest.approx(20 * sustained["uplink_1m"])


def test_impossible_links_say_what_is_expected() -> None:
    for change in ({"bandwidth_bps": 0}, {"loss": 1.0}, {"latency_s": -1}, {"duty": 0}, {"payload_bytes": 0}):
        with pytest.raises(ParamError, match="expected"):
            replace(uplink(1), **change)
    with pytest.raises(ParamError, match="zigbee_250k"):
        link_of("string")
    with pytest.raises(ParamError, match="none before"):
        deliver(uplink(1), [1, 1], [1.0, 0.0], rng(0))
