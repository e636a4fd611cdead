"""What beat does at each tick: advance what is due and accept its runs, each in one step."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from flask import Flask

from core import causes, moments
from core.catalog import Catalog, Options
from core.clock import rfc3339, to_ms
from core.entries import Layout, Schedule, declared, edited, load_all, load_due, meta, names, remove, save
from core.ledger.acceptance import Accepted, Request, accept
from core.ledger.firing import Advance, Fire, Stored, fire
from core.ledger.flow import Flow, scored
from core.ledger.running import Hint
from core.ledger.store import Ledger
from core.planning import Step, next_score, step, stepped

LONGEST_SLEEP = 1.0  # seconds between two ticks: a new or changed schedule is seen that soon
BATCH = 500
ON_TIME = 5.0  # seconds after its planned time that a fire, jitter aside, still counts as on time


@dataclass(frozen=True, kw_only=True)
class Clockwork:
    """Fires schedules; any number of them may run, for a fire is accepted once."""

    app: Flask
    catalog: Catalog
    layout: Layout
    ledger: Ledger
    publish: Callable[[Sequence[Hint]], None]
    passed_over: set[str] = field(default_factory=set)

    def tick(self, now: datetime) -> float:
        """Fire what is due at *now*; returns the seconds until the next look."""
        for stored in self.ledger.run(load_due(self.layout, now.timestamp(), BATCH)):
            schedule = self.layout.read(stored)
            if schedule is None:
                self._pass_over(stored)
            else:
                self.ring(stored, schedule, now)
        return min(LONGEST_SLEEP, max(0.0, self.ledger.run(_next_due(self.layout, now)) - now.timestamp()))

    def ring(self, stored: Stored, schedule: Schedule, now: datetime) -> None:
        """Take *schedule* through every step that is due at *now*."""
        while True:
            taken = step(schedule, now)
            if taken is None:
                return
            options = options_of(self.catalog, schedule)
            fired, moved = _fired(schedule, taken, now)
            score = next_score(moved)
            passed = stepped(schedule, taken, None)
            skipped = (meta(passed), self.layout.ours(passed))
            ours = self.layout.ours(moved)
            advance = Advance(meta=meta(moved), ours=ours, skipped=skipped, next_score=score, rows=taken.rows)
            verdict = self.ledger.run(_fire(self.layout, schedule, stored, advance, fired, options))
            if verdict == "STALE":
                return
            if fired and verdict == "OK":
                self.publish([Hint(str(fired.run), options.queue, options.priority)])
            self._tell(schedule, taken, fired, verdict)
            schedule = passed if verdict == "SKIPPED" else moved
            stored = replace(stored, meta=meta(schedule).encode(), ours=self.layout.ours(schedule).encode())

    def add_missing(self, now: datetime) -> int:
        """Store the schedules that code declares and the store does not have; returns how many."""
        known = set(self.ledger.run(names(self.layout)))
        new = [one for name, one in self.catalog.schedules.items() if name not in known]
        for declaration in new:
            schedule = declared(declaration, to_ms(now))
            self.ledger.run(save(self.layout, schedule, next_score(schedule)))
        return len(new)

    def _tell(self, schedule: Schedule, taken: Step, fired: Fire | None, verdict: str) -> None:
        if fired:
            state, why = ("skipped", "the last run is not finished") if verdict == "SKIPPED" else ("fired", fired.cause)
            self._say(schedule, fired, state, why)
        for row in taken.rows:
            self._say(schedule, row, row.state, row.cause)

    def _say(self, schedule: Schedule, row: Fire, state: str, why: str) -> None:
        planned = rfc3339(row.planned)
        moments.fired.send(self.app, schedule=schedule.name, planned=planned, run=row.run, state=state, why=why)

    def _pass_over(self, stored: Stored) -> None:
        if stored.key not in self.passed_over:
            self.passed_over.add(stored.key)
            why = LookupError("it is no schedule of ours, or its seal does not fit")
            moments.trouble.send(self.app, what=f"{stored.key} is passed over", error=why)


def _fired(schedule: Schedule, taken: Step, now: datetime) -> tuple[Fire | None, Schedule]:
    if taken.fires is None:
        return None, stepped(schedule, taken, None)
    run = f"{causes.fire(schedule.name, taken.fires).ledger_id}.0"
    late = round((now - taken.fires).total_seconds(), 3)
    why = "on time" if late < ON_TIME + schedule.jitter else "late"
    fired = Fire(planned=taken.fires, state="fired", cause=why, late=late, run=run)
    return fired, stepped(schedule, taken, run)


def _fire(
    layout: Layout, schedule: Schedule, stored: Stored, advance: Advance, fired: Fire | None, options: Options
) -> Flow[str]:
    cause = causes.fire(schedule.name, fired.planned) if fired else None
    request = Request(task=schedule.task, queue=options.queue, priority=options.priority) if fired else None
    going = schedule.last_run if schedule.overlap == "skip" and fired else None
    return fire(
        layout.keys,
        layout.keyring,
        schedule.name,
        layout.timetable,
        stored,
        advance,
        fired,
        cause,
        request,
        unless_going=going,
    )


def _next_due(layout: Layout, now: datetime) -> Flow[float]:
    [found] = yield [
        ("ZRANGE", layout.timetable, f"({now.timestamp()}", "+inf", "BYSCORE", "LIMIT", 0, 1, "WITHSCORES")
    ]
    return next((score for _, score in scored(found)), float("inf"))


def ask(layout: Layout, catalog: Catalog, schedule: Schedule, now: datetime) -> Flow[tuple[Accepted, Hint]]:
    """Accept a run of *schedule* at once, because somebody asked; its planned times stay as they are."""
    options = options_of(catalog, schedule)
    cause = causes.fire(schedule.name, now)
    cause = replace(cause, id=f"{cause.id}#{secrets.token_hex(3)}")
    request = Request(task=schedule.task, queue=options.queue, priority=options.priority)
    accepted = yield from accept(layout.keys, layout.keyring, cause, [request])
    run = accepted.runs[0][0]
    row = Fire(planned=now, state="fired", cause="asked", late=0.0, run=run)
    yield [("ZADD", layout.keys.fires(schedule.name), to_ms(now), row.row())]
    return accepted, Hint(run, options.queue, options.priority)


def apply(layout: Layout, catalog: Catalog, now: datetime) -> Flow[dict[str, list[str]]]:
    """Make the store hold what code declares; returns names by what was done: added, changed, removed, kept.

    Schedules made at run time are left alone.
    """
    done: dict[str, list[str]] = {"added": [], "changed": [], "removed": [], "kept": []}
    stored = {schedule.name: schedule for schedule in (yield from load_all(layout))}
    for name, declaration in catalog.schedules.items():
        wanted, known = declared(declaration, to_ms(now)), stored.get(name)
        if known is not None and known.plan == replace(wanted, enabled=known.enabled).plan:
            done["kept"].append(name)
            continue
        if known is not None:
            wanted = edited(known, replace(wanted, enabled=known.enabled))
        yield from save(layout, wanted, next_score(wanted))
        done["added" if known is None else "changed"].append(name)
    for name, schedule in stored.items():
        if schedule.owner == "code" and name not in catalog.schedules:
            yield from remove(layout, name)
            done["removed"].append(name)
    return done


def options_of(catalog: Catalog, schedule: Schedule) -> Options:
    """Return the options of a schedule's task; the defaults where this release does not know it."""
    task = catalog.task(schedule.task)
    return task.options if task else Options()
