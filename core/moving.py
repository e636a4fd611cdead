"""From a schedule's next step to what the ledger has to do: the run or event to accept, the rows, where it stands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core import causes
from core.catalog import Catalog, Options
from core.causes import SCHEDULES, Cause
from core.clock import rfc3339
from core.entries import Layout, meta
from core.errors import EmitError
from core.events import Event
from core.ledger.firing import Fire, Move, Stored
from core.ledger.packing import NOTHING, Outgoing, Wanted
from core.ledger.running import Hint
from core.ledger.words import Request
from core.missed import Missed
from core.planning import Step, next_score, stepped
from core.schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class Mover:
    """Makes moves of steps. *gather* sends an event's signals and returns the runs that its handlers want.

    *outgoing* makes the messages of hints where the ledger can put them into the broker's queues.
    """

    catalog: Catalog
    layout: Layout
    gather: Callable[[Event], list[Request]]
    missed: Missed
    outgoing: Callable[[Sequence[Hint]], Outgoing] | None = None

    def move(self, stored: Stored, schedule: Schedule, taken: Step, now: datetime) -> Move:
        """Return how the entry *stored* goes on by the step *taken* of its *schedule*."""
        wanted, refused = self._wanted(schedule, taken.fires) if taken.fires else (None, "")
        rows = [*taken.rows]
        if refused and taken.fires:
            rows.append(Fire(planned=taken.fires, state="missed", cause=refused))
        told = self.missed.tell(schedule, taken.overdue, taken, now) if taken.overdue else None
        told = told and self.with_hints(told)
        if wanted is None or taken.fires is None:
            passed = stepped(schedule, taken, None)
            ours, score = self.layout.moved(stored.ours, passed), next_score(passed)
            return Move(
                name=schedule.name, stored=stored, meta=meta(passed), ours=ours, score=score, rows=rows, told=told
            )
        run = f"{wanted.cause.ledger_id}.0" if wanted.requests else None
        late = round((now - taken.fires).total_seconds(), 3)
        moved = stepped(schedule, taken, run or wanted.cause.ledger_id)
        return Move(
            name=schedule.name,
            stored=stored,
            meta=meta(moved),
            ours=self.layout.moved(stored.ours, moved),
            score=next_score(moved),
            fired=Fire(planned=taken.fires, state="fired", cause=taken.cause, late=late, run=run),
            accepted=self.with_hints(wanted),
            overlap="" if schedule.overlap == "allow" else schedule.overlap,
            last_run=schedule.last_run,
            skipped=("", "") if schedule.overlap == "allow" else self._skipped(stored, stepped(schedule, taken, None)),
            rows=rows,
            told=told,
        )

    def _skipped(self, stored: Stored, passed: Schedule) -> tuple[str, str]:
        return meta(passed), self.layout.moved(stored.ours, passed)

    def wanted(self, schedule: Schedule, cause: Cause) -> Wanted:
        """Return what a fire of *schedule* accepts under *cause*, one of ``cause_of``.

        Raises:
            UnknownEvent, InvalidEvent: code does not know the event, or it does not fit any more.
        """
        if schedule.event:
            return Wanted(cause, self.gather(self.catalog.event(schedule.event, dict(schedule.data or {}))))
        options = options_of(self.catalog, schedule.task)
        return Wanted(cause, [Request(task=schedule.task, queue=options.queue, priority=options.priority)])

    def with_hints(self, wanted: Wanted) -> Wanted:
        """Return *wanted* with the messages of its hints, where the ledger can send them."""
        return Wanted(
            wanted.cause, wanted.requests, hints=self.outgoing(hints_of(wanted)) if self.outgoing else NOTHING
        )

    def unsent(self, accepted: Sequence[Wanted]) -> list[Hint]:
        """Return the hints of what was accepted that have yet to be published: none where the ledger has sent them."""
        return [] if self.outgoing else [hint for wanted in accepted for hint in hints_of(wanted)]

    def _wanted(self, schedule: Schedule, planned: datetime) -> tuple[Wanted | None, str]:
        try:
            return self.wanted(schedule, cause_of(schedule, planned)), ""
        except EmitError as error:
            return None, f"its event could not be emitted: {error}"


def cause_of(schedule: Schedule, planned: datetime, mark: str = "") -> Cause:
    """Return the cause of *schedule* firing at *planned*: ``name@planned-time``, with *mark* behind it."""
    at = rfc3339(planned)
    if not schedule.event:
        return causes.fire(schedule.name, planned, schedule.data, mark)
    ident = f"{schedule.name}@{at}{mark}"
    data, subject = dict(schedule.data or {}), schedule.name
    return Cause(kind="event", id=ident, type=schedule.event, source=SCHEDULES, subject=subject, time=at, data=data)


def hints_of(wanted: Wanted) -> list[Hint]:
    """Return the hints of the runs of *wanted* that may start at once."""
    ident = wanted.cause.ledger_id
    return [Hint(f"{ident}.{n}", r.queue, r.priority) for n, r in enumerate(wanted.requests) if not r.waits]


def options_of(catalog: Catalog, name: str) -> Options:
    """Return the options of a task; the defaults where this release does not know it."""
    task = catalog.task(name)
    return task.options if task else Options()
