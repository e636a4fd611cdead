"""Fencing tokens differ, whoever makes them."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from core.tokens import Tokens


@pytest.fixture
def restless():
    """Threads that take turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_of_many_threads_that_begin_at_once(restless):
    with ThreadPoolExecutor(4) as threads:
        for _ in range(200):
            tokens, together = Tokens(), Barrier(4)

            def some(tokens=tokens, together=together):
                together.wait(10)
                return [tokens.new() for _ in range(20)]

            found = [token for one in [threads.submit(some) for _ in range(4)] for token in one.result(10)]
            assert len(set(found)) == 80
            assert all(len(token.partition(".")[0]) == 16 for token in found)


def test_of_a_forked_child():
    tokens = Tokens()
    mine = tokens.new()
    reads, writes = os.pipe()
    if not (pid := os.fork()):
        os.write(writes, tokens.new().encode())
        os._exit(0)
    os.waitpid(pid, 0)
    theirs = os.read(reads, 100).decode()
    os.close(reads)
    os.close(writes)
    assert theirs.partition(".")[0] != mine.partition(".")[0]
    assert tokens.new().partition(".")[0] == mine.partition(".")[0]
