"""arq with room for 1,000 jobs; results are not kept."""

import asyncio
import os
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings

from benchmarks.bench.marks import ended, started
from benchmarks.bench.offers import NAP, ORDER

QUIET = {"version": 1}  # no line of log for each job
SERVER = RedisSettings.from_dsn(os.environ["REDIS_URL"])


async def nap(_context: dict[str, Any], _order: dict) -> None:
    """Wait as for another service."""
    started()
    await asyncio.sleep(NAP)
    ended()


class WorkerSettings:
    """What the ``arq`` command reads."""

    functions = [nap]  # noqa: RUF012 - arq reads it so
    redis_settings = SERVER
    max_jobs = 1000
    keep_result = 0


def fill_nap(count: int) -> None:
    """Send what a worker will drain."""
    asyncio.run(_fill(count))


async def _fill(count: int) -> None:
    pool = await create_pool(SERVER)
    for _ in range(0, count, 100):
        await asyncio.gather(*(pool.enqueue_job("nap", ORDER) for _ in range(100)))
    await pool.aclose()
