"""RedBeat as its guide shows it; its entries are written as it writes them, many at once."""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from celery import Celery
from celery.schedules import crontab, schedule
from redbeat.decoder import RedBeatJSONEncoder
from redbeat.schedulers import RedBeatSchedulerEntry, get_redis

URL = os.environ["REDIS_URL"]
CHUNK = 1000

app = Celery("bench", broker=URL)
app.conf.update(
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    beat_scheduler="redbeat.RedBeatScheduler",
    beat_max_loop_interval=1,
    redbeat_redis_url=URL,
)


@app.task(name="nothing")
def nothing(_name: str) -> None:
    """Do nothing."""


def burst(count: int) -> None:
    """Store entries, half crontab half interval, all due when the next minute begins."""
    before = datetime.fromtimestamp(int(time.time()) // 60 * 60, UTC)
    _store(count, lambda n: (schedule(60) if n % 2 else crontab(), before))


def spread(count: int) -> None:
    """Store entries that are due each ten seconds, one after the other."""
    begin = datetime.now(UTC) - timedelta(seconds=9)
    _store(count, lambda n: (schedule(10), begin + timedelta(seconds=10 * n / count)))


def idle(count: int) -> None:
    """Store entries, half crontab half interval, that are due tomorrow."""
    now = datetime.now(UTC)
    far = now + timedelta(days=1)
    odd = crontab(minute=far.minute, hour=far.hour)
    _store(count, lambda n: (schedule(86_400) if n % 2 else odd, now))


def _store(count: int, made: Callable[[int], tuple[object, datetime]]) -> None:
    client = get_redis(app)
    for first in range(0, count, CHUNK):
        with client.pipeline(transaction=False) as pipe:
            for n in range(first, min(count, first + CHUNK)):
                timing, last = made(n)
                entry = RedBeatSchedulerEntry(f"s{n}", "nothing", timing, args=[f"s{n}"], app=app)
                entry.last_run_at = last
                meta = {"last_run_at": last, "total_run_count": 0}
                definition = {
                    "name": entry.name, "task": entry.task, "args": entry.args, "kwargs": {}, "options": {},
                    "schedule": timing, "enabled": True,
                }  # fmt: skip
                pipe.hset(entry.key, "definition", json.dumps(definition, cls=RedBeatJSONEncoder))
                pipe.hset(entry.key, "meta", json.dumps(meta, cls=RedBeatJSONEncoder))
                pipe.zadd("redbeat::schedule", {entry.key: entry.score})
            pipe.execute()
