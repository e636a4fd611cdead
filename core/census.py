"""What is there, for who operates it: counts, living processes, queues; all in bounded time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from core.clock import from_ms, rfc3339
from core.ledger.admission import use_of
from core.ledger.alive import Process, alive
from core.ledger.counters import Past, Tally, lately, series
from core.ledger.deploys import deploys
from core.ledger.depths import depths
from core.ledger.flow import Flow, server_now
from core.ledger.keys import FAILED, OPEN, TERMINAL, Keys
from core.ledger.listing import counts

Json = dict[str, Any]
SPANS = {"hour": (60, 1), "day": (96, 15), "month": (720, 60)}  # stretches of a series, and the minutes of each
LATELY = ("succeeded", "failed", "retried", "started", "wait_p50_ms", "wait_p95_ms")
INNER = ("mark", "catalog")  # of what a process says of itself: for other processes, not for people


def stats(keys: Keys, memory: int) -> Flow[Json]:
    """Return how many runs each state has, sums of them, and how many causes and schedules there are; all exact.

    *memory* is the limit in bytes of a server that has none itself.
    """
    states = yield from counts(keys)
    kinds = ("event", "fire", "call")
    *causes, schedules, info = yield [
        *(("ZCARD", keys.causes(kind)) for kind in kinds),
        ("ZCARD", keys.schedules),
        ("INFO", "memory"),
    ]
    use = use_of(info, memory)
    named = dict(zip(("events", "fires", "calls"), causes, strict=True))
    return {
        "counts": states,
        "open": sum(count for state, count in states.items() if state not in TERMINAL),
        "failed": sum(states[state] for state in FAILED),
        **named,
        "schedules": schedules,
        "memory": {"used": use.used, "limit": use.limit or None},
    }


def last_hour(keys: Keys) -> Flow[Json]:
    """Return how many runs ended and began in the last 60 minutes, and how long they had waited."""
    now = yield from server_now()
    counted = _counted((yield from lately(keys, now, 60)))
    return {name: counted[name] for name in LATELY}


def series_view(keys: Keys, span: str, past: Past) -> Flow[Json]:
    """Return the same by time, the oldest first, for one of ``SPANS``; and the releases that began within it."""
    now = yield from server_now()
    items = yield from series(keys, now, *SPANS[span], past)
    began = yield from deploys(keys, items[0].start)
    return {
        "items": [{"start": rfc3339(from_ms(tally.start)), **_counted(tally)} for tally in items],
        "next": None,
        "deploys": [{"release": deploy.release, "at": rfc3339(from_ms(deploy.at))} for deploy in began],
    }


def _counted(tally: Tally) -> Json:
    return {
        "succeeded": tally.ended["succeeded"],
        "discarded": tally.ended["discarded"],
        "failed": tally.ended["dead"],
        "retried": tally.ended["retrying"],
        "cancelled": tally.ended["cancelled"],
        "started": tally.started,
        "wait_p50_ms": None if tally.p50 is None else round(tally.p50, 1),
        "wait_p95_ms": None if tally.p95 is None else round(tally.p95, 1),
    }


def process_views(processes: Sequence[Process], now: datetime) -> list[Json]:
    """Return each process that spoke within the last minute, the newest heartbeat first; ``age`` is in seconds.

    ``ordered`` is what it was told to do and has not done yet.
    """
    return [
        {
            "role": process.role,
            "id": process.id,
            "seen": rfc3339(now - timedelta(milliseconds=process.age)),
            "age": process.age / 1000,
            **{name: value for name, value in process.info.items() if name not in INNER},
            "ordered": None if process.obeyed else process.order,
        }
        for process in processes
    ]


def queue_views(keys: Keys, declared: Sequence[str], states: Sequence[str] = OPEN) -> Flow[list[Json]]:
    """Return each queue with its runs that are in one of *states*, by state, and how long the first of them waits.

    Queues are those that code declares, those that workers serve and those of runs that are met. ``workers`` serve
    it, with ``slots`` in all; ``quiet`` ones would, and take no new runs now.
    """
    workers = [process for process in (yield from alive(keys)) if process.role == "worker"]
    serving = {queue: [w for w in workers if queue in w.info.get("queues", ())] for queue in _served(workers)}
    found, now = yield from depths(keys, dict.fromkeys([*declared, *serving]), states)
    views = []
    for queue, depth in found.items():
        taking = [worker for worker in serving.get(queue, ()) if worker.takes]
        views.append(
            {
                "queue": queue,
                **{state: depth.counts[state] for state in states},
                "exact": depth.exact,
                "oldest": depth.waits_since and rfc3339(from_ms(depth.waits_since)),
                "wait": None if depth.waits_since is None else max(now - depth.waits_since, 0) / 1000,
                "workers": len(taking),
                "quiet": len(serving.get(queue, ())) - len(taking),
                "slots": sum(worker.info.get("concurrency") or 0 for worker in taking),
            }
        )
    return views


def _served(workers: Sequence[Process]) -> list[str]:
    return list(dict.fromkeys(queue for worker in workers for queue in worker.info.get("queues", ())))
