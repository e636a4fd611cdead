"""The shared pipelines on a real server that forgets, hangs up, or falls silent."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager, contextmanager

import pytest
import redis
from fibering import until
from redis_household import Road
from waiting import wait_until

from core.clock import monotonic
from core.embedded import running
from core.errors import LedgerUnavailable
from core.ledger.keys import Keys
from core.ledger.running import claim
from core.ledger.store import AsyncLedger
from core.loop import Loop

KEYS = Keys("line")
PATIENCE = 0.5  # seconds for one answer
LIMIT = 4.0  # seconds in which a busy machine tells of half a second's silence


@asynccontextmanager
async def asking(url, patience=5.0):
    async def here(awaitable):
        return await awaitable

    ledger = AsyncLedger(url, here, patience=patience, breaker=False)
    try:
        yield ledger
    finally:
        await ledger.close()


def claimed(ledger, number=1):
    return asyncio.gather(*(ledger.run(claim(KEYS, "a.0", f"t{n}", "w")) for n in range(number)))


def test_a_script_that_the_server_has_forgotten_is_sent_again(server_url):
    async def main():
        async with asking(server_url) as ledger:
            for _ in range(3):
                await ledger.client.script_flush()
                found = await claimed(ledger, 300)
                assert {one.verdict for one in found} == {"GONE"}

    asyncio.run(main())


def test_an_answer_that_is_an_error_is_its_askers_alone(server_url):
    async def main():
        async with asking(server_url) as ledger:
            await ledger.client.set("line:text", "no number")
            found = await asyncio.gather(
                ledger.line.ask([("ECHO", "a")]),
                ledger.line.ask([("INCR", "line:text"), ("ECHO", "b")]),
                ledger.line.ask([("ECHO", "c")]),
            )
            assert found[0] == [b"a"]
            assert (str(found[1][0]), found[1][1]) == ("value is not an integer or out of range", b"b")
            assert found[2] == [b"c"]

    asyncio.run(main())


@pytest.mark.parametrize("losses", [1, 2])
def test_what_was_on_a_lost_connection_is_sent_once_more(server_url, losses):
    key = f"line:lost:{losses}"

    async def main(server):
        def waits():
            return [one["id"] for one in server.client_list() if one["cmd"] == "blpop"]

        async with asking(server_url) as ledger:
            answers = ledger.line.ask([("BLPOP", key, 10)])
            for _ in range(losses):
                await until(waits, "the question is on its way")
                for ident in waits():
                    server.client_kill_filter(ident)
                await until(lambda: not waits() or answers.done(), "the connection is lost")
            if losses == 1:
                await until(waits, "it is asked again")
                server.rpush(key, "found")
                assert await answers == [[key.encode(), b"found"]]
            else:
                with pytest.raises(redis.ConnectionError):
                    await answers
            assert await ledger.line.ask([("ECHO", "next")]) == [b"next"]

    with redis.Redis.from_url(server_url, decode_responses=True) as server:
        asyncio.run(main(server))


def echo(word):
    [answer] = yield [("ECHO", word)]
    return answer


@contextmanager
def silent(url):
    """A road to the server on which everything stays that is on it when its ``block`` is called."""
    yield (made := Road(url.removeprefix("unix://").partition("?")[0]))
    made.listening.close()


def test_a_connection_whose_answers_did_not_come_is_not_used_again(server_url):
    async def main(road):
        async with asking(f"redis://127.0.0.1:{road.port}/0", PATIENCE) as ledger:
            await claimed(ledger)
            road.block()
            begun = monotonic()
            with pytest.raises(LedgerUnavailable, match="did not answer"):
                await claimed(ledger, 3)
            assert PATIENCE <= monotonic() - begun < LIMIT
            found = await asyncio.gather(*(ledger.line.ask([("ECHO", str(n))]) for n in range(300)))
            assert found == [[str(n).encode()] for n in range(300)]

    with silent(server_url) as road:
        asyncio.run(main(road))


@pytest.fixture
def frozen(tmp_path):
    """A server's URL, and a function that freezes or thaws it."""
    with running(tmp_path) as url:
        pid = redis.Redis.from_url(url).info("server")["process_id"]

        def signals(number):
            os.kill(pid, number)

        try:
            yield url, signals
        finally:
            signals(signal.SIGCONT)


def test_a_frozen_server_costs_its_askers_their_patience_and_no_later_one_gets_their_answers(frozen):
    url, signals = frozen

    async def main():
        async with asking(url, PATIENCE) as ledger:
            await claimed(ledger)
            signals(signal.SIGSTOP)
            begun = monotonic()
            found = await asyncio.gather(*(ledger.run(flow(n)) for n in range(600)), return_exceptions=True)
            assert {type(one) for one in found} == {LedgerUnavailable}
            assert monotonic() - begun < LIMIT
            signals(signal.SIGCONT)
            answers = await asyncio.gather(*(ledger.line.ask([("ECHO", f"after {n}")]) for n in range(600)))
            assert answers == [[f"after {n}".encode()] for n in range(600)]

    def flow(n):
        return claim(KEYS, "a.0", f"t{n}", "w")

    asyncio.run(main())


@pytest.fixture
def loop():
    made = Loop()
    yield made
    made.stop()


def test_whoever_asks_is_told_when_the_loop_stops_before_the_answer(frozen, loop):
    url, signals = frozen
    ledger = AsyncLedger(url, loop.carry, breaker=False)
    signals(signal.SIGSTOP)
    asking = [loop.submit(ledger.run(claim(KEYS, "a.0", f"t{n}", "w"))) for n in range(300)]
    wait_until(lambda: len(ledger.line._waiting) > 0, what="they ask")
    loop.stop()
    told = [one.exception(10) if not one.cancelled() else None for one in asking]
    assert {type(one) for one in told} <= {LedgerUnavailable, type(None)}
    assert all(one.done() for one in asking)
