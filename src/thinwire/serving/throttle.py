"""A link's bandwidth, latency and losses on real sockets: a relay between a client and a server on this machine.

The relay takes little more from a sender than the line carries, and hands every packet on when it would have arrived,
so client and server are the same programs as without it. All connections through it share the line. Unlike a real link
it does not carry TCP's own acknowledgements and greetings, which are not delayed.
"""

from __future__ import annotations

import asyncio
import math

import numpy as np

from thinwire.channel.link import Line, Link

BUFFER = 64
"""Packets that wait for the line. While there are some it never idles, however late the relay's tasks wake."""


class LinkRelay:
    """Listens while its `async with` block runs, at `port` of this machine, and relays to `host`:`to_port`.

    Both directions have the link's properties. `cut()` ends every connection, as an outage does.
    """

    def __init__(self, link: Link, to_port: int, rng: np.random.Generator, host: str = "127.0.0.1") -> None:
        self.link, self.host, self.to_port = link, host, to_port
        self.port = 0
        self._up, self._down = Line(link, rng), Line(link, rng)
        # What is on the line and what waits for it: beyond that the relay stops reading, which stops the sender.
        self._packets = BUFFER + math.ceil(link.latency_s * link.bandwidth_bps / (8 * link.payload_bytes))
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> LinkRelay:
        self._listener = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=1 << 13)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        await self.cut()

    async def cut(self) -> None:
        """End every connection; what is on the line is lost."""
        ending = list(self._connections)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        writers = [writer]
        try:
            to_reader, to_writer = await asyncio.open_connection(self.host, self.to_port, limit=1 << 13)
            writers.append(to_writer)
            async with asyncio.TaskGroup() as group:
                for source, target, line in ((reader, to_writer, self._up), (to_reader, writer, self._down)):
                    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(self._packets)
                    group.create_task(self._take(source, under_way, line))
                    group.create_task(self._hand_on(under_way, target))
        except (OSError, asyncio.CancelledError, ExceptionGroup):
            pass  # one of the two ended the connection, or it was cut
        finally:
            self._connections.discard(task)
            for each in writers:
                each.transport.abort()

    async def _take(
        self, reader: asyncio.StreamReader, under_way: asyncio.Queue[tuple[float, bytes]], line: Line
    ) -> None:
        """Packets and when they will arrive; an empty one is the sender's end of the conversation."""
        packet = b"first"
        while packet:
            packet = await reader.read(self.link.payload_bytes)
            arrival = line.transmit(self._now(), len(packet))
            await under_way.put((arrival.arrived_s, packet))

    async def _hand_on(self, under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        """Packets when they arrive."""
        while True:
            at_s, packet = await under_way.get()
            await asyncio.sleep(at_s - self._now())
            if not packet:
                return writer.write_eof()
            writer.write(packet)
            await writer.drain()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
