"""What the overview tells, asked of the ledger side by side: a few pipelines, and the same work however many runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core import census, readiness
from core.census import process_views, queue_views
from core.dashboard.view import of_role
from core.entries import Layout, name_page
from core.house import House
from core.ledger.admission import Use, use_of
from core.ledger.alive import alive
from core.ledger.counters import Past, Tally, lately, series
from core.ledger.deploys import Deploy, deploys
from core.ledger.fires import missed_since
from core.ledger.firing import Fire
from core.ledger.flow import Flow, server_now, together
from core.ledger.keys import FAILED, Keys
from core.ledger.listing import Page, RunFilter, counts, list_runs
from core.quarantine import Held, held
from core.schedule_views import next_fires

SPANS = {span: census.SPANS[span] for span in ("hour", "day")}  # bars, and the minutes of each
FIRES = 20
FAILURES = 6
BUSY = ("pending", "parked", "running")  # states that the table of queues tells of
DUE = 100  # retrying runs of which the next attempt is looked for
SCHEDULES, ROWS = 500, 5  # schedules whose last rows are looked at for missed times
MISSED_FOR = timedelta(hours=24)
OVERDUE = 3  # names

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the ledger knows right now; rows are shaped as the HTTP API gives them.

    ``failing`` names readiness checks. ``due`` is when the first of the retrying runs that were looked at begins anew,
    in ms. ``tallies`` are those of a span, the oldest first, and ``hour`` is the last hour's.
    """

    now: int
    counts: Mapping[str, int]
    causes: int
    schedules: int
    failing: Sequence[str]
    policy: str
    use: Use
    backlog: int
    processes: Rows
    queues: Rows
    due: int | None
    held: Mapping[str, Held]
    overdue: tuple[int, Sequence[str]]
    missed: Sequence[tuple[str, Fire]]
    fires: Rows
    failures: Rows
    span: str
    hour: Tally
    tallies: Sequence[Tally]
    deploys: Sequence[Deploy]

    @property
    def workers(self) -> Rows:
        return of_role(self.processes, "worker")

    @property
    def beats(self) -> Rows:
        return of_role(self.processes, "beat")

    @property
    def slots(self) -> int:
        """Return how many runs all workers together can hold at once."""
        return sum(worker.get("concurrency") or 0 for worker in self.workers)

    @property
    def untouched(self) -> bool:
        """Whether nothing has rung yet, so that the page teaches instead."""
        return not self.causes and not any(self.counts.values())


def look(here: House, span: str, moment: datetime) -> Flow[Facts]:
    """Return what is so at *moment*."""
    keys, layout = here.keys, here.layout
    asked: dict[str, Flow[Any]] = {
        "counts": counts(keys),
        "sizes": _sizes(keys),
        "checks": readiness.look(keys, layout.timetable),
        "processes": alive(keys),
        "queues": queue_views(keys, here.catalog.queues(), BUSY),
        "due": _due(keys),
        "held": held(layout),
        "overdue": _overdue(layout),
        "missed": _missed(layout, moment - MISSED_FOR),
        "fires": next_fires(layout, FIRES, moment),
        "failures": list_runs(keys, RunFilter(states=FAILED), Page(limit=FAILURES)),
        "rates": _rates(keys, span, here.past),
    }
    found = dict(zip(asked, (yield from together(list(asked.values()))), strict=True))
    causes, schedules, info = found["sizes"]
    now, hour, tallies, began = found["rates"]
    return Facts(
        now=now,
        counts=found["counts"],
        causes=causes,
        schedules=schedules,
        failing=readiness.failing(found["checks"]),
        policy=str(info.get("maxmemory_policy", "noeviction")),
        use=use_of(info, here.config.ledger_memory),
        backlog=here.config.backlog_limit,
        processes=process_views(found["processes"], moment),
        queues=found["queues"],
        due=found["due"],
        held=found["held"],
        overdue=found["overdue"],
        missed=found["missed"],
        fires=[{"name": one["name"], "next": one["at"]} for one in found["fires"]],
        failures=found["failures"][0],
        span=span,
        hour=hour,
        tallies=tallies,
        deploys=began,
    )


def _sizes(keys: Keys) -> Flow[tuple[int, int, dict[str, Any]]]:
    """Return how many causes and schedules there are, and what the server says of its memory."""
    kinds = [("ZCARD", keys.causes(kind)) for kind in ("event", "fire", "call")]
    *causes, schedules, info = yield [*kinds, ("ZCARD", keys.schedules), ("INFO", "memory")]
    return sum(causes), schedules, info


def _due(keys: Keys) -> Flow[int | None]:
    [runs] = yield [("ZRANGE", keys.state("retrying"), 0, DUE - 1)]
    times = (yield [("HGET", keys.run(run.decode()), "due") for run in runs]) if runs else []
    return min((int(due) for due in times if due), default=None)


def _overdue(layout: Layout) -> Flow[tuple[int, list[str]]]:
    """Return how many schedules have a planned time that is overdue, and the names of the first."""
    late = (yield from server_now()) / 1000 - readiness.LATE
    [count, found] = yield [
        ("ZCOUNT", layout.timetable, "-inf", late),
        ("ZRANGE", layout.timetable, "-inf", late, "BYSCORE", "LIMIT", 0, OVERDUE),
    ]
    return int(count), [layout.name(key.decode("utf-8", "replace")) for key in found]


def _missed(layout: Layout, since: datetime) -> Flow[list[tuple[str, Fire]]]:
    names = yield from name_page(layout, "", SCHEDULES)
    return (yield from missed_since(layout.keys, names, since, ROWS))


def _rates(keys: Keys, span: str, past: Past) -> Flow[tuple[int, Tally, list[Tally], list[Deploy]]]:
    """Return the server's time, what the last hour counted, what each stretch of *span* did, and deploys in it."""
    now = yield from server_now()
    buckets, minutes = SPANS[span]
    first = now - buckets * minutes * 60_000
    found: list[Any] = yield from together(
        [lately(keys, now, 60), series(keys, now, buckets, minutes, past), deploys(keys, first)]
    )
    hour, tallies, began = found
    return now, hour, tallies, began
