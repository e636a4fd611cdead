"""Which planned times of a schedule are due, and what its policies make of each: pure, time is an argument."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.clock import from_ms, to_ms
from core.entries import Schedule
from core.ledger.firing import Fire

GRACE = timedelta(seconds=60)  # how late a planned time may fire and still count as on time, for catch_up=skip
WINDOW = timedelta(hours=1)  # how far back planned times are caught up
MOST = 5000  # planned times looked at in one go


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a schedule: the time to fire (None: only move on), times that will not run, where it stands then."""

    fires: datetime | None
    rows: Sequence[Fire]
    cursor: datetime


def step(schedule: Schedule, now: datetime) -> Step | None:
    """Return the next step of *schedule* at *now*, or None while nothing is due."""
    due = due_times(schedule, now)
    if not due:
        return None
    newest = due[-1]
    if schedule.catch_up == "all":
        first = next((planned for planned in due if now - planned <= WINDOW), newest)
        missed = [planned for planned in due if planned < first]
        return Step(fires=first, rows=_rows(missed, "missed", "outside the catch-up window"), cursor=first)
    passed = _rows(due[:-1], "skipped", "coalesced into the next one")
    too_late = now - newest - jitter(schedule, newest) > (GRACE if schedule.catch_up == "skip" else WINDOW)
    if too_late:
        why = "no beat was alive" if schedule.catch_up == "skip" else "outside the catch-up window"
        return Step(fires=None, rows=_rows(due, "missed", why), cursor=newest)
    if schedule.catch_up == "skip":
        passed = _rows(due[:-1], "missed", "no beat was alive")
    return Step(fires=newest, rows=passed, cursor=newest)


def due_times(schedule: Schedule, now: datetime) -> list[datetime]:
    """Return the planned times after the cursor whose moment, jitter included, has come."""
    cursor = from_ms(schedule.cursor)
    end = min(now, from_ms(schedule.ends_at)) if schedule.ends_at is not None else now
    times = schedule.timing.between(cursor, end, MOST)
    begin = schedule.starts_at or 0
    return [t for t in times if to_ms(t) >= begin and t + jitter(schedule, t) <= now]


def next_fire(schedule: Schedule) -> datetime | None:
    """Return the first planned time after the cursor, or None if there is none or it is switched off."""
    if not schedule.enabled:
        return None
    after = from_ms(max(schedule.cursor, (schedule.starts_at or 0) - 1))
    planned = schedule.timing.after(after)
    over = planned is not None and schedule.ends_at is not None and to_ms(planned) > schedule.ends_at
    return None if over else planned


def next_score(schedule: Schedule) -> float | None:
    """Return the timetable's score: when the next planned time fires, jitter included, in seconds since the epoch."""
    planned = next_fire(schedule)
    return None if planned is None else (planned + jitter(schedule, planned)).timestamp()


def jitter(schedule: Schedule, planned: datetime) -> timedelta:
    """Return how long *planned* is put off: the same for the same schedule and time, from 0 to its jitter."""
    if not schedule.jitter:
        return timedelta(0)
    digest = hashlib.sha256(f"{schedule.name}@{planned.timestamp()}".encode()).digest()
    return timedelta(seconds=schedule.jitter * int.from_bytes(digest[:6]) / 2**48)


def stepped(schedule: Schedule, taken: Step, run: str | None) -> Schedule:
    """Return *schedule* after *taken*; *run* is the id of the run it fires, if it fires."""
    moved = replace(schedule, cursor=to_ms(taken.cursor))
    return moved if run is None else replace(moved, last_run=run, count=schedule.count + 1)


def _rows(times: Sequence[datetime], state: str, cause: str) -> list[Fire]:
    """Return one row for equal neighbours: from the first to the last of *times*, with their number."""
    if not times:
        return []
    return [Fire(planned=times[0], state=state, cause=cause, until=times[-1], count=len(times))]
