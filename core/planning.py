"""Which planned times of a schedule are due, and what its policies make of each: pure, time is an argument."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

from core.clock import from_ms, rfc3339, to_ms
from core.ledger.firing import Fire
from core.schedule import Schedule, moved
from core.triggers import Trigger

OUTAGE = timedelta(seconds=10)  # without a tick, until it counts as time in which no scheduler was alive
GRACE = timedelta(seconds=60)  # how late a planned time may fire and count as punctual, where no ``grace`` says so
ON_TIME = 5.0  # seconds after its planned time that a fire, jitter aside, is on time
MOST = 200  # planned times looked at in one go
ALL = 10**9  # planned times: more than there are in thirty years of seconds
MS = timedelta(milliseconds=1)
COALESCED = "coalesced into the next one"


@dataclass(frozen=True)
class Outage:
    """A time in which no scheduler was alive: nothing was fired from *since* to *until*."""

    since: datetime
    until: datetime

    def __str__(self) -> str:
        return f"no scheduler was alive from {_seconds(self.since)} to {_seconds(self.until)}"


class Step(NamedTuple):
    """One step of a schedule: the time to fire (None: only move on), times that will not run, where it stands then.

    *overdue* is the first planned time that did not fire within its grace, if there is one.
    """

    fires: datetime | None
    rows: Sequence[Fire]
    cursor: datetime
    cause: str = "on time"
    overdue: datetime | None = None


def outage(last_tick: datetime | None, now: datetime) -> Outage | None:
    """Return the time without a scheduler before *now*, if there was one."""
    return Outage(last_tick, now) if last_tick and now - last_tick > OUTAGE else None


def step(schedule: Schedule, now: datetime, gap: Outage | None = None) -> Step | None:
    """Return the next step of *schedule* at *now*, or None while nothing is due.

    One step fires one planned time at most. *gap* is the time without a scheduler that has just ended.
    """
    due = due_times(schedule, now)
    if not due:
        return None
    if why := _reason(schedule, due[0]):
        return _held_back(schedule, due, why, now)
    due = list(takewhile(lambda planned: not _reason(schedule, planned), due))
    late = list(takewhile(lambda planned: _is_late(schedule, planned, now, gap), due))
    overdue = due[0] if now - due[0] - jitter(schedule, due[0]) > grace(schedule) else None
    if late:
        found = _late(schedule, late, due[len(late) :], now, gap)
        if found:
            return found._replace(overdue=overdue)
    return _fire(schedule, due[0], now, gap, overdue=overdue)


def due_times(schedule: Schedule, now: datetime) -> list[datetime]:
    """Return the planned times after the cursor whose moment, jitter included, has come; ``MOST`` of them at most.

    They keep their order: jitter lets none of them overtake another.
    """
    if schedule.ended:
        return []
    end = now if schedule.ends_at is None else min(now, from_ms(schedule.ends_at))
    times = _between(schedule.timing, _begin(schedule), end)
    return list(
        takewhile(lambda planned: planned + jitter(schedule, planned) <= now, times) if schedule.jitter else times
    )


def next_fire(schedule: Schedule, now: datetime | None = None) -> datetime | None:
    """Return the first planned time after the cursor, and after *now* if given, that is going to fire."""
    after = schedule if now is None else replace(schedule, cursor=max(schedule.cursor, to_ms(now)))
    if after.ended:
        return None
    held = schedule.pause
    for planned in after.timing.times(_begin(after)):
        if _beyond(after, planned):
            return None
        if held and held.covers(to_ms(planned)):
            if held.until is None:
                return None
            return next_fire(replace(schedule, pause=None, cursor=max(schedule.cursor, held.until - 1)), now)
        if to_ms(planned) not in schedule.skips:
            return planned
    return None


def next_score(schedule: Schedule) -> float | None:
    """Return the timetable's score: when beat has to look at it next, jitter included, in seconds since the epoch."""
    if schedule.ended:
        return None
    planned = _after(schedule.timing, _begin(schedule))
    if planned is None or _beyond(schedule, planned):
        return None
    at = (planned + jitter(schedule, planned)).timestamp()
    held = schedule.pause
    if held is None or not held.covers(to_ms(planned)):
        return at
    return None if held.until is None else max(at, held.until / 1000)


def grace(schedule: Schedule) -> timedelta:
    """Return how late a planned time may fire and count as punctual."""
    return GRACE if schedule.grace is None else timedelta(seconds=schedule.grace)


def jitter(schedule: Schedule, planned: datetime) -> timedelta:
    """Return how long *planned* is put off: the same for the same schedule and time, from 0 to its jitter."""
    if not schedule.jitter:
        return timedelta(0)
    digest = hashlib.sha256(f"{schedule.name}@{planned.timestamp()}".encode()).digest()
    return timedelta(seconds=schedule.jitter * int.from_bytes(digest[:6]) / 2**48)


def stepped(schedule: Schedule, taken: Step, run: str | None) -> Schedule:
    """Return *schedule* after *taken*; *run* is the id of the run it fires, if it fires."""
    cursor = to_ms(taken.cursor)
    skips = tuple(planned for planned in schedule.skips if planned > cursor) if schedule.skips else ()
    if run is None:
        return moved(schedule, cursor=cursor, skips=skips)
    return moved(schedule, cursor=cursor, skips=skips, last_run=run, count=schedule.count + 1)


def spanned(times: Sequence[datetime], state: str, cause: str) -> list[Fire]:
    """Return one row for equal neighbours: from the first to the last of *times*, with their number."""
    if not times:
        return []
    return [Fire(planned=times[0], state=state, cause=cause, until=times[-1], count=len(times))]


def _held_back(schedule: Schedule, due: Sequence[datetime], why: str, now: datetime) -> Step | None:
    """Return the step past the first due times, which somebody wants left out; None while their pause goes on."""
    if schedule.paused(to_ms(now)) and to_ms(due[0]) not in schedule.skips:
        return None
    held = list(takewhile(lambda planned: _reason(schedule, planned) == why, due))
    if len(held) < MOST:
        return Step(fires=None, rows=spanned(held, "skipped", why), cursor=held[-1])
    end = now if schedule.pause is None or schedule.pause.until is None else from_ms(schedule.pause.until - 1)
    return _passed_over(schedule, held[0], min(now, end), "skipped", why)


def _reason(schedule: Schedule, planned: datetime) -> str:
    """Return why somebody wants *planned* left out, or ''."""
    ms = to_ms(planned)
    if schedule.pause and schedule.pause.covers(ms):
        return schedule.pause.cause
    return "asked" if ms in schedule.skips else ""


def _is_late(schedule: Schedule, planned: datetime, now: datetime, gap: Outage | None) -> bool:
    put_off = planned + jitter(schedule, planned)
    if schedule.grace is None and gap and gap.since < put_off <= gap.until:
        return True
    return now - put_off > grace(schedule)


def _late(
    schedule: Schedule, late: Sequence[datetime], rest: Sequence[datetime], now: datetime, gap: Outage | None
) -> Step | None:
    """Return what the catch-up policy makes of the *late* times, before the punctual *rest*; None fires the first."""
    many = len(late) == MOST and not schedule.skips  # there may be more of them: they are counted, not listed
    put_off = timedelta(seconds=schedule.jitter)
    if schedule.catch_up == "skip":
        why = str(gap) if gap else f"no scheduler fired it within {grace(schedule).total_seconds():g} s"
        end = now - put_off - (timedelta(0) if gap and schedule.grace is None else grace(schedule))
        if many:
            return _passed_over(schedule, late[0], max(end, late[-1]), "missed", why)
        return Step(fires=None, rows=spanned(late, "missed", why), cursor=late[-1])
    window = timedelta(seconds=schedule.catch_up_window)
    lost = [planned for planned in late if now - planned > window]
    if lost:
        why = f"outside the catch-up window of {schedule.catch_up_window:g} s" + (f": {gap}" if gap else "")
        if len(lost) == MOST and many:
            return _passed_over(schedule, lost[0], now - window - MS, "missed", why)
        return Step(fires=None, rows=spanned(lost, "missed", why), cursor=lost[-1])
    if schedule.catch_up == "all":
        return None
    if many:
        newest = schedule.timing.latest(late[-1] - MS, now - put_off) or late[-1]
        rows = _passed_over(schedule, late[0], newest - MS, "skipped", COALESCED).rows
        return _fire(schedule, newest, now, gap)._replace(rows=rows)
    if len(late) == MOST:
        return Step(fires=None, rows=spanned(late, "skipped", COALESCED), cursor=late[-1])
    *passed, newest = [*late, rest[0]] if rest else late
    return _fire(schedule, newest, now, gap)._replace(rows=spanned(passed, "skipped", COALESCED))


def _passed_over(schedule: Schedule, first: datetime, end: datetime, state: str, why: str) -> Step:
    """Return the step past all planned times from *first* to *end*, however many."""
    timing = schedule.timing
    last = timing.latest(first, end) or first
    row = Fire(planned=first, state=state, cause=why, until=last, count=timing.count_between(first - MS, last, ALL))
    return Step(fires=None, rows=[row], cursor=last)


def _fire(
    schedule: Schedule, planned: datetime, now: datetime, gap: Outage | None, *, overdue: datetime | None = None
) -> Step:
    behind = (now - planned).total_seconds() >= ON_TIME + schedule.jitter
    why = f"late: {gap}" if behind and gap and planned > gap.since else "late" if behind else "on time"
    return Step(fires=planned, rows=(), cursor=planned, cause=why, overdue=overdue)


@lru_cache(maxsize=4096)
def _between(timing: Trigger, begin: datetime, end: datetime) -> Sequence[datetime]:
    """Return planned times; many schedules fire at the same ones."""
    return tuple(timing.between(begin, end, MOST))


@lru_cache(maxsize=4096)
def _after(timing: Trigger, begin: datetime) -> datetime | None:
    return timing.after(begin)


def _begin(schedule: Schedule) -> datetime:
    return from_ms(max(schedule.cursor, (schedule.starts_at or 0) - 1))


def _beyond(schedule: Schedule, planned: datetime) -> bool:
    return schedule.ends_at is not None and to_ms(planned) > schedule.ends_at


def _seconds(moment: datetime) -> str:
    return rfc3339(moment.replace(microsecond=0))
