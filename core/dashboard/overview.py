"""/: the overview, with what the ledger knows right now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import Blueprint, Response

from core import readiness
from core.clock import now, rfc3339
from core.dashboard import shell
from core.dashboard.view import Row
from core.entries import name_page
from core.errors import LedgerUnavailable
from core.house import House, house
from core.ledger.alive import Process, alive
from core.ledger.listing import EventFilter, Page, RunFilter, counts, list_events, list_runs
from core.schedule_views import schedule_views

blueprint = Blueprint("overview", __name__)
SHOWN = 15  # events and runs on the page; more is what lists with filters are for
LISTED = 30  # schedules and processes before the page says how many more there are
MOST_LISTED = 100  # schedules that are looked at


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What the first page shows; rows are shaped as the HTTP API gives them, newest first.

    ``ledger`` says what answered (``Valkey 9.1, answers in 0.2 ms``) and is None where nothing did.
    ``alerts`` are sentences: the fact first, then what to do.
    """

    ledger: str | None
    events: Sequence[Row] = ()
    runs: Sequence[Row] = ()
    schedules: Sequence[Row] = ()
    workers: Sequence[Row] = ()
    beats: Sequence[Row] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    alerts: Sequence[str] = ()

    @property
    def untouched(self) -> bool:
        """Whether nothing has rung yet, so that the page teaches instead."""
        return self.ledger is not None and not (self.events or self.runs or any(self.counts.values()))

    @property
    def slots(self) -> int:
        """Return how many runs all workers together can hold at once."""
        return sum(worker.get("concurrency") or 0 for worker in self.workers)


@blueprint.get("/")
def get() -> Response:
    """Show the overview; before anything has happened, how to begin."""
    return render(overview(house()))


def render(page: Overview, moment: datetime | None = None) -> Response:
    """Return *page* as it is at *moment*; times are told in its zone."""
    template = "first.html" if page.untouched else "overview.html"
    return shell.show(template, live=True, moment=moment, page=page, shown=SHOWN, listed=LISTED)


def overview(here: House) -> Overview:
    """Gather what the page shows; with the ledger away, say so and show nothing else."""
    try:
        run, page = here.ledger.run, Page(limit=SHOWN)
        checks = run(readiness.look(here.keys, here.layout.timetable))
        processes = run(alive(here.keys))
        events, _ = run(list_events(here.keys, EventFilter(), page))
        runs, _ = run(list_runs(here.keys, RunFilter(), page))
        return Overview(
            ledger="the ledger answers",
            events=events,
            runs=runs,
            schedules=run(schedule_views(here.layout, now(), run(name_page(here.layout, "", MOST_LISTED)))),
            workers=[_row(process) for process in processes if process.role == "worker"],
            beats=[_row(process) for process in processes if process.role == "beat"],
            counts=run(counts(here.keys)),
            alerts=[f"{name}: {check['detail']}" for name, check in checks.items() if not check["ok"]],
        )
    except LedgerUnavailable as error:
        return Overview(ledger=None, alerts=[f"ledger: {error}"])


def _row(process: Process) -> dict[str, object]:
    seen = rfc3339(now() - timedelta(milliseconds=process.age))
    return process.info | {"id": process.id, "seen": seen, "state": "alive"}
