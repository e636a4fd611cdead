"""Celery as its guides show it; BENCH_WAY names the settings that its optimising guide adds."""

import os
import time

from celery import Celery

from benchmarks.bench.cost import measured
from benchmarks.bench.marks import ended, lagged, started
from benchmarks.bench.offers import NAP, ORDER, paced

URL, WAY = os.environ["REDIS_URL"], os.environ.get("BENCH_WAY", "")
SETTINGS = {
    "": {},
    "results": {"result_backend": URL},
    "tuned": {"task_ignore_result": True},
    "late": {"task_ignore_result": True, "task_acks_late": True},
}

app = Celery("bench", broker=URL)
app.conf.update(SETTINGS[WAY], broker_connection_retry_on_startup=True)


@app.task(name="noop")
def noop(_order: dict) -> None:
    """Do nothing but count."""
    ended()


@app.task(name="nap")
def nap(_order: dict) -> None:
    """Wait as for another service."""
    started()
    time.sleep(NAP)
    ended()


@app.task(name="timed")
def timed(_order: dict, sent: float) -> None:
    """Tell how long it took from delay() to here."""
    lagged(sent)


def emit_one(count: int) -> dict[str, float]:
    """Send tasks one by one."""
    _delay(50)
    return measured(count, lambda: _delay(count))


def emit_ten(count: int) -> dict[str, float]:
    """Send ten tasks for each event."""
    _delay(50)
    return measured(count, lambda: _delay(10 * count))


def emit_held(count: int) -> dict[str, float]:
    """Send tasks one by one through one producer that is kept."""
    with app.producer_pool.acquire(block=True) as producer:

        def act(times: int = count) -> None:
            for _ in range(times):
                noop.apply_async((ORDER,), producer=producer)

        act(50)
        return measured(count, act)


def emit_many(count: int) -> dict[str, float]:
    """Send a thousand events at a time, in kombu's batches of a hundred messages."""
    with app.producer_pool.acquire(block=True) as producer:

        def act(times: int = count) -> None:
            for _ in range(times // 1000):
                with producer.batch(100):
                    for _ in range(1000):
                        noop.apply_async((ORDER,), producer=producer)

        act(1000)
        return measured(count, act)


def fill_noop(count: int) -> None:
    """Send what a worker will drain."""
    _batch(noop, count)


def fill_nap(count: int) -> None:
    """Send what a worker will drain, of the kind that waits."""
    _batch(nap, count)


def latency(count: int) -> None:
    """Send one task each 20 ms."""
    paced(count, lambda sent: timed.delay(ORDER, sent))


def _delay(times: int) -> None:
    for _ in range(times):
        noop.delay(ORDER)


def _batch(task: object, count: int) -> None:
    with app.producer_pool.acquire(block=True) as producer, producer.batch(100):
        for _ in range(count):
            task.apply_async((ORDER,), producer=producer)
