"""A real worker at an operator's order: quiet, at work again, stopped; on each broker, in each pool."""

import pytest
from engines import broker
from pool_household import workplace
from waiting import stays, wait_until

from core.ledger.alive import alive
from core.ordering import order
from core.queue import depth

pytestmark = pytest.mark.processes

HANDLERS = """
    import asyncio, threading
    from pathlib import Path
    from core import Event, on

    here = Path(__file__).parent

    class Held(Event, type="held"):
        n: int = 0

    class Quick(Event, type="quick"):
        n: int = 0

    @on(Held, name="hold", queue="slow")
    def hold(event: Held) -> None:
        while not (here / "open").exists():
            threading.Event().wait(0.05)

    @on(Quick, name="do")
    def do(event: Quick) -> None: ...

    @on(Quick, name="do.async", queue="io")
    async def do_async(event: Quick) -> None:
        await asyncio.sleep(0)
"""
PLAIN = """
    from pathlib import Path
    from celery import shared_task

    @shared_task(name="plain")
    def plain(word: str) -> None:
        with (Path(__file__).parent / "plain.txt").open("a") as file:
            file.write(word + "\\n")
"""
UNTOUCHED = 4  # seconds in which a worker that was not quiet would have taken what waits, several times over


@pytest.fixture(params=["redis", "rabbitmq", "processes"])
def place(request, tmp_path):
    words = ["-c", "4", *(["-P", "prefork"] if request.param == "processes" else [])]
    kind = "rabbitmq" if request.param == "rabbitmq" else "redis"
    with (
        broker(kind, "") as (url, prefix),
        workplace(tmp_path, "quiet", HANDLERS, *words, plain=PLAIN, broker=url, prefix=prefix) as made,
    ):
        yield made


def worker(place):
    found = [one for one in place.pipe.ledger.run(alive(place.pipe.keys)) if one.role == "worker"]
    return found[0] if found else None


def tell(place, word):
    place.pipe.ledger.run(order(place.pipe.keys, worker(place).id, word))


def told(place, word, **said):
    tell(place, word)
    wait_until(lambda: said.items() <= worker(place).info.items(), timeout=20, what=f"{word} is obeyed")


def hints(place, *queues):
    return sum(depth(place.pipe.app, place.pipe.house.config, queue) for queue in queues)


def test_quiet_leaves_hints_in_the_queue_and_resume_takes_them(place):
    place.emit("quick")
    place.until(2, "succeeded", timeout=60)
    place.emit("held", 2)
    place.until(2, "running")
    told(place, "quiet", quiet=True, busy=2)
    assert set(worker(place).info["queues"]) == {"default", "slow", "io"}
    place.emit("quick", 3)
    place.celery.send_task("plain", ("while quiet",))
    stays(lambda: (place.count("pending"), place.count("running")) == (6, 2), UNTOUCHED, "what waits")
    assert hints(place, "default", "io") == 6
    (place.folder / "open").touch()
    place.until(4, "succeeded")
    assert place.count("pending") == 6
    drop_connections(place)
    stays(lambda: (place.count("pending"), place.lines("plain.txt")) == (6, []), UNTOUCHED, "what waits")
    told(place, "resume", quiet=False)
    place.until(10, "succeeded")
    wait_until(lambda: place.lines("plain.txt") == ["while quiet"], what="the plain task ran")
    place.emit("quick", 5)
    place.until(20, "succeeded")


def test_stop_ends_it_as_a_platform_does(place):
    place.emit("quick")
    place.until(2, "succeeded", timeout=60)
    [run] = place.emit("held")
    place.until(1, "running")
    tell(place, "stop")
    assert place.clone.processes.pop("worker").wait(40) == 0
    assert place.pipe.view(run)["state"] == "pending"
    assert place.pipe.view(run)["attempt"] == 0
    assert "this worker was told: stop" in place.log()


def drop_connections(place):
    """Have the server close all connections but this one; what a worker consumed is forgotten with them."""
    place.server.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
