"""What is running right now and where, the longest first, of any number no more than what is looked at."""

from dataclasses import dataclass
from datetime import datetime

from core.clock import from_ms
from core.ledger.flow import Flow
from core.ledger.keys import Keys

LOOKED = 1000  # runs that are looked at, in the order of their creation


@dataclass(frozen=True)
class AtWork:
    """A run that is running, where, and since when."""

    run: str
    task: str
    queue: str
    attempt: int
    worker: str
    started: datetime


def at_work(keys: Keys, limit: int, worker: str = "") -> Flow[tuple[list[AtWork], int]]:
    """Return the runs that have been running the longest, of *worker* or of all, and how many are running in all."""
    state = keys.state("running")
    runs, total = yield [("ZRANGE", state, 0, LOOKED - 1), ("ZCARD", state)]
    fields = ("task", "queue", "attempt", "worker", "started")
    answers = (yield [("HMGET", keys.run(run.decode()), *fields) for run in runs]) if runs else []
    found = [
        AtWork(run.decode(), task.decode(), queue.decode(), int(attempt), who.decode(), from_ms(int(started)))
        for run, (task, queue, attempt, who, started) in zip(runs, answers, strict=True)
        if task and who and started and worker in ("", who.decode())
    ]
    return sorted(found, key=lambda one: one.started)[:limit], int(total)
