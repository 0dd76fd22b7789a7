"""The relay: the same bytes, never sooner than the link could bring them."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from toy_talk import Toy

from thinwire.channel.link import Link
from thinwire.seeding import rng
from thinwire.serving.client import EdgeClient, Result
from thinwire.serving.protocol import FRAME_BYTES
from thinwire.serving.server import Server
from thinwire.serving.throttle import LinkRelay


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 12):
        writer.write(data)
        await writer.drain()
    writer.close()


@pytest.mark.parametrize("loss", [0.0, 0.2])
def test_bytes_come_back_whole_and_not_before_the_link_brings_them(loss: float) -> None:
    link = Link(800_000, 0.03, loss, payload_bytes=1000, header_bytes=0, retry_s=0.001)
    data = np.random.default_rng(0).bytes(20_000)

    async def run() -> float:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with LinkRelay(link, server.sockets[0].getsockname()[1], rng(1)) as relay:
            begin = asyncio.get_running_loop().time()
            reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
            writer.write(data)
            writer.write_eof()
            assert await reader.read(-1) == data
            writer.close()
            took = asyncio.get_running_loop().time() - begin
        server.close()
        return took

    # There and back; the way back begins with the first packet. What was lost only makes it longer.
    least = 2 * 0.03 + (20_000 + 1000) * 8 / 800_000
    assert asyncio.run(run()) >= least


def test_a_stream_of_chunks_takes_the_time_of_its_bits() -> None:
    toy, results = Toy(), list[Result]()

    async def run() -> None:
        async with (
            Server(toy.decode, toy.task, toy.model) as server,
            LinkRelay(Link(19_200), server.port, rng(2)) as relay,
        ):
            begin = asyncio.get_running_loop().time()
            async with EdgeClient("127.0.0.1", relay.port, toy.edge(), toy.model, results.append, rng(3)) as client:
                await client.push(toy.audio(8))
                await client.finish()
                took = asyncio.get_running_loop().time() - begin
                # All but the END, for which nobody waits.
                assert took >= 8 * (client.sent.frame_bytes - FRAME_BYTES) / 19_200

    asyncio.run(run())
    assert [result.value["number"] for result in results] == list(range(8))


def test_what_leads_nowhere_is_closed() -> None:
    async def run() -> None:
        async with LinkRelay(Link(1e6), 1, rng(0)) as relay:
            reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
            writer.close()

    asyncio.run(run())


def test_a_receiver_that_does_not_read_stops_the_sender() -> None:
    """What relay and sockets hold of 64 MB is bounded."""

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(30)

    async def run() -> None:
        server = await asyncio.start_server(deaf, "127.0.0.1", 0)
        async with LinkRelay(Link(1e12, payload_bytes=1 << 16), server.sockets[0].getsockname()[1], rng(0)) as relay:
            _, writer = await asyncio.open_connection("127.0.0.1", relay.port)
            sent = 0
            while sent < 1 << 26:
                writer.write(bytes(1 << 16))
                sent += 1 << 16
                try:
                    await asyncio.wait_for(writer.drain(), 0.5)
                except TimeoutError:
                    break
            assert sent < 1 << 26
            writer.transport.abort()
        server.close()

    asyncio.run(run())
