"""A slow worker never hoards: what it cannot begin stays where any other worker can have it."""

import pytest
from engines import broker, waiting
from pool_household import workplace
from waiting import wait_until

from core.queue import depth

pytestmark = pytest.mark.processes

THREADS, ASYNC, RUNS = 4, 20, 1000
SOURCE = """
    import asyncio, threading
    from pathlib import Path
    from core import Event, on

    here = Path(__file__).parent

    class Held(Event, type="held"):
        n: int = 0

    class Napped(Event, type="napped"):
        n: int = 0

    class Mixed(Event, type="mixed"):
        n: int = 0

    @on(Held, name="hold")
    def hold(event: Held) -> None:
        while not (here / "open").exists():
            threading.Event().wait(0.05)

    async def sleep() -> None:
        while not (here / "open").exists():
            await asyncio.sleep(0.05)

    @on(Napped, name="nap", queue="slow")
    async def nap(event: Napped) -> None:
        await sleep()

    @on(Mixed, name="mixed")
    async def mixed(event: Mixed) -> None:
        await sleep()
"""


@pytest.fixture(params=["redis", "rabbitmq"])
def place(request, tmp_path):
    with broker(request.param, "") as (url, prefix):
        words = ("-c", str(THREADS))
        with workplace(
            tmp_path, "room", SOURCE, *words, broker=url, prefix=prefix, ASYNC_CONCURRENCY=str(ASYNC)
        ) as made:
            made.on_redis = request.param == "redis"
            yield made


def hints(place, queue):
    """Return how many hints the broker has handed to nobody."""
    if place.on_redis:
        return depth(place.pipe.app, place.pipe.house.config, queue)
    return waiting(f"{place.pipe.keys.prefix}.{queue}")


def test_it_takes_what_it_can_begin_and_no_more(place):
    """Threads are full of sync runs, the rest of the room of async ones; a thousand more of each stay in the queue."""
    runs = place.emit("held", RUNS)
    place.until(THREADS, "running")
    runs += place.emit("napped", RUNS)
    place.until(ASYNC, "running")
    wait_until(lambda: place.pipe.house.publisher.flush(1), what="all hints are published")
    spare = 0 if place.on_redis else THREADS  # what RabbitMQ may have on its way to a full worker
    for queue, most in (("default", THREADS), ("slow", ASYNC - THREADS)):
        assert RUNS - most - spare <= hints(place, queue) <= RUNS - most
    assert place.count("running") == ASYNC
    (place.folder / "open").touch()
    place.until(2 * RUNS, "succeeded", timeout=60)
    assert {place.pipe.view(run)["attempt"] for run in runs} == {1}


def test_async_runs_of_a_mixed_queue_leave_their_threads(place):
    place.emit("mixed", 100)
    place.until(ASYNC, "running")
    assert hints(place, "default") >= 100 - ASYNC - (0 if place.on_redis else THREADS)
    (place.folder / "open").touch()
    place.until(100, "succeeded")
