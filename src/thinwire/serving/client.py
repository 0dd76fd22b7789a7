"""The edge device's side of a stream: every chunk is sent until its result is there, over as many connections as it
takes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from thinwire.errors import BitstreamError
from thinwire.serving.edge import Edge
from thinwire.serving.limits import Sent
from thinwire.serving.protocol import (
    FRAME_BYTES,
    MAX_PAYLOAD,
    TOKEN_BYTES,
    WINDOW,
    Fault,
    Frame,
    Hello,
    Kind,
    ServingError,
    error_of,
    pack_frame,
    pack_hello,
    parse_result,
    read_frame,
)
from thinwire.serving.retry import Retry

QUEUE = 12
"""Chunks that are coded and not yet answered, at most: one minute."""


@dataclass(frozen=True)
class Result:
    """A chunk's answer: its number, the task's values (or {"error": what}), the chunk's bytes, and the seconds from the
    moment it was coded until its answer came.
    """

    seq: int
    value: dict[str, Any]
    size: int
    latency_s: float


@dataclass(frozen=True)
class _Pending:
    payload: bytes
    coded_at_s: float


class _DeliveryError(Exception):
    """What `deliver` raised: it is the caller's, and no fault of the connection."""


class EdgeClient:
    """`async with EdgeClient(...) as client`: `await client.push(samples)` as they come, then `await client.finish()`.

    `deliver` is called with every chunk's result, once and in order. While the server lives it works on each chunk
    once, however often the connection breaks; a server that began anew works again on those without a result yet. When
    QUEUE chunks have no result, `push` waits. `model` is the fingerprint (16 hex digits) that the server must have.
    """

    def __init__(
        self,
        host: str,
        port: int,
        edge: Edge,
        model: str,
        deliver: Callable[[Result], None],
        rng: np.random.Generator,
        retry: Retry | None = None,
    ) -> None:
        self.host, self.port, self.edge, self.model, self.deliver = host, port, edge, model, deliver
        self.retry, self.sent = retry or Retry(), Sent()
        self._rng = rng
        self._token = b""
        self._uncoded: deque[np.ndarray] = deque()
        self._coding = asyncio.Lock()
        self._pending: deque[_Pending] = deque()
        self._delivered = 0
        self._next = 0
        self._closed = False
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> EdgeClient:
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    async def push(self, samples: np.ndarray) -> None:
        """Add samples (n,) float32 at 16 kHz; waits while the queue is full. Cancelled, it has taken them all the same.

        Raises BitstreamError as `Edge.push` and the codec do, and after `finish`; ServingError where the server
        refuses, or could not be reached `Retry.attempts` times in a row.
        """
        if self._closed:
            raise BitstreamError("the stream was finished; begin a new one with another EdgeClient")
        await self._queue(self.edge.push(samples))

    async def finish(self) -> None:
        """Send what is left and wait until every result was delivered; raises as `push` does."""
        await self._queue(self.edge.flush())
        async with self._changed:
            self._closed = True
            self._changed.notify_all()
        await self._running

    async def _queue(self, chunks: list[np.ndarray]) -> None:
        self._uncoded += chunks
        async with self._coding:
            while self._uncoded:
                async with self._changed:
                    await self._changed.wait_for(lambda: len(self._pending) < QUEUE or self._running.done())
                if self._running.done():
                    await self._running
                payload = await asyncio.to_thread(self.edge.code, self._uncoded[0])
                if len(payload) > MAX_PAYLOAD:
                    raise BitstreamError(f"chunk of {len(payload)} bytes, over {MAX_PAYLOAD}; code it lower")
                async with self._changed:
                    self._uncoded.popleft()
                    self._pending.append(_Pending(payload, self._now()))
                    self.sent.chunks += 1
                    self.sent.chunk_bytes += len(payload)
                    self._changed.notify_all()

    async def _run(self) -> None:
        try:
            failures = 0
            while True:
                async with self._changed:
                    await self._changed.wait_for(lambda: self._pending or self._closed)
                if self._closed and not self._pending:
                    return
                before = self._delivered
                try:
                    return await self._connection()
                except _DeliveryError as error:
                    raise error.__cause__ or error from None
                except (OSError, TimeoutError, asyncio.IncompleteReadError, BitstreamError, ServingError) as error:
                    if isinstance(error, ServingError) and error.fault is Fault.FOREIGN:
                        raise
                    failures = 1 if self._delivered > before or not self._pending else failures + 1
                    if failures > self.retry.attempts:
                        raise ServingError(
                            f"{self.host}:{self.port}: no result in {failures} connections in a row (the last one: "
                            f"{str(error) or type(error).__name__}); look whether the server runs"
                        ) from error
                await asyncio.sleep(self.retry.wait_s(failures, self._rng))
        finally:
            async with self._changed:
                self._changed.notify_all()

    async def _connection(self) -> None:
        """One connection, from greeting to END."""
        self.sent.connections += 1
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(self.retry.connect_s):
                reader, writer = await asyncio.open_connection(self.host, self.port, limit=1 << 14)
                await self._greet(reader, writer)
            async with asyncio.timeout(None) as watchdog:
                self._watch(watchdog)
                receiving = asyncio.create_task(self._receive(reader, watchdog))
                sending = asyncio.create_task(self._send(writer, watchdog))
                try:
                    await asyncio.wait({receiving, sending}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in (receiving, sending):
                        task.cancel()
                    ends = await asyncio.gather(receiving, sending, return_exceptions=True)
                # What the server said comes before what became of the connection.
                for end in ends:
                    if isinstance(end, Exception):
                        raise end
        finally:
            if writer is not None:
                writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = pack_hello(Hello(self.model, self._token))
        await self._write(writer, Frame(Kind.HELLO, ack=self._delivered, payload=hello))
        frame = await read_frame(reader)
        if frame.kind is Kind.ERROR:
            raise error_of(frame)
        fits = 0 <= frame.seq - self._delivered <= len(self._pending) and len(frame.payload) == TOKEN_BYTES
        if frame.kind is not Kind.WELCOME or not fits:
            raise BitstreamError(f"the server greets with {frame.kind.name} and chunk {frame.seq}")
        self._token, self._next = frame.payload, frame.seq

    async def _send(self, writer: asyncio.StreamWriter, watchdog: asyncio.Timeout) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(self._has_to_send)
                if watchdog.when() is None:
                    self._watch(watchdog)
                if not self._pending:
                    frame = Frame(Kind.END, self._delivered, self._delivered)
                else:
                    payload = self._pending[self._next - self._delivered].payload
                    frame = Frame(Kind.CHUNK, self._next, self._delivered, payload)
                    self._next += 1
            await self._write(writer, frame)
            if frame.kind is Kind.END:
                return

    def _has_to_send(self) -> bool:
        ahead = self._next - self._delivered
        return ahead < min(len(self._pending), WINDOW) or (self._closed and not self._pending)

    async def _receive(self, reader: asyncio.StreamReader, watchdog: asyncio.Timeout) -> None:
        while True:
            frame = await read_frame(reader)
            if frame.kind is Kind.ERROR:
                raise error_of(frame)
            if frame.kind is not Kind.RESULT or frame.seq != self._delivered or frame.seq >= self._next:
                raise BitstreamError(f"the server sends {frame.kind.name} {frame.seq} where {self._delivered} was due")
            value = parse_result(frame.payload)
            async with self._changed:
                done = self._pending.popleft()
                self._delivered += 1
                self._watch(watchdog)
                self._changed.notify_all()
            try:
                self.deliver(Result(frame.seq, value, len(done.payload), self._now() - done.coded_at_s))
            except Exception as error:
                raise _DeliveryError from error

    def _watch(self, watchdog: asyncio.Timeout) -> None:
        due = self._now() + self.retry.due_s(len(self._pending[0].payload)) if self._pending else None
        watchdog.reschedule(due)

    async def _write(self, writer: asyncio.StreamWriter, frame: Frame) -> None:
        self.sent.frame_bytes += FRAME_BYTES + len(frame.payload)
        writer.write(pack_frame(frame))
        await writer.drain()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
