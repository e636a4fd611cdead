"""RedBeat as its guide shows it; the environment says how long its lock and its sleep are."""

import json
import os
import sys
from datetime import UTC, datetime
from typing import Any

from celery import Celery
from celery.schedules import schedule
from redbeat import RedBeatSchedulerEntry
from redbeat.schedulers import get_redis

from benchmarks.chaos.evidence import write

celery = Celery("chaos", broker=os.environ["BROKER_URL"])
celery.conf.update(
    task_ignore_result=True,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
    beat_scheduler="redbeat.RedBeatScheduler",
    redbeat_redis_url=os.environ["REDIS_URL"],
    redbeat_lock_timeout=int(os.environ["REDBEAT_LOCK"]) or None,
)
if loop := int(os.environ["REDBEAT_LOOP"]):
    celery.conf.beat_max_loop_interval = loop


@celery.task(name="tick", bind=True)
def tick(self: Any, name: str) -> None:
    """Note a fire of an entry."""
    for what in ("start", "end"):
        write(self.request.id, f"{name}@0", "tick", 0, what)


def make(intervals: dict[str, int]) -> None:
    """Make entries that run from now on."""
    for name, seconds in intervals.items():
        entry = RedBeatSchedulerEntry(name, "tick", schedule(seconds), args=[name], app=celery)
        entry.last_run_at = datetime.now(UTC)
        entry.save()


def counted() -> int:
    """Return how many fires all entries claim."""
    client = get_redis(celery)
    keys = client.zrange("redbeat::schedule", 0, -1)
    return sum(json.loads(client.hget(key, "meta") or "{}").get("total_run_count", 0) for key in keys)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(json.loads(sys.argv[2]))
    else:
        print(counted())
