"""A server against clients that say what they should not, too much, too slowly, or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_talk import Toy, talk

from thinwire.seeding import rng
from thinwire.serving.client import EdgeClient, Result
from thinwire.serving.limits import Limits
from thinwire.serving.protocol import MAX_PAYLOAD, WINDOW, Fault, Frame, Kind, ServingError, error_of, pack_frame
from thinwire.serving.retry import Retry
from thinwire.serving.server import Server
from thinwire.serving.sessions import Sessions

QUICK = Limits(connections=8, idle_s=0.4, stall_s=0.15, yield_s=0.15)


def server_of(toy: Toy, limits: Limits | None = None) -> Server:
    return Server(toy.decode, toy.task, toy.model, limits=limits)


async def good_stream(toy: Toy, port: int, chunks: int = 3) -> list[int]:
    """A well-behaved client's results."""
    async with talk(port) as client:
        await client.say(toy.hello())
        assert (await client.hear()).kind is Kind.WELCOME
        numbers = []
        for seq in range(chunks):
            await client.say(toy.chunk(seq, ack=seq))
            result = await client.hear()
            assert (result.kind, result.seq) == (Kind.RESULT, seq)
            numbers.append(json.loads(result.payload)["number"])
        await client.say(Frame(Kind.END, chunks, chunks))
        return numbers


async def gone(server: Server) -> None:
    """Once no connection is left, which a hanging one would prevent for ever."""
    async with asyncio.timeout(20):
        while server._connections:
            await asyncio.sleep(0.01)


def conversation(toy: Toy, chunks: int = 3) -> bytes:
    frames = [toy.hello(), *(toy.chunk(seq, ack=max(0, seq - 1)) for seq in range(chunks)), Frame(Kind.END, 3, 3)]
    return b"".join(map(pack_frame, frames))


def test_answers_come_in_order_and_nothing_is_kept_after_the_end() -> None:
    async def run() -> None:
        toy = Toy()
        async with server_of(toy) as server:
            assert await good_stream(toy, server.port, 20) == list(range(20)) == toy.seen
            await gone(server)
            assert len(server.sessions) == 0 and server.counts.chunks == 20

    asyncio.run(run())


@settings(max_examples=40)
@given(st.data())
def test_no_mutation_of_what_a_client_says_hurts_the_server(data: st.DataObject) -> None:
    toy, strange = Toy(), Toy()
    said = bytearray(conversation(strange))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(said) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "double", "insert"])):
            case "flip":
                said[place] ^= data.draw(st.integers(1, 255))
            case "cut":
                del said[place : place + data.draw(st.integers(1, 40))]
            case "double":
                said[place:place] = said[place : place + data.draw(st.integers(1, 200))]
            case "insert":
                said[place:place] = data.draw(st.binary(min_size=1, max_size=40))
        if not said:
            break

    async def run() -> None:
        async with server_of(toy) as server:
            async with talk(server.port) as client:
                await client.say(bytes(said))
                client.writer.write_eof()
                answers = await client.rest()
            results = [frame.seq for frame in answers if frame.kind is Kind.RESULT]
            assert sorted(set(results)) == list(range(len(set(results)))), "answers of chunks that were not next"
            assert await good_stream(toy, server.port) == [0, 1, 2]
            await gone(server)
            assert len(server.sessions) <= 1
            assert all(len(s.results) <= WINDOW for s in server.sessions._sessions.values())

    asyncio.run(run())


def test_what_is_out_of_turn_ends_the_connection_and_says_why() -> None:
    toy = Toy()
    wrong: list[tuple[list[Frame | bytes], Fault]] = [
        ([toy.chunk(0)], Fault.MALFORMED),
        ([b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"], Fault.MALFORMED),
        ([pack_frame(Frame(Kind.CHUNK, payload=bytes(MAX_PAYLOAD)))[:20]], Fault.MALFORMED),
        ([toy.hello(), toy.hello()], Fault.MALFORMED),
        ([toy.hello(), toy.chunk(1)], Fault.MALFORMED),
        ([toy.hello(), toy.chunk(0, ack=1)], Fault.MALFORMED),
        ([Toy("f" * 16).hello()], Fault.FOREIGN),
        ([(MAX_PAYLOAD + 1).to_bytes(4, "big") + bytes(9)], Fault.MALFORMED),
    ]

    async def run() -> None:
        async with server_of(toy) as server:
            for said, fault in wrong:
                async with talk(server.port) as client:
                    await client.say(*said)
                    last = (await client.rest())[-1]
                    assert last.kind is Kind.ERROR and error_of(last).fault is fault, said
            # More chunks than may be under way: the ninth without a word on the results.
            async with talk(server.port) as client:
                await client.say(toy.hello(), *(toy.chunk(seq) for seq in range(WINDOW + 1)))
                kinds = [frame.kind for frame in await client.rest()]
                assert kinds == [Kind.WELCOME] + [Kind.RESULT] * WINDOW + [Kind.ERROR]

    asyncio.run(run())


@pytest.mark.parametrize("what", ["bytes", "task", "answer", "size", "nan"])
def test_a_failing_chunk_is_answered_and_the_stream_goes_on(what: str, caplog: pytest.LogCaptureFixture) -> None:
    toy = Toy()
    wrong: dict[str, Callable[[], Any]] = {
        "task": lambda: 1 / 0,
        "answer": lambda: 7,
        "size": lambda: {"x": "y" * 20_000},
        "nan": lambda: {"x": float("nan")},
    }

    def task(features: np.ndarray) -> Any:
        return wrong[what]() if features[0] == 1 else toy.task(features)

    async def run() -> None:
        async with Server(toy.decode, task, toy.model) as server, talk(server.port) as client:
            bad = Frame(Kind.CHUNK, 1, 0, b"something else") if what == "bytes" else toy.chunk(1)
            await client.say(toy.hello(), toy.chunk(0), bad, toy.chunk(2))
            answers = [await client.hear() for _ in range(4)]
            values = [json.loads(frame.payload) for frame in answers[1:]]
            assert [value.get("number") for value in values] == [0, None, 2]
            assert values[1]["error"] and (server.counts.chunks, server.counts.failed) == (3, 1)

    with caplog.at_level(logging.CRITICAL, "thinwire.serving.server"):
        asyncio.run(run())


def test_silent_and_dribbling_clients_are_ended_and_others_served_meanwhile() -> None:
    toy = Toy()

    async def dribble(port: int) -> None:
        async with talk(port) as client:
            for byte in conversation(toy)[:30]:
                await client.say(bytes([byte]))
                await asyncio.sleep(0.04)
            await client.rest()

    async def silent(port: int, *first: Frame) -> None:
        async with talk(port) as client:
            await client.say(*first)
            await client.rest()

    async def patient(port: int, numbers: list[int]) -> None:
        def deliver(result: Result) -> None:
            numbers.append(result.value["number"])

        retry = Retry(first_s=0.05, most_s=0.2, attempts=200)
        async with EdgeClient("127.0.0.1", port, toy.edge(), toy.model, deliver, rng(0), retry) as client:
            await client.push(toy.audio(3))
            await client.finish()

    async def run() -> None:
        async with server_of(toy, QUICK) as server:
            others = [dribble(server.port) for _ in range(12)]
            others += [silent(server.port) for _ in range(12)] + [silent(server.port, toy.hello()) for _ in range(12)]
            slow = asyncio.gather(*others)
            good: list[list[int]] = [[], [], [], []]
            await asyncio.gather(*(patient(server.port, numbers) for numbers in good))
            assert good == [[0, 1, 2]] * 4
            await slow
            await gone(server)
            assert server.counts.slow + server.counts.crowded >= 36
            assert server.counts.chunks == 12, "no dribbled chunk was whole before its connection was ended"

    asyncio.run(run())


def test_a_full_server_gives_the_place_of_who_is_silent_and_refuses_while_nobody_is() -> None:
    toy = Toy()

    async def run() -> None:
        limits = Limits(connections=2, yield_s=0.05, idle_s=60)
        async with server_of(toy, limits) as server, talk(server.port) as first, talk(server.port) as second:
            for silent in (first, second):
                await silent.say(toy.hello())
                assert (await silent.hear()).kind is Kind.WELCOME
            await asyncio.sleep(0.1)
            assert await good_stream(toy, server.port) == [0, 1, 2]
            assert await first.rest() == [] and server.counts.crowded == 1
        async with server_of(toy, Limits(connections=1, yield_s=60)) as server, talk(server.port) as first:
            await first.say(toy.hello())
            assert (await first.hear()).kind is Kind.WELCOME
            async with talk(server.port) as second:
                assert error_of((await second.rest())[0]).fault is Fault.BUSY
            await first.say(toy.chunk(0))
            assert (await first.hear()).seq == 0

    asyncio.run(run())


def test_who_takes_no_answers_is_ended_before_they_pile_up() -> None:
    toy = Toy()

    def task(features: np.ndarray) -> dict[str, Any]:
        return {"long": "x" * 16_000}

    async def run() -> None:
        async with Server(toy.decode, task, toy.model, limits=QUICK) as server:
            async with talk(server.port) as client:
                client.reader._transport.pause_reading()  # type: ignore[attr-defined]
                # The same chunk again and again: each time its kept answer is sent.
                with contextlib.suppress(ConnectionError):
                    async with asyncio.timeout(20):
                        await client.say(toy.hello(), toy.chunk(0))
                        while not server.counts.slow:
                            client.writer.write(pack_frame(toy.chunk(0)) * 50)
                            await asyncio.sleep(0.002)
                            for connection in server._connections.values():
                                held = connection.writer.transport.get_write_buffer_size()
                                assert held < (1 << 16) + (1 << 15)
            assert server.counts.slow == 1 and server.counts.chunks == 1
            assert await good_stream(toy, server.port, 0) == []

    asyncio.run(run())


def test_a_stream_goes_on_over_a_further_connection_and_no_chunk_is_worked_on_twice() -> None:
    toy = Toy()

    async def run() -> None:
        async with server_of(toy) as server, talk(server.port) as first, talk(server.port) as second:
            await first.say(toy.hello())
            token = (await first.hear()).payload
            await first.say(toy.chunk(0))
            assert (await first.hear()).seq == 0
            toy.go.clear()
            await first.say(toy.chunk(1))
            while not toy.waiting.is_set():
                await asyncio.sleep(0.005)
            # The first connection hangs in chunk 1, its client believes it dead and comes again.
            await second.say(toy.hello(token, ack=1), toy.chunk(1, ack=1), toy.chunk(2, ack=1))
            assert await first.rest() == []
            toy.go.set()
            welcome, *results = [await second.hear() for _ in range(4)]
            assert (welcome.kind, welcome.seq, welcome.payload) == (Kind.WELCOME, 2, token)
            # Chunk 1's answer comes with the welcome, and again for the chunk that was sent again.
            assert [frame.seq for frame in results] == [1, 1, 2]
            assert toy.seen == [0, 1, 2]
            assert (server.counts.resumed, server.counts.repeated) == (1, 1)

    asyncio.run(run())


def test_an_unknown_token_begins_a_stream_where_results_are_wanted() -> None:
    toy = Toy()

    async def run() -> None:
        async with server_of(toy) as server, talk(server.port) as client:
            await client.say(toy.hello(bytes(16), ack=5), toy.chunk(5, ack=5))
            welcome, result = await client.hear(), await client.hear()
            assert welcome.seq == 5 and welcome.payload != bytes(16) and result.seq == 5

    asyncio.run(run())


def test_streams_are_kept_for_a_time_and_in_number() -> None:
    async def run() -> None:
        owner = asyncio.create_task(asyncio.sleep(60))
        sessions = Sessions(most=2, resume_s=10.0)
        first, second = sessions.open(b"", 0, owner, 0.0), sessions.open(b"", 3, owner, 0.0)
        assert (second.next_seq, second.acked) == (3, 3) and first.token != second.token
        with pytest.raises(ServingError, match="in use"):
            sessions.open(b"", 0, owner, 1.0)
        sessions.leave(first, owner, 1.0)
        sessions.leave(second, owner, 2.0)
        assert sessions.open(second.token, 3, owner, 3.0) is second
        third = sessions.open(b"", 0, owner, 4.0)
        assert len(sessions) == 2, "the one without a connection gave way"
        sessions.leave(third, owner, 5.0)
        assert sessions.open(third.token, 0, owner, 14.9) is third
        sessions.leave(third, owner, 15.0)
        assert sessions.open(third.token, 0, owner, 25.1) is not third
        owner.cancel()

    asyncio.run(run())


def test_who_leaves_chunks_behind_leaves_no_more_than_there_are_places() -> None:
    """Each asks for work and goes at once: without a bound the chunks would pile up before the only worker."""
    toy = Toy()
    toy.go.clear()

    async def hit_and_run(port: int) -> None:
        async with talk(port) as client:
            await client.say(toy.hello(), toy.chunk(0))

    async def run() -> None:
        async with server_of(toy, QUICK) as server:
            for _ in range(10):
                await asyncio.gather(*(hit_and_run(server.port) for _ in range(10)))
                await asyncio.sleep(0.01)
                assert len(server._tasks) <= 100 + QUICK.connections
                assert server._pool._work_queue.qsize() < QUICK.connections
            toy.go.set()
            await gone(server)
            assert server.counts.crowded >= 100 - 2 * QUICK.connections
            assert await good_stream(toy, server.port) == [0, 1, 2]

    asyncio.run(run())


def test_answers_are_kept_of_as_many_streams_as_there_may_be() -> None:
    toy = Toy()

    async def run() -> None:
        limits = Limits(connections=2, streams=4, yield_s=0)
        async with Server(toy.decode, lambda features: {"long": "x" * 16_000}, toy.model, limits=limits) as server:
            for _ in range(20):
                async with talk(server.port) as client:
                    await client.say(toy.hello(), *(toy.chunk(seq) for seq in range(WINDOW)))
                    assert [frame.kind for frame in [await client.hear() for _ in range(WINDOW + 1)]][-1] is Kind.RESULT
            await gone(server)
            kept = [len(result) for s in server.sessions._sessions.values() for result in s.results.values()]
            assert len(server.sessions) == 4 and len(kept) == 4 * WINDOW and sum(kept) < 4 * WINDOW * (1 << 14)

    asyncio.run(run())


@pytest.mark.parametrize("work", [True, False])
def test_the_end_of_the_server_is_the_end_of_all_connections_and_tasks(work: bool) -> None:
    toy = Toy()

    async def run() -> list[Frame]:
        async with contextlib.AsyncExitStack() as talks, server_of(toy) as server:
            clients = [await talks.enter_async_context(talk(server.port)) for _ in range(4)]
            for client in clients[1:]:
                await client.say(toy.hello())
                await client.hear()
            clients[2].reader._transport.pause_reading()  # type: ignore[attr-defined]
            if work:
                toy.go.clear()
                await clients[3].say(toy.chunk(0))
                while not toy.waiting.is_set():
                    await asyncio.sleep(0.001)
                asyncio.get_running_loop().call_later(0.1, toy.go.set)
            async with asyncio.timeout(60):
                await server.__aexit__(None, None, None)
            assert not server._tasks and not server._connections
            with pytest.raises(OSError, match=r"onnect"):
                await asyncio.open_connection("127.0.0.1", server.port)
            return await clients[3].rest()

    assert asyncio.run(run()) == []


@pytest.mark.parametrize("port", [70_000, -1])
def test_a_port_that_is_none_is_an_error(port: int) -> None:
    async def run() -> None:
        toy = Toy()
        with pytest.raises(ServingError, match="cannot listen"):
            async with Server(toy.decode, toy.task, toy.model, port=port):
                pass

    asyncio.run(run())


def test_a_port_in_use_is_an_error_that_names_it() -> None:
    toy = Toy()

    async def run() -> None:
        async with server_of(toy) as server:
            with pytest.raises(ServingError, match=f"{server.port}: cannot listen"):
                async with Server(toy.decode, toy.task, toy.model, port=server.port):
                    pass

    asyncio.run(run())
