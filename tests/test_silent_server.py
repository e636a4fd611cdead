"""A server that is frozen: nobody waits behind others, and it is found again as soon as it answers."""

import asyncio
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from waiting import wait_until

from core.embedded import running
from core.errors import LedgerUnavailable
from core.ledger.store import AsyncLedger, Ledger

PATIENCE = 0.4
CALLERS = 24


@pytest.fixture
def frozen(tmp_path):
    """A ledger whose server has stopped, and its pid."""
    with running(tmp_path) as url:
        ledger = Ledger(url, patience=PATIENCE, breaker=True)
        pid = ledger.client.info("server")["process_id"]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield url, ledger, pid
        finally:
            os.kill(pid, signal.SIGCONT)
            ledger.close()


def ping():
    [answer] = yield [("PING",)]
    return answer


def seconds(ledger):
    """Return how long a caller waited until it was told that there is no answer."""
    begun = time.monotonic()
    with pytest.raises(LedgerUnavailable):
        ledger.run(ping())
    return time.monotonic() - begun


def answers(ledger):
    try:
        return ledger.run(ping())
    except LedgerUnavailable:
        return False


def test_nobody_waits_longer_than_one_answer_may_take(frozen):
    _, ledger, _ = frozen
    with ThreadPoolExecutor(4) as threads:
        waits = sorted(threads.map(lambda _: seconds(ledger), range(CALLERS)))
    assert waits[-1] < 2 * PATIENCE
    assert sum(wait > PATIENCE / 2 for wait in waits) < CALLERS / 2


def test_it_is_found_again_when_it_answers(frozen):
    _, ledger, pid = frozen
    seconds(ledger)
    os.kill(pid, signal.SIGCONT)
    begun = time.monotonic()
    wait_until(lambda: answers(ledger), timeout=5, what="the ledger answers")
    assert time.monotonic() - begun < 1.5


def test_the_loops_client_does_not_queue_either(frozen):
    url, _, _ = frozen

    async def plain(awaitable):
        return await awaitable

    async def one(ledger):
        begun = time.monotonic()
        with pytest.raises(LedgerUnavailable):
            await ledger.run(ping())
        return time.monotonic() - begun

    async def main():
        ledger = AsyncLedger(url, plain, patience=PATIENCE)
        first = await asyncio.gather(*(one(ledger) for _ in range(CALLERS * 4)))
        second = await asyncio.gather(*(one(ledger) for _ in range(CALLERS)))
        await ledger.close()
        return max(first), max(second)

    slowest, after = asyncio.run(main())
    assert slowest < 2 * PATIENCE
    assert after < PATIENCE / 2
