"""What people do to schedules: make, change, pause, skip and remove them. Each change is one step, or none."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from core.clock import rfc3339, to_ms
from core.entries import Layout, definition, load, meta
from core.errors import AlreadyExists, NotFound, PreconditionFailed, StateConflict
from core.ledger.firing import Fire, Stored
from core.ledger.flow import Flow
from core.ledger.storing import GONE, Entry, store
from core.passing import passed
from core.planning import next_fire, next_score
from core.quarantine import release
from core.schedule import Pause, Schedule, edited, moved, replanned, resumed

ANY = "*"  # an ETag that fits whatever is there
NO_HASH = b"?"  # what entries.lua reads where a key holds something else
MOST_SKIPS = 1000  # planned times of one schedule that are to be skipped
TRIES = 10  # a schedule that fires each second changes each second, too
Change = Callable[[Schedule], Schedule]


def create(layout: Layout, schedule: Schedule) -> Flow[Schedule]:
    """Store a new schedule.

    Raises:
        AlreadyExists: there is one of this name.
    """
    nothing = Stored(layout.key(schedule.name), b"", b"", b"")
    there = yield from load(layout, [schedule.name])  # not always a hash, which is what can be compared
    if there or not (yield from put(layout, schedule, nothing)):
        raise AlreadyExists(f"There is a schedule {schedule.name!r} already. Change it, or choose another name.")
    return schedule


def change(
    layout: Layout, name: str, wanted: Change, now: datetime, etags: Collection[str] | None = None
) -> Flow[Schedule]:
    """Replace the schedule *name* by what *wanted* makes of it.

    Planned times that are due and were not fired yet stay due, but where its timing changes: they are skipped then.

    Raises:
        NotFound: there is no such schedule.
        StateConflict: it is none of this application's.
        PreconditionFailed: it bears none of *etags* any more.
    """
    for _ in range(TRIES):
        stored, schedule = yield from found(layout, name)
        _refuse_stale(schedule, etags)
        target = edited(schedule, wanted(schedule), to_ms(now))
        rows = _left_out(schedule, target, now)
        if rows:
            target = _past(target, now)
        if (yield from put(layout, target, stored, rows)):
            return target
    raise _busy(name)


def delete(layout: Layout, name: str, etags: Collection[str] | None = None) -> Flow[None]:
    """Take a schedule out of the store, or an entry that nobody can fire; its fires and runs stay.

    Raises:
        NotFound, PreconditionFailed: as ``change``.
        StateConflict: code declares it.
    """
    for _ in range(TRIES):
        entries = yield from load(layout, [name])
        if not entries:
            raise _unknown(name)
        schedule = layout.read(entries[0])
        if entries[0].definition == NO_HASH:
            raise StateConflict(
                f"{entries[0].key} holds no schedule, but something else. Delete it by hand.", "foreign"
            )
        if schedule:
            _refuse_stale(schedule, etags)
            if schedule.owner == "code":
                raise StateConflict(
                    f"{name} is declared by code at {schedule.place}. Pause it, or delete it there.", "code"
                )
        elif etags and ANY not in etags:
            raise PreconditionFailed(f"{name} has no ETag: it is no schedule of this application.")
        if (yield from remove(layout, name, entries[0])):
            return
    raise _busy(name)


def pause(layout: Layout, name: str, now: datetime, *, note: str = "", until: datetime | None = None) -> Flow[Schedule]:
    """Let no planned time from *now* on fire, *until* then or until it is resumed.

    Raises:
        NotFound: there is no such schedule.
    """
    end = None if until is None else to_ms(until)

    def paused(schedule: Schedule) -> Schedule:
        since = schedule.pause.since if schedule.pause and schedule.paused(to_ms(now)) else to_ms(now)
        return replace(schedule, pause=Pause(since=since, until=end, note=note))

    return (yield from change(layout, name, paused, now))


def resume(layout: Layout, name: str, now: datetime) -> Flow[Schedule]:
    """Let planned times from *now* on fire again; those in between are skipped.

    Raises:
        NotFound: there is no such schedule.
    """
    return (yield from change(layout, name, lambda schedule: resumed(schedule, to_ms(now)), now))


def skip(layout: Layout, name: str, now: datetime, planned: datetime | None = None) -> Flow[datetime]:
    """Let one planned time not fire: *planned*, or the next one. Returns it.

    Raises:
        NotFound: there is no such schedule.
        StateConflict: it is no planned time that is still to come, or too many are to be skipped already.
    """
    chosen: list[datetime] = []

    def skipping(schedule: Schedule) -> Schedule:
        moment = planned or next_fire(schedule, now)
        if moment is None or not _comes(schedule, moment, now):
            what = "has no planned time any more" if planned is None else f"is not planned at {rfc3339(planned)}"
            raise StateConflict(f"{name} {what}. Its preview shows its times.", "idle")
        if len(schedule.skips) >= MOST_SKIPS:
            raise StateConflict(f"{name} has {MOST_SKIPS:,} times to skip already. Pause it instead.", "full")
        chosen[:] = [moment]
        return replace(schedule, skips=tuple(sorted({*schedule.skips, to_ms(moment)})))

    yield from change(layout, name, skipping, now)
    return chosen[0]


def settle(layout: Layout, name: str, now: datetime) -> Flow[Schedule]:
    """Record the times that a pause has held back so far as skipped; returns the schedule.

    While beat leaves them to the end of the pause, nobody can make up for them.

    Raises:
        NotFound, StateConflict: as ``change``.
    """
    for _ in range(TRIES):
        stored, schedule = yield from found(layout, name)
        rows = passed(schedule, now) if schedule.pause and schedule.paused(to_ms(now)) else []
        if not rows or not (schedule.pause and schedule.pause.covers(rows[0].ms)):
            return schedule
        target = _past(schedule, now)
        if (yield from put(layout, target, stored, rows)):
            return target
    raise _busy(name)


def etag(schedule: Schedule) -> str:
    """Return what tells this version of a schedule from others; fires do not change it."""
    return sha256(json.dumps(schedule.plan, sort_keys=True).encode()).hexdigest()[:16]


def put(layout: Layout, schedule: Schedule, before: Stored, rows: Sequence[Fire] = ()) -> Flow[bool]:
    """Store *schedule* where *before* stands; returns False where it was changed meanwhile."""
    after = Entry(
        definition=definition(schedule), meta=meta(schedule), ours=layout.ours(schedule), score=next_score(schedule)
    )
    done = yield from store(layout.keys, schedule.name, layout.timetable, before, after, rows)
    if done and layout.read(before) is None:
        yield from release(layout, [schedule.name])
    return done


def remove(layout: Layout, name: str, before: Stored) -> Flow[bool]:
    """Take an entry out of the store; returns False where it was changed meanwhile."""
    done = yield from store(layout.keys, name, layout.timetable, before, GONE)
    if done:
        yield from release(layout, [name])
    return done


def found(layout: Layout, name: str) -> Flow[tuple[Stored, Schedule]]:
    """Return the entry and the schedule of that name.

    Raises:
        NotFound: there is none.
        StateConflict: it is none of this application's: RedBeat's own, or one that cannot be read.
    """
    entries = yield from load(layout, [name])
    if not entries:
        raise _unknown(name)
    schedule = layout.read(entries[0])
    if schedule is None:
        raise StateConflict(
            f"{name} is no schedule of this application: it is RedBeat's own, or held. It is shown, and left alone; "
            "it can be deleted.",
            "foreign",
        )
    return entries[0], schedule


def _refuse_stale(schedule: Schedule, wanted: Collection[str] | None) -> None:
    if wanted is not None and ANY not in wanted and etag(schedule) not in wanted:
        raise PreconditionFailed(f"{schedule.name} was changed since it was read. Read it again.")


def _left_out(before: Schedule, after: Schedule, now: datetime) -> list[Fire]:
    """Return rows for the times that were planned and will not fire any more: the edit came before."""
    if replanned(before, after):
        return passed(before, now, "edited before it fired")
    held = before.pause
    if held is None or after.pause is None or held.since == after.pause.since:
        return []
    rows = passed(before, now, "paused before it fired")
    return rows if any(held.covers(row.ms) for row in rows) else []


def _past(schedule: Schedule, now: datetime) -> Schedule:
    cursor = max(schedule.cursor, to_ms(now))
    return moved(schedule, cursor=cursor, skips=tuple(planned for planned in schedule.skips if planned > cursor))


def _comes(schedule: Schedule, moment: datetime, now: datetime) -> bool:
    """Tell whether *moment* is a planned time after *now* that is not dealt with."""
    ms = to_ms(moment)
    if moment <= now or ms <= schedule.cursor:
        return False
    return next_fire(replace(schedule, cursor=ms - 1, pause=None, skips=())) == moment


def _unknown(name: str) -> NotFound:
    return NotFound(f"There is no schedule {name!r}. GET /api/v1/schedules, or flask schedules list, shows them.")


def _busy(name: str) -> StateConflict:
    return StateConflict(f"{name} is being changed by others all the time. Try again.", "busy")
