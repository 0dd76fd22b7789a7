"""The server: many edge devices at once, each chunk decoded and given to a task, its answer sent back.

What clients can make it do is bounded: connections and streams in number, frames in length, each read and write in
time, and a connection's next frame is read only when its last one has been answered. So a server holds at most
`connections` payloads of 128 KiB and `streams` * 8 answers of 16 KiB, whatever arrives.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from thinwire.errors import BitstreamError, ThinwireError
from thinwire.serving.protocol import (
    MAX_RESULT,
    Fault,
    Frame,
    Kind,
    ServingError,
    error_frame,
    pack_frame,
    parse_hello,
    read_frame,
)
from thinwire.serving.sessions import Session, Sessions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """Connections and streams at most; seconds for a HELLO, between two frames, and for the next 256 bytes of a frame
    that has begun; seconds for which a stream without connection is kept; threads that decode and run the task.
    """

    connections: int = 256
    streams: int = 1024
    hello_s: float = 5.0
    idle_s: float = 30.0
    stall_s: float = 10.0
    resume_s: float = 300.0
    workers: int = 1


@dataclass
class Counts:
    """What happened since the start: connections taken, those that went on with a stream, refused or replaced for want
    of room, ended for malformed frames or for being slow; chunks answered, of those with an error, and chunks that came
    a second time.
    """

    connections: int = 0
    resumed: int = 0
    crowded: int = 0
    malformed: int = 0
    slow: int = 0
    chunks: int = 0
    failed: int = 0
    repeated: int = 0


@dataclass(eq=False)
class _Connection:
    task: asyncio.Task[None]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    waiting_since_s: float


@dataclass(frozen=True)
class _Answer:
    text: bytes
    failed: bool


class Server:
    """Listens while its `async with` block runs; `port` is where.

    `decode(bytes) -> features` and `task(features) -> dict` run in threads, a chunk of a stream at a time. An error of
    theirs is that chunk's answer, {"error": what}. `model` is the fingerprint (16 hex digits) that clients must name.
    Raises ServingError where the address cannot be listened at.
    """

    def __init__(
        self,
        decode: Callable[[bytes], Any],
        task: Callable[[Any], dict[str, Any]],
        model: str,
        host: str = "127.0.0.1",
        port: int = 0,
        limits: Limits | None = None,
    ) -> None:
        self.decode, self.task, self.model, self.host, self.port = decode, task, model, host, port
        self.limits = limits or Limits()
        self.counts = Counts()
        self.sessions = Sessions(self.limits.streams, self.limits.resume_s)
        self._connections: dict[asyncio.Task[None], _Connection] = {}

    async def __aenter__(self) -> Server:
        self._pool = ThreadPoolExecutor(self.limits.workers, "thinwire-task")
        try:
            self._listener = await asyncio.start_server(self._connected, self.host, self.port, limit=1 << 14)
        except OSError as error:
            self._pool.shutdown()
            reason = error.strerror or error
            raise ServingError(f"{self.host}:{self.port}: cannot listen ({reason}); choose another port") from error
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._pool.shutdown(cancel_futures=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.counts.connections += 1
        try:
            self._find_place()
            self._connections[task] = _Connection(task, reader, writer, self._now())
            await self._converse(self._connections[task])
        except BitstreamError as error:
            self.counts.malformed += 1
            self._complain(writer, Fault.MALFORMED, str(error))
        except TimeoutError:
            self.counts.slow += 1
            self._complain(writer, Fault.SLOW, "nothing more came, or was taken, in time; connect again to go on")
        except ServingError as error:
            self.counts.crowded += error.fault is Fault.BUSY
            self._complain(writer, error.fault or Fault.MALFORMED, str(error))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the other side left, or the place was given to another connection
        finally:
            self._connections.pop(task, None)
            await self._close(writer)

    def _find_place(self) -> None:
        """A connection over the limit takes the place of the one that was silent longest, if that was so for long."""
        if len(self._connections) < self.limits.connections:
            return
        silent = min(self._connections.values(), key=lambda connection: connection.waiting_since_s)
        if self._now() - silent.waiting_since_s < self.limits.hello_s:
            raise ServingError(f"all {self.limits.connections} places are taken; try again later", Fault.BUSY)
        self.counts.crowded += 1
        del self._connections[silent.task]
        silent.task.cancel()

    async def _converse(self, connection: _Connection) -> None:
        frame = await read_frame(connection.reader, self.limits.hello_s, self.limits.stall_s)
        if frame.kind is not Kind.HELLO:
            raise BitstreamError(f"{frame.kind.name} came where HELLO was due")
        hello = parse_hello(frame.payload)
        if hello.model != self.model:
            raise ServingError(f"model {hello.model} is not this server's {self.model}", Fault.FOREIGN)
        session = self.sessions.open(hello.token, frame.ack, connection.task, self._now())
        try:
            connection.waiting_since_s = math.inf
            self.counts.resumed += session.token == hello.token
            await self._welcome(connection, session, frame.ack)
            while True:
                connection.waiting_since_s = self._now()
                frame = await read_frame(connection.reader, self.limits.idle_s, self.limits.stall_s)
                connection.waiting_since_s = math.inf
                session.acknowledge(frame.ack)
                if frame.kind is Kind.END:
                    return self.sessions.end(session)
                if frame.kind is not Kind.CHUNK:
                    raise BitstreamError(f"{frame.kind.name} came where a CHUNK was due")
                await self._answer(connection, session, frame)
        finally:
            self.sessions.leave(session, connection.task, self._now())

    async def _welcome(self, connection: _Connection, session: Session, ack: int) -> None:
        # A chunk of the stream's former connection may still be worked on: it counts as had, and its result is kept.
        async with session.lock:
            session.acknowledge(ack)
            await self._send(connection, Frame(Kind.WELCOME, session.next_seq, payload=session.token))
            for seq, result in sorted(session.results.items()):
                await self._send(connection, Frame(Kind.RESULT, seq, payload=result))

    async def _answer(self, connection: _Connection, session: Session, frame: Frame) -> None:
        session.is_new(frame.seq)
        # What has begun is finished and its result kept, also when the connection ends meanwhile: no chunk is worked on
        # twice.
        await asyncio.shield(asyncio.ensure_future(self._work(session, frame)))
        if frame.seq in session.results:
            await self._send(connection, Frame(Kind.RESULT, frame.seq, payload=session.results[frame.seq]))

    async def _work(self, session: Session, frame: Frame) -> None:
        async with session.lock:
            if not session.is_new(frame.seq):
                self.counts.repeated += 1
                return
            answer = await asyncio.get_running_loop().run_in_executor(self._pool, self._result, frame.payload)
            session.results[frame.seq] = answer.text
            session.next_seq += 1
            self.counts.chunks += 1
            self.counts.failed += answer.failed

    def _result(self, payload: bytes) -> _Answer:
        try:
            value = dict(self.task(self.decode(payload)))
            text = json.dumps(value, allow_nan=False, default=lambda item: item.tolist()).encode()
            if len(text) <= MAX_RESULT:
                return _Answer(text, failed=False)
            error = f"the task's answer of {len(text)} bytes is over the limit of {MAX_RESULT}"
        except ThinwireError as fault:
            error = str(fault)
        except Exception:
            log.exception("a chunk of %d bytes made the task fail", len(payload))
            error = "the task failed on this chunk"
        return _Answer(json.dumps({"error": error[:500]}).encode(), failed=True)

    async def _send(self, connection: _Connection, frame: Frame) -> None:
        connection.writer.write(pack_frame(frame))
        async with asyncio.timeout(self.limits.idle_s):
            await connection.writer.drain()

    def _complain(self, writer: asyncio.StreamWriter, fault: Fault, text: str) -> None:
        if not writer.is_closing():
            writer.write(pack_frame(error_frame(fault, text)))

    async def _close(self, writer: asyncio.StreamWriter) -> None:
        writer.close()
        try:
            async with asyncio.timeout(self.limits.stall_s):
                await writer.wait_closed()
        except (TimeoutError, OSError):
            writer.transport.abort()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
