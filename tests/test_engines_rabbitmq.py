"""RabbitMQ deletes a queue, has a long one, goes away and comes back: nobody waits, nothing is lost or runs twice."""

import json
import statistics
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from amqp_frames import Unacknowledged
from engines import RABBITMQ, Line, broker, rabbitmq, waiting
from processes import clone
from waiting import wait_until

pytestmark = pytest.mark.processes

SLOTS = 4
RATE = 50  # events a second
HANDLERS = """
    import pathlib, threading
    from core import Event, on

    class Numbered(Event, type="numbered"):
        n: int

    class Held(Event, type="held"):
        until: str

    @on(Numbered, name="number")
    def number(event: Numbered) -> None:
        with pathlib.Path("ran").open("a") as file:
            file.write(f"{event.n} ")
        threading.Event().wait(0.002)

    @on(Held, name="hold")
    def hold(event: Held) -> None:
        while not pathlib.Path(event.until).exists():
            threading.Event().wait(0.05)
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Web and a worker of four slots; ``house.line`` leads to RabbitMQ."""
    where = urlsplit(RABBITMQ)
    unacknowledged = Unacknowledged()
    line = Line(where.hostname, where.port or 5672, unacknowledged.connection)
    there = where._replace(netloc=f"{where.username}:{where.password}@127.0.0.1:{line.port}").geturl()
    try:
        with (
            broker("rabbitmq", "") as (_, prefix),
            clone(tmp_path_factory.mktemp("rabbit"), handlers__subject=HANDLERS) as house,
        ):
            house.line, house.prefix, house.unacknowledged = line, prefix, unacknowledged
            unacknowledged.queue = f"{prefix}.default"
            house.environment |= {"CARILLON_PREFIX": prefix, "CELERY_BROKER_URL": there}
            house.environment["FLASK_CELERY__worker_concurrency"] = str(SLOTS)
            for name in ("web", "worker", "beat"):
                house.start(name)
            house.ready()
            yield house
    finally:
        line.close()


@pytest.fixture(autouse=True)
def nothing_ran(house):
    (house.folder / "ran").unlink(missing_ok=True)


def post(house, kind, **data):
    return house.request("POST", "/api/v1/events", {"type": kind, "data": data})[0]


def post_many(house, numbers):
    batch = [
        {"specversion": "1.0", "id": str(n), "source": "/t", "type": "numbered", "data": {"n": n}} for n in numbers
    ]
    head = {"Content-Type": "application/cloudevents-batch+json"}
    assert house.request("POST", "/api/v1/events", json.dumps(batch).encode(), **head)[0] == 202


def ran(house):
    file = house.folder / "ran"
    return Counter(file.read_text().split()) if file.exists() else Counter()


def test_a_deleted_queue_costs_nothing(house):
    """A thousand hints wait behind a busy worker, which holds no more than its slots; then their queue is deleted."""
    keep_waiting(house, range(1000), until="first")
    with rabbitmq() as channel:
        assert 1000 - SLOTS <= channel.queue_delete(f"{house.prefix}.default") <= 1000
    (house.folder / "first").touch()
    wait_until(lambda: len(ran(house)) == 1000, timeout=30, what="all thousand run")
    assert set(ran(house).values()) == {1}


def test_a_worker_holds_no_more_hints_than_it_has_slots(house):
    """Five thousand hints wait for one slow worker."""
    before = house.unacknowledged.delivered
    keep_waiting(house, range(1000, 6000), until="second")
    (house.folder / "second").touch()
    wait_until(lambda: len(ran(house)) == 5000, timeout=120, what="all five thousand run")
    assert set(ran(house).values()) == {1}
    assert house.unacknowledged.delivered - before >= 5000
    assert 1 < house.unacknowledged.most <= SLOTS


def keep_waiting(house, numbers, until):
    """Have an event's hint for each of *numbers* wait behind runs that take all slots *until* that file exists."""
    for _ in range(SLOTS):
        assert post(house, "held", until=until) == 202
    wait_until(lambda: len(house.runs("&state=running")) == SLOTS, what="all slots are taken")
    for first in range(numbers.start, numbers.stop, 100):
        post_many(house, range(first, first + 100))
    least = len(numbers) - SLOTS
    wait_until(lambda: waiting(f"{house.prefix}.default") >= least, timeout=60, what=f"{least} hints wait")


def test_rabbitmq_is_away(house):
    """Events come in at 50 a second; all are taken in time, and all run once when RabbitMQ is back."""
    statuses, times = outage(house, seconds=15)
    assert set(statuses) == {202}
    assert statistics.quantiles(times, n=100)[98] <= 0.3
    wait_until(lambda: len(ran(house)) == len(statuses), timeout=60, what="all ran")
    assert set(ran(house).values()) == {1}


def outage(house, seconds):
    """Send events for *seconds* and some more, with the line to RabbitMQ cut; returns statuses and times."""
    times = []

    def send(n):
        begun = time.perf_counter()
        status = post(house, "numbered", n=n)
        times.append(time.perf_counter() - begun)
        return status

    begun, sent = time.monotonic(), []
    with ThreadPoolExecutor(16) as pool:
        for n in range(RATE * (seconds + 2)):
            wait_until(lambda n=n: time.monotonic() - begun >= n / RATE, what="its moment")
            if n == RATE:
                house.line.cut()
            sent.append(pool.submit(send, n))
        house.line.mend()
    return [one.result() for one in sent], times
