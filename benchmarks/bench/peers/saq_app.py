"""saq with room for 1,000 jobs; results are not kept."""

import asyncio
import os
from typing import Any

from saq import Queue

from benchmarks.bench.marks import ended, started
from benchmarks.bench.offers import NAP, ORDER

queue = Queue.from_url(os.environ["REDIS_URL"])


async def nap(_context: dict[str, Any], **_order: Any) -> None:
    """Wait as for another service."""
    started()
    await asyncio.sleep(NAP)
    ended()


settings = {"queue": queue, "functions": [nap], "concurrency": 1000}


def fill_nap(count: int) -> None:
    """Send what a worker will drain."""
    asyncio.run(_fill(count))


async def _fill(count: int) -> None:
    await queue.connect()
    for _ in range(0, count, 100):
        await asyncio.gather(*(queue.enqueue("nap", order=ORDER, ttl=-1) for _ in range(100)))
    await queue.disconnect()
