"""Links with a bandwidth, a latency and losses: when bytes that are handed to them arrive.

A message is cut into packets of at most `payload_bytes`, each with `header_bytes` on top; the line sends one after the
other in order. A packet that is lost is noticed after `retry_s` and sent again, so everything arrives, later (the paper
speaks of ZigBee, LoRa and uplinks of 1 to 20 Mbit/s, section 5.5.3, and says nothing of losses: reading). `duty` is the
share of time that the sender may be on the air: after each packet it keeps quiet for airtime * (1 / duty - 1), as the
European rules for LoRa's band ask.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from thinwire.errors import ParamError


@dataclass(frozen=True)
class Link:
    """A link: bit/s on the line, one-way latency in s, probability that a packet is lost, bytes of a packet's payload
    and header, s until a loss is noticed, share of time on the air. Raises ParamError for values that no link has.
    """

    bandwidth_bps: float
    latency_s: float = 0.0
    loss: float = 0.0
    payload_bytes: int = 1460
    header_bytes: int = 40
    retry_s: float = 0.0
    duty: float = 1.0

    def __post_init__(self) -> None:
        times_fit = 0 <= self.latency_s < math.inf and 0 <= self.retry_s < math.inf
        sizes_fit = self.payload_bytes >= 1 and self.header_bytes >= 0 and 0 < self.bandwidth_bps < math.inf
        if not (times_fit and sizes_fit and 0 <= self.loss < 1 and 0 < self.duty <= 1):
            raise ParamError(
                f"link: {self}; expected bandwidth_bps > 0, latency_s >= 0, retry_s >= 0, 0 <= loss < 1, "
                "payload_bytes >= 1, header_bytes >= 0, 0 < duty <= 1"
            )

    def airtime_s(self, size: int) -> np.ndarray:
        """Seconds on the line (packets,) of a message of `size` bytes, sent once; a packet of none for an empty one."""
        full, rest = divmod(size, self.payload_bytes)
        payloads = [self.payload_bytes] * full + [rest] * (rest > 0 or size == 0)
        return 8.0 * (np.array(payloads, np.float64) + self.header_bytes) / self.bandwidth_bps

    def sustained_bps(self, size: int) -> float:
        """Payload in bit/s that messages of `size` bytes can keep up for ever, on average over the losses."""
        airtime = self.airtime_s(size)
        quiet = airtime * (1.0 / self.duty - 1.0)
        lost = self.loss / (1.0 - self.loss)
        return 8.0 * size / float((airtime + quiet + lost * (airtime + np.maximum(quiet, self.retry_s))).sum())


@dataclass(frozen=True)
class Arrival:
    """When a message left the line and when it arrived (s, on the sender's clock), and the packets it took, those sent
    again among them.
    """

    sent_s: float
    arrived_s: float
    packets: int


class Line:
    """One direction of a link in use: messages go over it in the order they are handed in (a token bucket that saves
    nothing up).
    """

    def __init__(self, link: Link, rng: np.random.Generator) -> None:
        self.link, self._rng = link, rng
        self._free_s = -math.inf

    def transmit(self, ready_s: float, size: int) -> Arrival:
        """Hand over `size` bytes that are ready at `ready_s`, which never falls from call to call.

        Within t seconds never more than bandwidth * t leaves. Without losses and limit on the air, a message on a free
        line arrives 8 * (payload and headers) / bandwidth + latency later.
        """
        airtime = self.link.airtime_s(size)
        quiet = airtime * (1.0 / self.link.duty - 1.0)
        sends = self._rng.geometric(1.0 - self.link.loss, airtime.size)
        again = (sends - 1) * (airtime + np.maximum(quiet, self.link.retry_s))
        begin = max(self._free_s, ready_s)
        self._free_s = begin + float((airtime + quiet + again).sum())
        sent = self._free_s - float(quiet[-1])
        return Arrival(sent, sent + self.link.latency_s, int(sends.sum()))


def deliver(link: Link, sizes: Sequence[int], ready_s: Sequence[float], rng: np.random.Generator) -> list[Arrival]:
    """Arrivals of messages of `sizes` bytes that are ready at `ready_s` (rising), in order, over a line free at first.

    Raises ParamError where there are not as many times as sizes, or times fall.
    """
    if len(sizes) != len(ready_s) or any(later < now for now, later in zip(ready_s, ready_s[1:], strict=False)):
        raise ParamError(f"link: {len(sizes)} messages with {len(ready_s)} times; give each one, none before the last")
    line = Line(link, rng)
    return [line.transmit(ready, size) for size, ready in zip(sizes, ready_s, strict=True)]


def lora_bps(spreading_factor: int, bandwidth_hz: float, code_rate: float = 0.8) -> float:
    """Bit rate of LoRa: SF chips' worth of bits every 2^SF / bandwidth seconds, times the code rate (4/5 to 4/8, 1 for
    none). 0.293 kbit/s at SF 12 and 125 kHz; 27.3 kbit/s at SF 7 and 500 kHz uncoded, the most that is named for it.
    """
    return spreading_factor * bandwidth_hz / 2**spreading_factor * code_rate


def uplink(mbps: float, latency_s: float = 0.02) -> Link:
    """A packet network's uplink of `mbps` Mbit/s with TCP/IP headers (the latency is a reading)."""
    return Link(mbps * 1e6, latency_s)


# IEEE 802.15.4: frames of 127 bytes and 6 bytes of preamble, of which network and application headers leave about 100;
# an acknowledgement is waited for 54 symbols (2.4 GHz) or 120 (868 MHz). LoRaWAN: payloads of 222 bytes at SF 7 and 51
# at SF 12, 13 bytes of header and 12.25 symbols of preamble; a device listens for the answer for two seconds.
_ZIGBEE = Link(250e3, 0.005, payload_bytes=100, header_bytes=33, retry_s=0.000864)
_LORA = Link(lora_bps(7, 250e3), payload_bytes=222, header_bytes=22, retry_s=2.0)
LINKS = {
    "uplink_1m": uplink(1),
    "uplink_5m": uplink(5),
    "uplink_20m": uplink(20),
    "zigbee_250k": _ZIGBEE,
    "zigbee_20k": replace(_ZIGBEE, bandwidth_bps=20e3, retry_s=0.006),
    "lora_27k": replace(_LORA, bandwidth_bps=lora_bps(7, 500e3, 1.0)),
    "lora_11k": _LORA,
    "lora_11k_duty": replace(_LORA, duty=0.01),
    "lora_300": replace(_LORA, bandwidth_bps=lora_bps(12, 125e3), payload_bytes=51, header_bytes=28),
}
"""Links by name. `lora_11k` is the paper's "approximately 10 Kbps"; `_duty`: on the air 1 % of the time at most."""


def link_of(name: str) -> Link:
    """A link by its name; raises ParamError naming those there are."""
    if name not in LINKS:
        raise ParamError(f"link: {name!r} is not known; there are {', '.join(LINKS)}")
    return LINKS[name]
