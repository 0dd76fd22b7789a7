"""The edge client over connections that break, are damaged, or lead nowhere: every result once, in order."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_talk import Meddle, Toy, meddler

from thinwire.channel.link import Link
from thinwire.errors import BitstreamError
from thinwire.seeding import rng
from thinwire.serving.client import QUEUE, EdgeClient, Result
from thinwire.serving.edge import Edge
from thinwire.serving.protocol import (
    MAX_PAYLOAD,
    TOKEN_BYTES,
    Fault,
    Frame,
    Kind,
    ServingError,
    pack_frame,
    read_frame,
)
from thinwire.serving.retry import Retry
from thinwire.serving.server import Server
from thinwire.serving.throttle import LinkRelay

SOON = Retry(first_s=0.005, most_s=0.02)


def client_of(toy: Toy, port: int, results: list[Result], retry: Retry = SOON) -> EdgeClient:
    return EdgeClient("127.0.0.1", port, toy.edge(), toy.model, results.append, rng(1), retry)


def server_of(toy: Toy, port: int = 0) -> Server:
    return Server(toy.decode, toy.task, toy.model, port=port)


def numbers(results: list[Result]) -> list[int]:
    return [result.value["number"] for result in results]


def test_fifty_clients_at_once_get_their_own_results() -> None:
    toy = Toy()

    async def one(port: int, index: int) -> list[int]:
        results: list[Result] = []
        async with client_of(toy, port, results) as client:
            for number in range(6):
                await client.push(toy.audio(1, 100 * index + number))
            await client.finish()
        assert [result.seq for result in results] == list(range(6))
        assert client.sent.connections == 1 and client.sent.chunks == 6
        assert all(result.size == 19 and result.latency_s > 0 for result in results)
        return numbers(results)

    async def run() -> None:
        async with server_of(toy) as server:
            got = await asyncio.gather(*(one(server.port, index) for index in range(50)))
            assert got == [[100 * index + number for number in range(6)] for index in range(50)]
            assert server.counts.chunks == 300 and server.counts.connections == 50

    asyncio.run(run())


def fault(kind: str, place: int) -> Callable[[bytes], bytes]:
    """What becomes of bytes once there are more than `place` of them."""

    def change(said: bytes) -> bytes:
        if place >= len(said):
            return said
        instead = {"cut": b"", "flip": bytes([said[place] ^ 0x40]), "insert": b"\0\1\2\3" + said[place : place + 1]}
        return said[:place] + instead[kind] + (b"" if kind == "cut" else said[place + 1 :])

    return change


FAULTS = st.builds(
    Meddle,
    st.sampled_from(["up", "down"]),
    st.builds(fault, st.sampled_from(["cut", "flip", "insert"]), st.integers(0, 500)),
    st.booleans(),
)


@settings(max_examples=40)
@given(st.lists(FAULTS, max_size=5))
def test_however_connections_break_each_chunk_is_worked_on_and_delivered_once(faults: list[Meddle]) -> None:
    """Cut, damaged, or half-open: where a connection hangs, neither side is told."""

    async def run() -> None:
        toy, results = Toy(), list[Result]()
        impatient = Retry(0.005, 0.02, attempts=1000, connect_s=0.15, answer_s=0.15, slowest_bps=1e6)
        async with (
            server_of(toy) as server,
            meddler(server.port, faults) as port,
            client_of(toy, port, results, impatient) as client,
        ):
            async with asyncio.timeout(300):
                await client.push(toy.audio(14))
                await client.finish()
        assert numbers(results) == list(range(14)) == toy.seen
        assert [result.seq for result in results] == list(range(14))

    asyncio.run(run())


def test_outages_in_the_middle_of_work_lose_and_double_nothing() -> None:
    toy, results = Toy(), list[Result]()

    async def run() -> None:
        async with (
            server_of(toy) as server,
            LinkRelay(Link(2e6), server.port, rng(2)) as relay,
            client_of(toy, relay.port, results) as client,
        ):
            async with asyncio.timeout(40):
                for outage in range(8):
                    toy.go.clear()
                    toy.waiting.clear()
                    await client.push(toy.audio(5, 5 * outage))
                    while not toy.waiting.is_set():
                        await asyncio.sleep(0.001)
                    await relay.cut()
                    toy.go.set()
                    while len(results) < 5 * outage + 5:
                        await asyncio.sleep(0.001)
                await client.finish()
            assert server.counts.resumed >= 8 and client.sent.connections >= 9
            assert client.sent.frame_bytes > client.sent.chunk_bytes == 40 * 19

    asyncio.run(run())
    assert numbers(results) == list(range(40)) == toy.seen


def test_a_server_that_begins_anew_is_sent_what_has_no_result_yet() -> None:
    toy, results = Toy(), list[Result]()

    async def run() -> None:
        async with contextlib.AsyncExitStack() as first:
            port = (await first.enter_async_context(server_of(toy))).port
            async with client_of(toy, port, results, Retry(first_s=0.005, most_s=0.02, attempts=1000)) as client:
                await client.push(toy.audio(5))
                while len(results) < 5:
                    await asyncio.sleep(0.001)
                await first.aclose()
                await client.push(toy.audio(5, 5))
                async with asyncio.timeout(20), server_of(toy, port) as second:
                    await client.finish()
                    assert second.counts.chunks == 5 and second.counts.resumed == 0

    asyncio.run(run())
    assert numbers(results) == list(range(10)) == toy.seen


def test_a_full_queue_makes_push_wait() -> None:
    toy, results = Toy(), list[Result]()
    toy.go.clear()

    async def run() -> None:
        async with server_of(toy) as server, client_of(toy, server.port, results) as client:
            pushing = asyncio.create_task(client.push(toy.audio(3 * QUEUE)))
            while client.sent.chunks < QUEUE:
                await asyncio.sleep(0.001)
            await asyncio.wait({pushing}, timeout=0.2)
            assert not pushing.done() and client.sent.chunks == QUEUE and not results
            toy.go.set()
            await pushing
            await client.finish()
            assert client.sent.chunks == 3 * QUEUE

    asyncio.run(run())
    assert numbers(results) == list(range(3 * QUEUE))


def test_a_cancelled_push_loses_and_doubles_nothing() -> None:
    toy, results = Toy(), list[Result]()
    toy.go.clear()

    async def run() -> None:
        async with server_of(toy) as server, client_of(toy, server.port, results) as client:
            for number in range(3):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await client.push(toy.audio(QUEUE, QUEUE * number))
                        await client.push(toy.audio(QUEUE, 100))
            toy.go.set()
            await asyncio.gather(client.push(toy.audio(2, 3 * QUEUE)), client.push(toy.audio(2, 3 * QUEUE + 2)))
            await client.finish()
            with pytest.raises(BitstreamError, match="finished"):
                await client.push(toy.audio(1))

    asyncio.run(run())
    got = [number for number in numbers(results) if number < 100]
    assert got == list(range(3 * QUEUE + 4)) and [result.seq for result in results] == list(range(len(results)))


def test_a_stream_without_samples_needs_no_server() -> None:
    async def run() -> None:
        async with client_of(Toy(), 1, []) as client:
            await client.finish()
            assert client.sent.connections == 0

    asyncio.run(run())


def test_nobody_there_is_an_error_after_the_attempts_also_for_who_waits_in_push() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses, and nobody else takes it
        port = taken.getsockname()[1]

        async def run() -> None:
            for chunks in (1, 3 * QUEUE):
                toy = Toy()
                async with client_of(toy, port, [], Retry(first_s=0.001, most_s=0.002, attempts=3)) as client:
                    with pytest.raises(ServingError, match="4 connections"):
                        await client.push(toy.audio(chunks))
                        await client.finish()
                    assert client.sent.connections == 4

        asyncio.run(run())


def test_another_model_is_refused_at_once() -> None:
    async def run() -> None:
        async with server_of(Toy("f" * 16)) as server, client_of(Toy(), server.port, []) as client:
            with pytest.raises(ServingError, match="not this server's") as caught:
                await client.push(Toy().audio(1))
                await client.finish()
            assert caught.value.fault is Fault.FOREIGN and client.sent.connections == 1

    asyncio.run(run())


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\0" * 40])
def test_what_is_no_server_of_ours_is_an_error(answer: bytes) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(answer)
        writer.close()

    async def run() -> None:
        listener = await asyncio.start_server(other, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        toy = Toy()
        async with client_of(toy, port, [], Retry(first_s=0.001, most_s=0.002, attempts=2)) as client:
            with pytest.raises(ServingError, match="no result in 3 connections"):
                await client.push(toy.audio(1))
                await client.finish()
        listener.close()

    asyncio.run(run())


def test_a_server_that_no_longer_answers_is_left_and_tried_again() -> None:
    toy, results = Toy(), list[Result]()

    async def run() -> None:
        retry = Retry(first_s=0.005, most_s=0.02, answer_s=0.2, slowest_bps=1e6, attempts=1000)
        async with server_of(toy) as server, client_of(toy, server.port, results, retry) as client:
            await client.push(toy.audio(1))
            while not results:
                await asyncio.sleep(0.001)
            connections = client.sent.connections
            toy.go.clear()
            await client.push(toy.audio(2, 1))
            while client.sent.connections == connections:
                await asyncio.sleep(0.01)
            toy.go.set()
            await client.finish()

    asyncio.run(run())
    assert numbers(results) == [0, 1, 2] == toy.seen


def test_answers_to_what_was_not_asked_end_the_connection() -> None:
    toy, results = Toy(), list[Result]()

    async def eager(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers each chunk and, at once, the one after it."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            hello = await read_frame(reader)
            writer.write(pack_frame(Frame(Kind.WELCOME, hello.ack, payload=bytes(TOKEN_BYTES))))
            while (chunk := await read_frame(reader)).kind is Kind.CHUNK:
                answers = [Frame(Kind.RESULT, chunk.seq + k, payload=b'{"number": %d}' % chunk.seq) for k in range(2)]
                writer.write(b"".join(map(pack_frame, answers)))
        writer.close()

    async def run() -> None:
        listener = await asyncio.start_server(eager, "127.0.0.1", 0)
        async with client_of(toy, listener.sockets[0].getsockname()[1], results) as client:
            for number in range(3):
                await client.push(toy.audio(1, number))
                while len(results) <= number:
                    await asyncio.sleep(0.001)
            await client.finish()
            assert client.sent.connections == 3
        listener.close()

    asyncio.run(run())
    assert numbers(results) == [0, 1, 2]


def test_errors_of_codec_and_receiver_reach_the_caller() -> None:
    toy = Toy()

    def refuse(result: Result) -> None:
        raise BrokenPipeError("nobody reads the results")

    async def run() -> None:
        async with server_of(toy) as server:
            long = Edge(lambda audio: bytes(MAX_PAYLOAD + 1), chunk_samples=400)
            async with EdgeClient("127.0.0.1", server.port, long, toy.model, print, rng(0)) as client:
                with pytest.raises(BitstreamError, match="code it lower"):
                    await client.push(toy.audio(1))
            async with EdgeClient("127.0.0.1", server.port, toy.edge(), toy.model, refuse, rng(0)) as client:
                with pytest.raises(BrokenPipeError):
                    await client.push(toy.audio(2))
                    await client.finish()
                assert client.sent.connections == 1

    asyncio.run(run())


def test_waits_double_up_to_the_most_and_are_drawn_from_the_callers_generator() -> None:
    retry, draws = Retry(first_s=1.0, most_s=5.0), rng(3)
    waits = [retry.wait_s(failures, draws) for failures in range(1, 7)]
    for wait, whole in zip(waits, [1, 2, 4, 5, 5, 5], strict=True):
        assert whole / 2 <= wait <= whole
    # A 5 s chunk of version 1 takes 70 s over LoRa's 0.3 kbit/s with its headers.
    assert Retry().due_s(1200) == 60 + 96
    again = rng(3)
    assert waits == [retry.wait_s(failures, again) for failures in range(1, 7)]
