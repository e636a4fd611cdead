"""taskiq on a Redis list, as its guide shows it; results are not kept."""

import asyncio
import os

from taskiq_redis import ListQueueBroker

from benchmarks.bench.marks import ended, started
from benchmarks.bench.offers import NAP, ORDER

broker = ListQueueBroker(os.environ["REDIS_URL"])


@broker.task(task_name="nap")
async def nap(_order: dict) -> None:
    """Wait as for another service."""
    started()
    await asyncio.sleep(NAP)
    ended()


def fill_nap(count: int) -> None:
    """Send what a worker will drain."""
    asyncio.run(_fill(count))


async def _fill(count: int) -> None:
    await broker.startup()
    for _ in range(0, count, 100):
        await asyncio.gather(*(nap.kiq(ORDER) for _ in range(100)))
    await broker.shutdown()
