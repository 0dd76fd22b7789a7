"""A minute, and a chunk of 5 s, from samples to the server over links of 0.3 kbit/s to 20 Mbit/s: the real edge client
and server at their usual limits, with the link model between them.

Over LoRa a minute of PCM takes a day, so slow links run on a clock that skips waiting (`skipping_clock`): the edge's
computing takes its own time, what the link takes is counted and not waited for. `link_check` rows compare that clock
with the true one.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass, replace

import numpy as np
import torch

from benchmarks import skipping_clock
from benchmarks.edge_process import PIECE_S
from benchmarks.link_systems import Encode, System, minute, systems
from benchmarks.measurement import Measurement, Scale
from thinwire.audio import SAMPLE_RATE
from thinwire.channel.link import LINKS, Link, uplink
from thinwire.params import Params
from thinwire.progress import track
from thinwire.seeding import rng
from thinwire.serving.client import EdgeClient
from thinwire.serving.edge import Denoiser, Edge
from thinwire.serving.protocol import FRAME_BYTES
from thinwire.serving.server import Server
from thinwire.serving.throttle import LinkRelay
from thinwire.systems.aucom.gate import NoiseGate

FRAMING = {
    0.3: "lora_300", 5.5: "lora_11k", 11.0: "lora_11k", 27.0: "lora_27k", 250.0: "zigbee_250k",
}  # fmt: skip
"""Links of LoRa and ZigBee by kbit/s; all others are uplinks."""
BANDWIDTHS = [*FRAMING, 500.0, 1000.0, 5000.0, 10_000.0, 20_000.0]
CHECKS = (("aucom_v1", 1000.0), ("pcm", 20_000.0))
"""Systems and kbit/s at which the two clocks are compared, by the minute."""
MOST_REPETITIONS = 3
FAST_KBPS = 1000.0
"""From here on this machine takes as long as the line: medians of repetitions."""
PATIENCE_S = 0.3
"""What a line may take of the true clock's time."""
MODEL = "0" * 16


@dataclass(frozen=True)
class Coded:
    """A minute as bytes of chunks, and the seconds that it took the edge."""

    chunks: list[bytes]
    seconds: float

    @property
    def kbit(self) -> float:
        """In all."""
        return 8e-3 * sum(map(len, self.chunks))


def link(params: Params, scale: Scale, bandwidths: list[float] = BANDWIDTHS) -> list[Measurement]:
    """Seconds until the server has it all, for each system and bandwidth: `link/<system>/<kbps>` of the minute,
    `link_chunk/...` of 5 s, and from `FAST_KBPS` on `link_bytes/...` of a minute that was coded beforehand; what the
    edge computes and sends of the minute; and the two clocks.
    """
    torch.set_num_threads(1)
    audio, material = minute(params)
    found = systems(params, audio)
    rows: list[Measurement] = []
    for system in track(list(found.values()), "link"):
        coded = code(system, audio, scale)
        rows += apart(system, coded, material, scale)
        for kbps in bandwidths:
            sent = [("link", system, audio), ("link_chunk", system, audio[: PIECE_S * SAMPLE_RATE])]
            fast = kbps >= FAST_KBPS
            if fast:
                sent.append(("link_bytes", coded_before(system, coded), audio))
            for name, sender, signal in sent:
                what = f"{system.what}: {len(signal) // SAMPLE_RATE} s ({material}) over {kbps:g} kbit/s to the server"
                size = round(125.0 * coded.kbit * len(signal) / len(audio))
                skips = float(link_of(kbps).airtime_s(size).sum()) > PATIENCE_S
                number = min(scale.repetitions, MOST_REPETITIONS) if fast else 1
                times = [transmit(sender, signal, link_of(kbps), skips) for _ in range(number)]
                clock = "clock that skips waiting" if skips else "true clock"
                computing = "coded beforehand" if name == "link_bytes" else "the edge's computing in it"
                note = f"{clock}; {computing}; {packets_of(link_of(kbps))}"
                row = f"{name}/{system.name}/{kbps:g}"
                rows.append(Measurement(row, what, statistics.median(times), "s", repetitions=number, note=note))
    return rows + [check(found[name], audio, kbps, scale) for name, kbps in CHECKS]


def coded_before(system: System, coded: Coded) -> System:
    """The system with the bytes of a minute at hand: what protocol and line take alone."""

    def start(chunks: int) -> Encode:
        waiting = iter(coded.chunks)
        return lambda block: next(waiting)

    return replace(system, start=start, gated=False)


def code(system: System, audio: np.ndarray, scale: Scale) -> Coded:
    """What the edge sends of a signal, and the median of its time."""
    blocks = np.split(audio, range(system.chunk_samples, len(audio), system.chunk_samples))
    coded: list[bytes] = []
    times = []
    for _ in range(1 + min(scale.repetitions, MOST_REPETITIONS)):
        edge = edge_of(system, len(audio))
        begin = time.perf_counter()
        coded = [edge.code(block) for block in blocks]
        times.append(time.perf_counter() - begin)
    return Coded(coded, statistics.median(times[1:]))


def apart(system: System, coded: Coded, material: str, scale: Scale) -> list[Measurement]:
    """The two terms of the paper's arithmetic, 0.2 s and 60 kbit a minute."""
    what, number = f"{system.what}: a minute ({material})", len(coded.chunks)
    computes = f"{'gate, mel features, encoder and coder' if system.gated else 'codec'}, {number} chunks"
    framed = coded.kbit + 8e-3 * FRAME_BYTES * number
    return [
        Measurement(
            f"link_compute/{system.name}", f"{what}, time of the edge", 1e3 * coded.seconds, "ms",
            repetitions=min(scale.repetitions, MOST_REPETITIONS), note=computes,
        ),
        Measurement(
            f"link_payload/{system.name}", f"{what}, what is sent", coded.kbit, "kbit",
            note=f"{number} chunks with their headers; with the frames of the protocol {framed:.4g} kbit",
        ),
    ]  # fmt: skip


def link_of(kbps: float) -> Link:
    """LoRa's or ZigBee's packets where such a link has about this rate, else an uplink's."""
    framed = LINKS[FRAMING[kbps]] if kbps in FRAMING else uplink(1.0)
    return replace(framed, bandwidth_bps=1e3 * kbps)


def packets_of(line: Link) -> str:
    """A link in words."""
    return f"packets of {line.payload_bytes} + {line.header_bytes} bytes, latency {1e3 * line.latency_s:g} ms"


def edge_of(system: System, samples: int) -> Edge:
    """With the gate, whose word is not followed: the paper's times are without the enhancer."""
    gate = NoiseGate()

    def heard(background: np.ndarray) -> bool:
        gate.is_noisy(background)
        return False

    denoiser = Denoiser(heard, lambda audio: audio) if system.gated else None
    return Edge(system.start(-(-samples // system.chunk_samples)), denoiser, system.chunk_samples)


def transmit(system: System, audio: np.ndarray, line: Link, skips: bool = True, draw: int = 0) -> float:
    """Seconds from the first sample until the server has the last byte; a greeting and the computing are in it. `draw`
    numbers what a link with losses loses.
    """
    return skipping_clock.run(_stream(system, audio, line, draw), skips)


async def _stream(system: System, audio: np.ndarray, line: Link, draw: int) -> float:
    clock, arrived = asyncio.get_running_loop().time, list[float]()

    def decode(data: bytes) -> bytes:
        arrived.append(clock())
        return data

    async with (
        Server(decode, lambda data: {"bytes": len(data)}, MODEL) as server,
        LinkRelay(line, server.port, rng(0, "link", draw)) as relay,
        EdgeClient("127.0.0.1", relay.port, edge_of(system, len(audio)), MODEL, _drop, rng(0, "retry")) as client,
    ):
        begin = clock()
        await client.push(audio)
        await client.finish()
        if (client.sent.connections, len(arrived)) != (1, client.sent.chunks):
            raise RuntimeError(f"{system.name}: {client.sent}, {len(arrived)} chunks arrived; this is no latency")
    return arrived[-1] - begin


def _drop(result: object) -> None:
    pass


def check(system: System, audio: np.ndarray, kbps: float, scale: Scale) -> Measurement:
    """What the skipping clock tells, in units of what the true one does."""
    number = min(scale.repetitions, MOST_REPETITIONS)
    times = [(transmit(system, audio, link_of(kbps)), transmit(system, audio, link_of(kbps), skips=False))
             for _ in range(number)]  # fmt: skip
    skipping, true = (statistics.median(one) for one in zip(*times, strict=True))
    what = f"{system.what}: a minute over {kbps:g} kbit/s, clock that skips waiting against the true one"
    note = f"{skipping:.4g} s against {true:.4g} s, medians"
    name = f"link_check/{system.name}/{kbps:g}"
    return Measurement(name, what, skipping / true, "ratio", repetitions=number, note=note)
