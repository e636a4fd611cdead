"""Runs that a worker follows together: each is claimed, called and recorded as if it were alone."""

import threading

import pytest
from piping import Pipe
from waiting import wait_until

from core import moments
from core.crew import Crew
from core.ledger.acting import cancel
from core.room import Room
from core.threads import Threads

HANDLERS = """
import asyncio, functools, threading
from core import Discard, Event, Retry, on, run

class Asked(Event, type="asked"):
    what: str = "fine"

class Hidden(Event, type="hidden"):
    pass

threads = set()

@on(Asked, retries=1, backoff=(60,))
def answer(event):
    if event.what == "fails":
        raise ValueError("no")
    if event.what == "is nothing":
        raise Discard("nothing to do")
    return run.id

@on(Asked, retries=0)
async def answer_async(event):
    await asyncio.sleep(0)
    if event.what == "fails":
        raise ValueError("no")
    return run.id

def traced(function):
    @functools.wraps(function)
    def wrapper(*args):
        threads.add(threading.current_thread().name)
        return function(*args)
    return wrapper

@on(Hidden)
@traced
async def hidden(event):
    threads.add(threading.current_thread().name)
    await asyncio.sleep(0)
    return run.id
"""


class Company:
    """A crew with 8 threads in a room of 100 places, and what it says."""

    def __init__(self, pipe):
        self.pipe, self.runner = pipe, pipe.runner
        self.room = Room(100, 8, (), lambda: None)
        self.crew = Crew(self.runner, self.room, Threads(8))

    def follow(self, *runs):
        """Follow the hints of *runs* at once, and wait until all have left."""

        def begin():
            starts = [lambda place, run=run: self.crew.follow(run, place) for run in runs]
            self.room.enter(*starts, thread=False)

        self.runner.loop.soon(begin)
        wait_until(lambda: self.runner.loop.run(nothing()) is None and self.room.empty(5), what="all have left")
        assert self.runner.going == {}

    def states(self, *runs):
        return [self.pipe.view(run)["state"] for run in runs]


async def nothing():
    return None


@pytest.fixture
def company(make_app):
    made = Company(Pipe(make_app(HANDLERS)))
    yield made
    made.pipe.hold()


def test_each_run_ends_its_own_way(company):
    pipe = company.pipe
    fine, fails, nothing_ = (pipe.emit(what=what) for what in ("fine", "fails", "is nothing"))
    company.follow(*fine, *fails, *nothing_, *fine)
    assert company.states(*fine, *fails) == ["succeeded", "succeeded", "retrying", "dead"]
    assert company.states(*nothing_) == ["discarded", "succeeded"]
    assert [pipe.view(run)["result"] for run in fine] == fine
    assert [pipe.view(run)["attempt"] for run in (*fine, *fails)] == [1, 1, 1, 1]


def test_hints_that_lead_nowhere_are_passed_over(company):
    fine, cancelled = company.pipe.emit(), company.pipe.emit()
    company.pipe.ledger.run(cancel(company.pipe.keys, cancelled, "n"))
    refused = []

    def hear(_, **said):
        refused.append((said["run"], said["verdict"]))

    with moments.refused.connected_to(hear, sender=company.pipe.app):
        company.follow("0000.0", *cancelled, *fine)
    assert sorted(refused) == sorted([("0000.0", "GONE"), *((run, "cancelled") for run in cancelled)])
    assert company.states(*fine) == ["succeeded", "succeeded"]


def test_one_odd_run_harms_none_of_its_company(company):
    """Whatever the server cannot do for one run, it does for the others: here its key is no hash for a while."""
    pipe, client = company.pipe, company.pipe.ledger.client
    fine, [odd, other] = pipe.emit(), pipe.emit()
    key = pipe.keys.run(odd)
    client.rename(key, "kept")
    client.set(key, "no hash")
    follower = threading.Thread(target=company.follow, args=(*fine, odd, other))
    follower.start()
    wait_until(lambda: company.states(*fine, other) == ["succeeded"] * 3, what="the others have ended")
    client.rename("kept", key)
    follower.join(20)
    assert company.states(odd) == ["succeeded"]


def test_a_function_that_hides_that_it_is_async_has_no_thread_the_second_time(company):
    [first] = company.pipe.emit("hidden")
    company.follow(first)
    rest = [run for _ in range(20) for run in company.pipe.emit("hidden")]
    company.follow(*rest)
    assert company.states(first, *rest) == ["succeeded"] * 21
    assert [company.pipe.view(run)["result"] for run in rest] == rest


def test_what_is_claimed_while_the_worker_stops_is_given_back(company):
    runs = company.pipe.emit()
    company.runner.stopping.set()
    company.follow(*runs)
    assert company.states(*runs) == ["pending", "pending"]
    assert [company.pipe.view(run)["attempt"] for run in runs] == [0, 0]
