"""A worker is told to stop: short work ends, long work is given back uncounted, and its cleanup runs.

Beside that, one whose event loop is blocked for twenty seconds.
"""

import signal
import threading

import pytest
from pool_household import workplace
from processes import COMMANDS
from waiting import wait_until

pytestmark = pytest.mark.processes

SOURCE = """
    import asyncio, os, threading
    from pathlib import Path
    from core import Event, on, pool

    here = Path(__file__).parent

    class Slept(Event, type="slept"):
        n: int = 0
        seconds: float

    class Ticked(Event, type="ticked"):
        n: int = 0

    class Blocked(Event, type="blocked"):
        n: int = 0

    class Asked(Event, type="asked"):
        n: int = 0

    pool.GRACE = float(os.environ.get("TEST_GRACE", pool.GRACE))

    @on(Slept, name="sleep", queue="io")
    async def sleep(event: Slept) -> int:
        try:
            await asyncio.sleep(event.seconds)
        finally:
            await asyncio.sleep(0)
            with (here / "cleaned").open("a") as out:
                out.write(f"{event.n}\\n")
        return event.n

    @on(Ticked, name="tick.async", queue="io")
    async def tick_async(event: Ticked) -> None: ...

    @on(Ticked, name="tick.sync")
    def tick_sync(event: Ticked) -> None: ...

    @on(Blocked, name="block", queue="io")
    async def block(event: Blocked) -> int:
        threading.Event().wait(20)
        return event.n

    @on(Asked, name="pid")
    def pid(event: Asked) -> int:
        threading.Event().wait(0 if (here / "open").exists() else 60)
        return os.getpid()
"""


@pytest.fixture(scope="module", autouse=True)
def blocked(tmp_path_factory):
    """Two workers, and a run in one of them that blocks the loop; tests of others go on meanwhile."""
    with workplace(tmp_path_factory.mktemp("blocked"), "blocked", SOURCE, "-c", "2") as place:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(COMMANDS, "second", [*COMMANDS["worker"], "-n", "second@carillon"])
            place.clone.start("second")
        place.napping = place.emit("slept", 20, seconds=0.1)
        place.until(20, "succeeded", timeout=60)
        place.blocking = place.emit("blocked")
        place.until(1, "running")
        yield place


def states(place, runs):
    return {(view["state"], view["attempt"]) for view in map(place.pipe.view, runs)}


@pytest.mark.parametrize("times", [1, 2])
def test_sleepers_are_given_back_and_clean_up_and_short_runs_end(tmp_path, times):
    with workplace(tmp_path, "stop", SOURCE, "-c", "4", TEST_GRACE="2") as place:
        long, short = place.emit("slept", 100, seconds=60), place.emit("slept", 5, seconds=1)
        place.until(105, "running")
        if times == 2:
            place.worker.send_signal(signal.SIGTERM)
            threading.Event().wait(0.5)
        assert place.stop(timeout=20) == 0
        assert states(place, long) == {("pending", 0)}
        assert states(place, short) == {("succeeded", 1)}
        assert sorted(map(int, place.lines("cleaned"))) == sorted([*range(100), *range(5)])
        assert "odd way" not in place.log()


def test_what_a_worker_took_in_its_last_moment_ends_too_and_it_stops_at_once(tmp_path):
    """Under load the signal finds hints that are taken and not begun; nobody waits for them through the grace."""
    with workplace(tmp_path, "stop", SOURCE, "-c", "4", TEST_GRACE="60") as place:
        for _ in range(3):
            before, enough = place.count("succeeded"), threading.Event()
            emitting = threading.Thread(target=load, args=(place, enough))
            emitting.start()
            try:
                wait_until(lambda before=before: place.count("succeeded") > before + 100, timeout=30, what="it works")
                assert place.stop(timeout=20) == 0
            finally:
                enough.set()
                emitting.join()
            assert place.count("running") == 0
            place.start()
        place.until(place.count("succeeded") + place.count("pending"), "succeeded")


def load(place, enough):
    for _ in range(300):
        if not enough.is_set():
            place.emit("ticked")


def test_what_a_killed_worker_ran_is_tried_in_a_process_of_its_own(tmp_path):
    with workplace(tmp_path, "stop", SOURCE, "-c", "4") as place:
        runs = place.emit("asked", 4)
        place.until(4, "running")
        place.clone.kill("worker")
        (place.folder / "open").touch()
        worker = place.start()
        place.until(4, "succeeded")
        views = [place.pipe.view(run) for run in runs]
        assert {(view["attempt"], view["attempts"][0]["outcome"]) for view in views} == {(2, "lost")}
        pids = {view["result"] for view in views}
        assert len(pids) == 4
        assert worker.pid not in pids
        assert place.ask("asked")["result"] == worker.pid


def test_a_blocked_loop_costs_nobody_his_run(blocked):
    """The heart beats on a thread of its own, so no other worker takes the run for lost."""
    [run] = blocked.blocking
    view = blocked.ended(run, timeout=40)
    assert (view["state"], view["attempt"], len(view["attempts"])) == ("succeeded", 1, 1)
    assert "recovered" not in blocked.log() + blocked.clone.log("second")
    assert blocked.ask("slept", seconds=0)["state"] == "succeeded"
