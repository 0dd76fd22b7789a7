"""A toy codec and task, and helpers that speak the protocol frame by frame."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from thinwire.errors import BitstreamError
from thinwire.serving.edge import Edge
from thinwire.serving.protocol import Frame, Hello, Kind, pack_frame, pack_hello, read_frame


@dataclass
class Toy:
    """Chunks of 400 samples whose first value is the chunk's number; what the task saw, in order; while `go` is
    not set it holds the task up, which `waiting` tells."""

    model: str = "0123456789abcdef"
    chunk_samples: int = 400
    seen: list[int] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)
    waiting: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.go.set()

    def audio(self, chunks: int, first: int = 0) -> np.ndarray:
        return np.repeat(np.arange(first, first + chunks, dtype=np.float32), self.chunk_samples)

    def edge(self) -> Edge:
        return Edge(self.encode, chunk_samples=self.chunk_samples)

    def encode(self, audio: np.ndarray) -> bytes:
        return b"toy" + audio[:8].astype(np.int16).tobytes()

    def decode(self, data: bytes) -> np.ndarray:
        if data[:3] != b"toy" or len(data) != 19:
            raise BitstreamError(f"{len(data)} bytes are not of the toy codec")
        return np.frombuffer(data[3:], np.int16)

    def task(self, features: np.ndarray) -> dict[str, Any]:
        if not self.go.is_set():
            self.waiting.set()
            self.go.wait()
        self.seen.append(int(features[0]))
        return {"number": features[0], "all": features[:2]}

    def chunk(self, seq: int, ack: int = 0) -> Frame:
        return Frame(Kind.CHUNK, seq, ack, self.encode(np.full(8, seq)))

    def hello(self, token: bytes = b"", ack: int = 0) -> Frame:
        return Frame(Kind.HELLO, 0, ack, pack_hello(Hello(self.model, token)))


class Talk:
    """A connection on which a test says what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, *frames: Frame | bytes) -> None:
        for frame in frames:
            self.writer.write(frame if isinstance(frame, bytes) else pack_frame(frame))
        with contextlib.suppress(ConnectionError):
            await self.writer.drain()

    async def hear(self) -> Frame:
        return await read_frame(self.reader)

    async def rest(self) -> list[Frame]:
        """Frames until the server closes."""
        frames = []
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                frames.append(await self.hear())
        return frames


@contextlib.asynccontextmanager
async def talk(port: int) -> AsyncIterator[Talk]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Talk(reader, writer)
    finally:
        writer.close()


@dataclass(frozen=True)
class Meddle:
    """What happens to one side of a connection: "up" is the client's."""

    side: str
    change: Callable[[bytes], bytes]
    hangs: bool = False


@contextlib.asynccontextmanager
async def meddler(port: int, meddle: list[Meddle]) -> AsyncIterator[int]:
    """A relay to a server that changes what one side of the n-th connection says by `meddle[n]`, a byte string at a
    time, and where that is changed ends the connection, or, `hangs`, lets neither side hear anything any more; later
    connections pass as they are.
    """
    left = list(meddle)

    async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 12):
            target.write(data)
            await target.drain()

    async def meddle_with(source: asyncio.StreamReader, target: asyncio.StreamWriter, change: Any) -> bool:
        said = passed = b""
        while data := await source.read(1 << 12):
            said += data
            changed = change(said)
            target.write(changed[len(passed) :])
            await target.drain()
            passed = changed
            if changed != said:
                # So that the server acts on what it got before the connection ends.
                await asyncio.sleep(0.02)
                return True
        return False

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        one = left.pop(0) if left else Meddle("up", lambda said: said)
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
        ways = {"up": (reader, to_writer), "down": (to_reader, writer)}
        meddling = asyncio.create_task(meddle_with(*ways.pop(one.side), one.change))
        tasks = {meddling, *(asyncio.create_task(pass_on(*way)) for way in ways.values())}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if one.hangs and not meddling.cancelled() and meddling.result():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        to_writer.close()
        writer.close()

    relay = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield relay.sockets[0].getsockname()[1]
    finally:
        relay.close()
