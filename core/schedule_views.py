"""Schedules as the API, the pages and the command line show them."""

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from core.clock import from_ms, rfc3339, to_ms
from core.entries import Layout, load, names
from core.ledger.fires import last_fires
from core.ledger.firing import Fire, Stored
from core.ledger.flow import Flow
from core.planning import next_fire
from core.policies import POLICIES
from core.quarantine import Held, held
from core.schedule import Schedule
from core.scheduling import etag
from core.timetable import load_first
from core.triggers import Trigger

Json = dict[str, Any]
KINDS = ("cron", "every", "at", "rrule")
LAST = datetime.max.replace(tzinfo=UTC)
LATEST = LAST.timestamp() - 1
MOST_HELD = 100  # entries that are held and may stand before those that will fire


def schedule_views(layout: Layout, now: datetime, wanted: Sequence[str] | None = None) -> Flow[list[Json]]:
    """Return all schedules, or those *wanted* by name, with their last and next fire, by name.

    Among them are plain RedBeat entries that beat has met, and entries that are held, with the reason.
    """
    entries = yield from load(layout, (yield from names(layout)) if wanted is None else wanted)
    if not entries:
        return []
    known = [layout.name(entry.key) for entry in entries]
    lasts = yield from last_fires(layout.keys, known)
    reasons = yield from held(layout)
    [scores] = yield [("ZMSCORE", layout.timetable, *(entry.key for entry in entries))]
    return [
        _own(schedule, last, reasons.get(name), now)
        if (schedule := layout.read(entry))
        else _foreign(name, entry, last, reasons.get(name), None if score is None else float(score))
        for name, entry, last, score in zip(known, entries, lasts, scores, strict=True)
    ]


def schedule_view(layout: Layout, schedule: Schedule, now: datetime) -> Flow[Json]:
    """Return one schedule of ours as it is given, with the newest of its fires."""
    [last] = yield from last_fires(layout.keys, [schedule.name])
    reasons = yield from held(layout)
    return _own(schedule, last, reasons.get(schedule.name), now)


def next_fires(layout: Layout, limit: int, now: datetime) -> Flow[list[Json]]:
    """Return the next *limit* planned times after *now* of all schedules of ours: ``name`` and ``at``, soonest first.

    A schedule that fires often is in it often. What the timetable has first is enough to know them.
    """
    reasons = yield from held(layout)
    entries = yield from load_first(layout, limit + min(len(reasons), MOST_HELD))
    found = [one for entry in entries if (one := layout.read(entry)) and one.name not in reasons]
    times = heapq.merge(*(_coming(schedule, now) for schedule in found))
    return [{"name": name, "at": rfc3339(planned)} for planned, name in islice(times, limit)]


def _coming(schedule: Schedule, now: datetime) -> Iterator[tuple[datetime, str]]:
    """Yield the planned times of *schedule* after *now* that are going to fire."""
    planned = next_fire(schedule, now)
    while planned is not None:
        yield planned, schedule.name
        schedule = replace(schedule, cursor=to_ms(planned), count=schedule.count + 1)
        planned = next_fire(schedule)


def _own(schedule: Schedule, last: Fire | None, reason: Held | None, now: datetime) -> Json:
    following = next_fire(schedule)
    trigger = schedule.trigger
    paused, pause = schedule.paused(to_ms(now)), schedule.pause
    target: Mapping[str, Any] = {"task": schedule.task} if schedule.task else {"event": schedule.event}
    return {
        "name": schedule.name,
        **target,
        **({} if schedule.data is None else {"data": schedule.data}),
        **{name: trigger[name] for name in KINDS if name in trigger},
        "timezone": trigger.get("timezone", "UTC"),
        **{name: getattr(schedule, name) for name in POLICIES},
        "starts_at": _text(schedule.starts_at),
        "ends_at": _text(schedule.ends_at),
        "enabled": not paused,
        "paused": paused,
        "pause": {"since": _text(pause.since), "until": _text(pause.until), "note": pause.note}
        if paused and pause
        else None,
        "skips": [_text(planned) for planned in schedule.skips],
        "owner": schedule.owner,
        "place": schedule.place,
        "description": schedule.timing.describe(),
        "created": _text(schedule.created),
        "count": schedule.count,
        "last": last and last.view(),
        "next": following and rfc3339(following),
        "held": reason and reason.reason,
        "held_since": reason and reason.since,
        "etag": etag(schedule),
    }


def preview(schedule: Schedule, after: datetime, count: int) -> Json:
    """Return the description and the next planned times strictly after *after*, with what clock changes do to them."""
    begin = after if schedule.starts_at is None else from_ms(max(to_ms(after), schedule.starts_at - 1))
    end = LAST if schedule.ends_at is None else from_ms(schedule.ends_at)
    timing = schedule.timing
    return {"description": timing.describe(), "times": _times(timing, timing.between(begin, end, count))}


def _times(timing: Trigger, times: Sequence[datetime]) -> list[Json]:
    zone = ZoneInfo(timing.to_json().get("timezone", "UTC"))
    found = []
    for planned in times:
        try:
            said, local = timing.note(planned), planned.astimezone(zone).isoformat()
        except OverflowError:  # the local calendar ends with the year 9999
            break
        found.append({"at": rfc3339(planned), "local": local} | ({"note": said} if said else {}))
    return found


def _foreign(name: str, stored: Stored, last: Fire | None, reason: Held | None, score: float | None) -> Json:
    """Return an entry that is not ours: RedBeat's own, or one that nobody can read."""
    said = _definition(stored)
    enabled = said.get("enabled") is not False
    looked_at = score if score is not None and enabled and reason is None else None
    return {
        "name": name,
        "task": said.get("task") if isinstance(said.get("task"), str) else None,
        "owner": "unknown" if stored.ours else "redbeat",
        "enabled": enabled,
        "paused": False,
        "last": last and last.view(),
        "next": rfc3339(datetime.fromtimestamp(looked_at, UTC)) if looked_at and 0 < looked_at < LATEST else None,
        "held": reason and reason.reason,
        "held_since": reason and reason.since,
    }


def _definition(stored: Stored) -> Mapping[str, Any]:
    """Return RedBeat's own field as plain JSON; {} where it is none."""
    try:
        found = json.loads(stored.definition)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(from_ms(ms))
