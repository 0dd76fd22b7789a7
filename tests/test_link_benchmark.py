"""The link benchmark with a tiny codec, on a clock that skips waiting; no machine's time is ever asserted."""

from __future__ import annotations

import asyncio
import socket
import time

import numpy as np
import pytest
from benchmarks import link, link_systems, skipping_clock
from benchmarks.measurement import Scale

from thinwire.channel.link import deliver
from thinwire.params import Params, parse_params
from thinwire.seeding import rng

FRAME, HELLO, WELCOME = 17, 9, 16


@pytest.fixture
def params(smoke_params, tmp_path, monkeypatch) -> Params:
    """A tiny codec in a folder without models and data."""
    tree = smoke_params.model_dump(exclude_unset=True)
    tree["systems"] |= {"aucom_codec": {"spectrum": {"n_mels": 16}, "channels": 4}}
    monkeypatch.chdir(tmp_path)
    return parse_params(tree)


def test_every_system_is_sent_over_every_link(params, monkeypatch):
    monkeypatch.setattr(link, "CHECKS", (("pcm", 20_000.0),))
    monkeypatch.setattr(link_systems, "AUCOM", {"aucom_v2": "v2"})
    monkeypatch.setattr(link_systems, "CLASSIC", {"mp3_8": ("mp3", 8.0)})
    monkeypatch.setattr(link, "minute", lambda params: (link_systems.noise(0, 96_000), "6 s of noise"))
    rows = {row.name: row for row in link.link(params, Scale(repetitions=1), [0.3, 20_000.0])}
    names = []
    for system in ("aucom_v2", "mp3_8", "pcm"):
        names += [f"link_compute/{system}", f"link_payload/{system}"]
        names += [f"{what}/{system}/{kbps}" for kbps in ("0.3", "20000") for what in ("link", "link_chunk")]
        names.append(f"link_bytes/{system}/20000")
    assert list(rows) == [*names, "link_check/pcm/20000"] and all(row.value for row in rows.values())
    assert "untrained" in rows["link/aucom_v2/0.3"].what and "LoRa" not in rows["link/aucom_v2/20000"].what
    values = {name: row.value for name, row in rows.items()}
    # Over LoRa the line rules, and its time follows from the bits: hours are no matter of this machine's speed.
    assert values["link_payload/pcm"] == 6 * 256
    assert values["link/pcm/0.3"] > 1536 / 0.3 > values["link/mp3_8/0.3"] > values["link/aucom_v2/0.3"]
    assert values["link_chunk/pcm/0.3"] < values["link/pcm/0.3"]


def test_what_was_coded_before_is_sent_as_it_is():
    system = link_systems.System("halves", "halves", 40_000, lambda chunks: lambda block: bytes(len(block) // 2))
    coded = link.code(system, link_systems.noise(1, 100_000), Scale(repetitions=1))
    replayed = link.coded_before(system, coded).start(3)
    assert [replayed(np.zeros(1)) for _ in range(3)] == coded.chunks == [bytes(20_000), bytes(20_000), bytes(10_000)]


def test_what_the_line_takes_is_what_the_model_says():
    audio = link_systems.noise(1, 80_000)
    system = link_systems.System("pcm", "PCM", 40_000, lambda chunks: link_systems.pcm)
    line = link.link_of(0.3)
    measured = link.transmit(system, audio, line)
    up = deliver(line, [FRAME + HELLO] + [FRAME + 80_000] * 2, [0.0] * 3, rng(0))[-1].arrived_s
    welcome = deliver(line, [FRAME + WELCOME], [0.0], rng(0))[0].arrived_s
    # The frames of both chunks share packets in the relay, of which each saves at most one header.
    saved = 2 * 8 * line.header_bytes / line.bandwidth_bps
    assert up + welcome - saved <= measured <= (up + welcome) * 1.01


def test_systems_code_what_they_should(params):
    audio = link_systems.noise(2, 160_000)
    systems = link_systems.systems(params, audio)
    for name, kbps in {"mp3_64": 64, "mp3_8": 8, "aac_12": 12, "pcm": 256}.items():
        system = systems[name]
        blocks = np.split(audio, range(system.chunk_samples, len(audio), system.chunk_samples))
        encode = system.start(len(blocks))
        assert 8e-3 * sum(len(encode(block)) for block in blocks) / 10.0 == pytest.approx(kbps, rel=0.06)
    rates = [8e-3 * link.code(systems[name], audio, Scale(repetitions=1)).kbit for name in link_systems.AUCOM]
    assert sorted(rates, reverse=True) == rates


def test_waiting_is_skipped_and_kept_in_order():
    async def sleeper(seconds: float) -> float:
        await asyncio.sleep(seconds)
        said.append(seconds)
        return asyncio.get_running_loop().time()

    async def sleepers() -> list[float]:
        begin = asyncio.get_running_loop().time()
        return [end - begin for end in await asyncio.gather(*map(sleeper, (7200.0, 3600.0, 10.0)))]

    said: list[float] = []
    ends = skipping_clock.run(sleepers())
    assert said == [10.0, 3600.0, 7200.0]
    assert all(least <= end < least + 60 for least, end in zip((7200, 3600, 10), ends, strict=True))


def test_threads_and_sockets_are_waited_for():
    async def race() -> list[str]:
        order: list[str] = []
        reader, writer = await asyncio.open_connection(sock=ours)
        theirs_reader, theirs_writer = await asyncio.open_connection(sock=theirs)

        async def late() -> None:
            await asyncio.sleep(1000)
            order.append("timer")

        async def worker() -> None:
            await asyncio.to_thread(time.sleep, 0.05)
            order.append("thread")
            writer.write(b"bytes")
            assert await theirs_reader.readexactly(5) == b"bytes"
            order.append("socket")

        await asyncio.gather(late(), worker())
        for each in (writer, theirs_writer):
            each.close()
        return order

    ours, theirs = socket.socketpair()
    assert skipping_clock.run(race()) == ["thread", "socket", "timer"]
