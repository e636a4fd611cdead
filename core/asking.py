"""Runs of a schedule that somebody asks for: one now, or those of a past range that did not fire."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.clock import from_ms, rfc3339, to_ms
from core.entries import Layout
from core.errors import CoreError, StateConflict
from core.ledger.fires import between
from core.ledger.firing import Fire
from core.ledger.flow import Flow
from core.ledger.packing import Wanted
from core.ledger.refilling import Refill, refill
from core.ledger.running import Hint
from core.moving import Mover, cause_of
from core.schedule import Schedule

MOST = 1000  # runs that one backfill may make
MS = timedelta(milliseconds=1)
FIRST = datetime.min.replace(tzinfo=UTC) + MS
AT_ONCE = 50  # planned times that one script makes up for


class InvalidRange(CoreError):
    """The range to backfill is none. ``errors`` points at its members."""

    def __init__(self, member: str, detail: str) -> None:
        self.errors = [{"pointer": f"/{member}", "detail": detail}]
        super().__init__(f"{member}: {detail}")


@dataclass(frozen=True)
class Made:
    """A run that was made because somebody asked: its id, its task, the planned time that it is for."""

    run: str
    task: str
    planned: datetime


def ask(layout: Layout, mover: Mover, schedule: Schedule, now: datetime) -> Flow[tuple[Wanted, list[Made]]]:
    """Accept a run of *schedule* at once; its planned times stay as they are.

    Raises:
        EmitError: it emits an event that code does not know any more; nothing was accepted.
    """
    wanted = mover.wanted(schedule, cause_of(schedule, now, f"#{secrets.token_hex(3)}"))
    row = Fire(planned=now, state="fired", cause="asked", late=0.0, run=_first(wanted))
    yield from refill(layout.keys, layout.keyring, schedule.name, [Refill(mover.with_hints(wanted), row)])
    return wanted, _made(wanted, now)


@dataclass(frozen=True)
class Backfill:
    """A past range, both ends included, to make up for. *force* makes those times, too, that did fire."""

    since: datetime
    until: datetime
    force: bool = False


def planned(schedule: Schedule, wanted: Backfill, now: datetime) -> list[datetime]:
    """Return the planned times of *schedule* in a past range that are dealt with: beat fires the others, or holds them.

    Raises:
        InvalidRange: it ends before it begins, or is not past, or has more than MOST planned times.
    """
    if wanted.until < wanted.since:
        raise InvalidRange("to", "lies before from")
    if wanted.until > now:
        raise InvalidRange("to", f"lies after now, {rfc3339(now)}: those times fire by themselves")
    until = min(wanted.until, from_ms(schedule.cursor))
    times = schedule.timing.between(max(wanted.since, FIRST) - MS, until, MOST + 1)
    if len(times) > MOST:
        raise InvalidRange(
            "to", f"takes in more than {MOST:,} planned times; backfill up to {rfc3339(times[-2])} first"
        )
    return times


def make_up(
    layout: Layout,
    mover: Mover,
    schedule: Schedule,
    times: Sequence[datetime],
    *,
    force: bool,
    publish: Callable[[Sequence[Hint]], None],
    went: Callable[[int], object] | None = None,
) -> Flow[list[Made]]:
    """Backfill *times*, however many, and publish the hints of each part; *went* hears how many times a part had.

    Raises:
        StateConflict: as ``backfill``; the parts before stay made.
    """
    made: list[Made] = []
    for start in range(0, len(times), AT_ONCE):
        part = times[start : start + AT_ONCE]
        accepted, new = yield from backfill(layout, mover, schedule, part, force=force)
        publish(mover.unsent(accepted))
        made += new
        if went:
            went(len(part))
    return made


def unfired(layout: Layout, schedule: Schedule, times: Sequence[datetime]) -> Flow[list[datetime]]:
    """Return those of *times* that did not fire."""
    fired = _fired((yield from between(layout.keys, schedule.name, times[0], times[-1]))) if times else set()
    return [moment for moment in times if to_ms(moment) not in fired]


def backfill(
    layout: Layout, mover: Mover, schedule: Schedule, times: Sequence[datetime], *, force: bool
) -> Flow[tuple[list[Wanted], list[Made]]]:
    """Accept runs for those of *times*, ``AT_ONCE`` at most, that did not fire; with *force* for all of them.

    Rows that said skipped or missed say fired afterwards.

    Raises:
        StateConflict: somebody else is making up for the same times.
    """
    if not times:
        return [], []
    rows = yield from between(layout.keys, schedule.name, times[0], times[-1])
    fired = _fired(rows)
    chosen = [moment for moment in times if force or to_ms(moment) not in fired]
    refills, accepted = list[Refill](), list[Wanted]()
    for moment in chosen:
        mark = f"#{secrets.token_hex(3)}" if to_ms(moment) in fired else ""
        wanted = mover.wanted(schedule, cause_of(schedule, moment, mark))
        row = Fire(planned=moment, state="fired", cause="backfilled", late=None, run=_first(wanted))
        refills.append(Refill(mover.with_hints(wanted), row))
        accepted.append(wanted)
    if not refills:
        return [], []
    old, new = _split(schedule, rows, {to_ms(moment) for moment in chosen})
    done = yield from refill(layout.keys, layout.keyring, schedule.name, refills, old, new)
    if done is None:
        raise StateConflict(f"Somebody else is making up for the same times of {schedule.name}. Try again.", "busy")
    kept = [(wanted, moment) for wanted, moment, is_new in zip(accepted, chosen, done, strict=True) if is_new]
    return [wanted for wanted, _ in kept], [one for wanted, moment in kept for one in _made(wanted, moment)]


def _fired(rows: Sequence[Fire]) -> set[int]:
    return {row.ms for row in rows if row.state == "fired" and row.cause != "asked"}


def _split(schedule: Schedule, rows: Sequence[Fire], chosen: set[int]) -> tuple[list[Fire], list[Fire]]:
    """Return the rows that no longer say the truth when *chosen* have fired, and those to put in their place.

    Rows of several times that an earlier timing planned are left alone: which times they mean is not known any more.
    """
    old, new = list[Fire](), list[Fire]()
    for row in rows:
        if row.state == "fired":
            continue
        times = [row.planned]
        if row.until:
            times = schedule.timing.between(row.planned - MS, row.until, row.count + 1)
            if len(times) != row.count or times[-1] != row.until:
                continue
        if not any(to_ms(moment) in chosen for moment in times):
            continue
        old.append(row)
        stretch: list[datetime] = []
        for moment in [*times, None]:
            if moment is not None and to_ms(moment) not in chosen:
                stretch.append(moment)
            elif stretch:
                new.append(
                    Fire(planned=stretch[0], state=row.state, cause=row.cause, until=stretch[-1], count=len(stretch))
                )
                stretch = []
    return old, new


def _first(wanted: Wanted) -> str | None:
    return f"{wanted.cause.ledger_id}.0" if wanted.requests else None


def _made(wanted: Wanted, moment: datetime) -> list[Made]:
    return [Made(f"{wanted.cause.ledger_id}.{n}", one.task, moment) for n, one in enumerate(wanted.requests)]
