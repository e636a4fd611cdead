"""Threads that ask the ledger at the same time: they share pipelines, and nobody's trouble is another's."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from waiting import wait_until

from core.embedded import running
from core.errors import InvalidEvent, LedgerUnavailable
from core.ledger.breaker import REST
from core.ledger.sharing import MOST, SharedLedger

PATIENCE = 0.4


@pytest.fixture
def ledger(server_url):
    found = SharedLedger(server_url)
    yield found
    found.close()


class Gate:
    """A flow's first step, held until it is opened: whoever comes meanwhile waits behind it."""

    def __init__(self):
        self.begun, self.opened = threading.Event(), threading.Event()

    def flow(self):
        self.begun.set()
        self.opened.wait(10)
        [answer] = yield [("ECHO", "gate")]
        return answer


def echo(word, *more):
    answers = yield [("ECHO", word)]
    for one in more:
        answers += yield [("ECHO", one)]
    return answers


def bad(error):
    yield [("PING",)]
    raise error


class Crowd:
    """Threads that wait behind a gate, in the order in which they came."""

    def __init__(self, ledger):
        self.ledger, self.gate = ledger, Gate()
        self.threads = ThreadPoolExecutor(100)
        self.first = self.ask(self.gate.flow())
        assert self.gate.begun.wait(5)

    def ask(self, flow):
        return self.threads.submit(self.ledger.run, flow)

    def wait(self, flows):
        asked = []
        for flow in flows:
            asked.append(self.ask(flow))
            wait_until(lambda: len(self.ledger._waiting) == len(asked), timeout=5, what="it waits with the others")
        return asked

    def go(self):
        self.gate.opened.set()
        self.threads.shutdown()


def pipelines(ledger, monkeypatch):
    """Return a list to which the number of commands of each pipeline is added."""
    sizes, send = [], ledger.cable.send

    def count(commands):
        commands = list(commands)
        sizes.append(len(commands))
        return send(commands)

    monkeypatch.setattr(ledger.cable, "send", count)
    return sizes


def test_who_comes_alone_asks_at_once(ledger):
    assert ledger.run(echo("one", "two")) == [b"one", b"two"]
    assert ledger.run(echo("three")) == [b"three"]


def test_those_who_wait_ask_together_and_each_gets_his_own(ledger, monkeypatch):
    sizes = pipelines(ledger, monkeypatch)
    crowd = Crowd(ledger)
    asked = crowd.wait([echo("a"), echo("b", "c"), echo("d")])
    crowd.go()
    assert [one.result() for one in (crowd.first, *asked)] == [b"gate", [b"a"], [b"b", b"c"], [b"d"]]
    assert sizes == [1, 3, 1]


def test_a_pipeline_has_an_end_and_another_one_follows(ledger, monkeypatch):
    sizes = pipelines(ledger, monkeypatch)
    crowd = Crowd(ledger)
    asked = crowd.wait([echo(str(n)) for n in range(MOST + 2)])
    crowd.go()
    assert [one.result() for one in asked] == [[str(n).encode()] for n in range(MOST + 2)]
    assert sizes == [1, MOST, 2]


@pytest.mark.parametrize("error", [InvalidEvent("a bad one"), ZeroDivisionError("a bug")])
def test_what_one_flow_raises_is_its_askers_alone(ledger, error):
    crowd = Crowd(ledger)
    asked = crowd.wait([echo("a"), bad(error), echo("b")])
    crowd.go()
    assert [asked[0].result(), asked[1].exception(), asked[2].result()] == [[b"a"], error, [b"b"]]
    assert ledger.run(echo("after")) == [b"after"]


def test_a_leader_that_is_ended_tells_the_others_and_the_next_one_leads(ledger):
    class Ended(BaseException):
        pass

    crowd = Crowd(ledger)
    asked = crowd.wait([echo("a"), bad(Ended()), *[echo(str(n)) for n in range(MOST)]])
    crowd.go()
    kinds = [type(one.exception()) for one in asked]
    assert sorted(kinds[:MOST], key=str) == [*[LedgerUnavailable] * (MOST - 1), Ended]
    assert [one.result() for one in asked[MOST:]] == [[str(n).encode()] for n in (MOST - 2, MOST - 1)]
    assert ledger.run(echo("after")) == [b"after"]


def test_who_stops_waiting_leaves_no_gap(ledger):
    class Enough(Exception):
        pass

    def enough(*_):
        raise Enough

    crowd = Crowd(ledger)
    before = signal.signal(signal.SIGALRM, enough)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Enough):
            ledger.run(echo("left"))  # on the main thread, where signals are handled
    finally:
        signal.signal(signal.SIGALRM, before)
    asked = crowd.wait([echo("a")])
    crowd.go()
    assert asked[0].result() == [b"a"]
    assert ledger.run(echo("after")) == [b"after"]


def test_a_child_begins_anew(ledger):
    crowd = Crowd(ledger)
    pid = os.fork()
    if not pid:
        signal.alarm(5)
        os._exit(ledger.run(echo("child")) != [b"child"])
    try:
        wait_until(lambda: os.waitpid(pid, os.WNOHANG) == (pid, 0), timeout=5, what="the child had its answer")
    finally:
        crowd.go()
    assert crowd.first.result() == b"gate"


def test_nobody_waits_behind_others_for_a_server_that_is_silent(tmp_path):
    with running(tmp_path) as url, ThreadPoolExecutor(8) as threads:
        ledger = SharedLedger(url, patience=PATIENCE, breaker=True)
        pid = ledger.client.info("server")["process_id"]
        os.kill(pid, signal.SIGSTOP)
        try:
            assert max(threads.map(_seconds, [ledger] * 8)) < 2 * PATIENCE
            silent = time.monotonic()
            wait_until(lambda: time.monotonic() - silent > REST, timeout=5, what="it may be asked again")
            waits = sorted(threads.map(_seconds, [ledger] * 8))
        finally:
            os.kill(pid, signal.SIGCONT)
        assert waits[-1] > PATIENCE / 2 > waits[-2]
        wait_until(lambda: _answers(ledger), timeout=5, what="it answers")
        ledger.close()


def _seconds(ledger):
    begun = time.monotonic()
    with pytest.raises(LedgerUnavailable):
        ledger.run(echo("one"))
    return time.monotonic() - begun


def _answers(ledger):
    try:
        return ledger.run(echo("one")) == [b"one"]
    except LedgerUnavailable:
        return False
