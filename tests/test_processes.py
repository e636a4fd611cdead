"""Real web, worker and beat: nothing acknowledged is lost when one of them is killed."""

import os
import signal

import pytest
from processes import clone
from waiting import wait_until

pytestmark = pytest.mark.processes

SLEEPERS = """
    import asyncio, threading
    from core import Event, on, run

    class Slept(Event, type="slept"):
        n: int
        seconds: float

    @on(Slept, name="sleep.sync")
    def sleep_sync(event: Slept) -> int:
        threading.Event().wait(event.seconds)
        return event.n

    @on(Slept, name="sleep.async")
    async def sleep_async(event: Slept) -> int:
        await asyncio.sleep(event.seconds)
        return event.n
"""


def slept(house, n, seconds):
    return house.request("POST", "/api/v1/events", {"type": "slept", "data": {"n": n, "seconds": seconds}})


def test_killed_worker(tmp_path):
    with clone(tmp_path, handlers__sleep=SLEEPERS) as house:
        for name in ("web", "worker", "beat"):
            house.start(name)
        house.ready()
        for n in range(10):
            assert slept(house, n, 3)[0] == 202
        wait_until(lambda: len(house.runs("&state=running")) == 20, timeout=10, what="20 runs are going on")
        house.kill("worker")
        house.start("worker")
        wait_until(lambda: len(house.runs("&state=succeeded")) == 20, timeout=30, what="20 runs succeeded")
        assert {run["attempt"] for run in house.runs()} == {2}
        assert {run["attempts"][0]["outcome"] for run in house.runs()} == {"lost"}


def test_stopped_worker_gives_back(tmp_path):
    """Heroku stops with SIGTERM: short work ends, long work is given back uncounted, within 25 s."""
    with clone(tmp_path, handlers__sleep=SLEEPERS) as house:
        for name in ("web", "worker", "beat"):
            house.start(name)
        house.ready()
        slept(house, 1, 2)
        slept(house, 2, 40)
        wait_until(lambda: len(house.runs("&state=running")) == 4, timeout=10, what="4 runs are going on")
        worker = house.processes.pop("worker")
        os.kill(worker.pid, signal.SIGTERM)
        assert worker.wait(timeout=25) == 0
        states = sorted((run["state"], run["attempt"]) for run in house.runs())
        assert states == [("pending", 0), ("pending", 0), ("succeeded", 1), ("succeeded", 1)]
        house.start("worker")
        wait_until(lambda: len(house.runs("&state=running")) == 2, timeout=15, what="the rest starts again")


def test_the_first_worker_of_a_release_marks_it(tmp_path):
    with clone(tmp_path, handlers__sleep=SLEEPERS) as house:
        house.start("web")
        for release, marked in (("v1", ["v1"]), ("v2", ["v1", "v2"])):
            house.environment["CARILLON_RELEASE"] = release
            house.start("worker")
            wait_until(lambda n=marked: deployed(house) == n, timeout=30, what=f"{release} is marked")
            house.kill("worker")


def deployed(house):
    try:
        return [deploy["release"] for deploy in house.request("GET", "/api/v1/stats/series")[1]["deploys"]]
    except OSError:
        return []
