"""The server: many edge devices at once, each chunk decoded and given to a task, its answer sent back.

What clients can make it do is bounded: connections and streams in number, frames in length, each read and write in
time, and a stream's next chunk is read only when its last one has been answered. So a server holds at most
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
from thinwire.serving.limits import Counts, Limits
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


_CLOSE_S = 5.0


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
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Server:
        self._pool = ThreadPoolExecutor(self.limits.workers, "thinwire-task")
        try:
            self._listener = await asyncio.start_server(self._connected, self.host, self.port, limit=1 << 14)
        except (OSError, OverflowError) as error:
            self._pool.shutdown()
            reason = getattr(error, "strerror", None) or error
            raise ServingError(f"{self.host}:{self.port}: cannot listen ({reason}); choose another port") from error
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        await asyncio.sleep(0)  # what was accepted just now begins, and is ended with the others
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # A chunk that is in work is finished, in its thread; nobody gets the answer.
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if not self._listener.is_serving():
            return writer.transport.abort()
        self._tasks.add(task)
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
        except (asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            pass  # the other side left or cannot be reached, or the place was given to another connection
        finally:
            self._connections.pop(task, None)
            await self._close(writer)
            self._tasks.discard(task)

    def _find_place(self) -> None:
        """A connection over the limit takes the place of the one that was silent longest, if that was for `yield_s`."""
        if len(self._connections) < self.limits.connections:
            return
        silent = min(self._connections.values(), key=lambda connection: connection.waiting_since_s)
        if self._now() - silent.waiting_since_s < self.limits.yield_s:
            raise ServingError(f"all {self.limits.connections} places are taken; try again later", Fault.BUSY)
        self.counts.crowded += 1
        del self._connections[silent.task]
        silent.task.cancel()

    async def _converse(self, connection: _Connection) -> None:
        frame = await self._read(connection, Kind.HELLO)
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
                frame = await self._read(connection, Kind.CHUNK, Kind.END)
                connection.waiting_since_s = math.inf
                session.acknowledge(frame.ack)
                if frame.kind is Kind.END:
                    return self.sessions.end(session)
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
        work = asyncio.create_task(self._work(session, frame))
        self._tasks.add(work)
        work.add_done_callback(self._tasks.discard)
        await asyncio.shield(work)
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

    async def _read(self, connection: _Connection, *due: Kind) -> Frame:
        return await read_frame(connection.reader, self.limits.idle_s, self.limits.stall_s, due)

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
            async with asyncio.timeout(_CLOSE_S):
                await writer.wait_closed()
        except (TimeoutError, OSError):
            writer.transport.abort()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
