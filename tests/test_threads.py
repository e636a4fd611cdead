"""Threads for sync functions: as many as there is work for, and what they return comes back to the loop."""

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from waiting import wait_until

from core.threads import Threads


def test_no_work_waits_while_a_thread_may_be_started():
    """Work comes just as other work ends, time and again: each piece has a thread at once."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(200):
            threads, begun, release = Threads(8), [], threading.Event()

            def long(begun=begun, release=release):
                begun.append(1)
                release.wait(20)

            for _ in range(3):
                threads.submit(lambda: None)
                threads.submit(lambda: None)
            for _ in range(8):
                threads.submit(long)
            try:
                wait_until(lambda begun=begun: len(begun) == 8, timeout=5, what="all eight are at work")
            finally:
                release.set()
    finally:
        sys.setswitchinterval(before)


def test_there_are_never_more_than_their_number():
    threads, lock, going, most, done = Threads(3), threading.Lock(), [], [], []

    def work():
        with lock:
            going.append(1)
            most.append(len(going))
        threading.Event().wait(0.001)
        with lock:
            going.pop()
            done.append(1)

    with ThreadPoolExecutor(4) as submitting:
        for _ in range(200):
            submitting.submit(threads.submit, work)
    wait_until(lambda: len(done) == 200, what="all is done")
    assert max(most) == 3


@pytest.mark.parametrize("error", [StopIteration("s"), SystemExit(1), asyncio.CancelledError(), GeneratorExit()])
def test_what_is_raised_comes_back_and_ends_no_thread(error):
    def fail():
        raise error

    async def main():
        threads = Threads(1)
        for _ in range(3):
            assert await asyncio.wait_for(threads.call(fail), 10) == (None, error)
        assert await asyncio.wait_for(threads.call(lambda: 5), 10) == (5, None)

    asyncio.run(main())


def test_every_outcome_comes_back():
    async def main():
        threads = Threads(8)
        found = await asyncio.wait_for(asyncio.gather(*(threads.call(lambda n=n: n) for n in range(2000))), 30)
        assert found == [(n, None) for n in range(2000)]

    asyncio.run(main())


LATE = """
import asyncio, threading
from core.threads import Threads

threads, release, done = Threads(1), threading.Event(), threading.Event()

async def main():
    threads.call(release.wait)

asyncio.run(main())
release.set()
threads.submit(done.set)
print(done.wait(10))
"""


def test_what_ends_after_the_loop_harms_nobody():
    ended = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "True\n", "")
