"""The minute and the chunk of `benchmarks.link` over links that lose packets, which are sent again: a row each for
`link_lossy/<system>/<kbps>/<loss in %>` and `link_lossy_chunk/...`, medians over draws of what is lost.
"""

from __future__ import annotations

import statistics
from dataclasses import replace

import torch

from benchmarks.edge_process import PIECE_S
from benchmarks.link import code, coded_before, link_of, packets_of, transmit
from benchmarks.link_systems import minute, systems
from benchmarks.measurement import Measurement, Scale
from thinwire.audio import SAMPLE_RATE
from thinwire.channel.link import Link
from thinwire.params import Params
from thinwire.progress import track

BANDWIDTHS = {"aucom_v1": (5.5, 250.0, 1000.0), "mp3_8": (5.5, 250.0, 1000.0), "mp3_64": (250.0, 1000.0)}
"""kbit/s by system: LoRa, ZigBee, an uplink. Chunks of MP3 at 64 kbit/s with losses take LoRa so long that the client
gives their connection up and opens another, again and again: that is no latency.
"""
LOSSES = (0.0, 0.05, 0.2, 0.4)
DRAWS = 5


def lossy(params: Params, scale: Scale) -> list[Measurement]:
    """Seconds until the server has it all, on a clock that skips waiting, the signal coded beforehand: what losses
    alone do.
    """
    torch.set_num_threads(1)
    audio, material = minute(params)
    found = systems(params, audio)
    rows: list[Measurement] = []
    for name in track(list(BANDWIDTHS), "lossy link"):
        system = found[name]
        ready = coded_before(system, code(system, audio, scale))
        for kbps in BANDWIDTHS[name]:
            for loss in LOSSES:
                line = losing(link_of(kbps), loss)
                for row, signal in (("link_lossy", audio), ("link_lossy_chunk", audio[: PIECE_S * SAMPLE_RATE])):
                    number = min(scale.repetitions, DRAWS) if loss else 1
                    times = [transmit(ready, signal, line, draw=draw) for draw in range(number)]
                    seconds = len(signal) // SAMPLE_RATE
                    what = f"{system.what}: {seconds} s ({material}) over {kbps:g} kbit/s, {100 * loss:g} % lost"
                    note = f"coded beforehand; {packets_of(line)}, sent again after {1e3 * line.retry_s:g} ms"
                    rows.append(Measurement(f"{row}/{name}/{kbps:g}/{100 * loss:g}", what, statistics.median(times),
                                            "s", repetitions=number, note=note))  # fmt: skip
    return rows


def losing(line: Link, loss: float) -> Link:
    """The link with losses; one of an uplink is noticed after a round trip (reading)."""
    return replace(line, loss=loss, retry_s=max(line.retry_s, 2.0 * line.latency_s))
