"""Schedules as RedBeat keeps them: its two fields stay exactly its own, ours is a third.

``redbeat:<name>`` is a hash. ``definition`` and ``meta`` are RedBeat's; ``carillon`` holds what RedBeat cannot
say: owner, trigger, policies, where the schedule stands. ``redbeat::schedule`` orders the keys by next fire.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from celery.schedules import ParseException, crontab
from redbeat.decoder import RedBeatJSONDecoder, RedBeatJSONEncoder

from core.catalog import Declared
from core.causes import Keyring
from core.clock import from_ms, to_ms
from core.ledger.firing import Stored
from core.ledger.flow import Flow
from core.ledger.keys import Keys
from core.triggers import Cron, Every, Trigger, from_json

FIRE = "carillon.fire"


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A schedule of ours. Times are ms since the epoch; *trigger* is its JSON form.

    *cursor* is the last planned time that is dealt with, or the moment the schedule began. *last_run* is the run
    of its last fire, *count* the number of its fires.
    """

    name: str
    task: str
    trigger: dict[str, Any]
    overlap: str = "allow"
    catch_up: str = "latest"
    jitter: float = 0.0
    starts_at: int | None = None
    ends_at: int | None = None
    enabled: bool = True
    owner: str = "code"
    place: str = ""
    created: int
    cursor: int
    last_run: str | None = None
    count: int = 0

    @property
    def timing(self) -> Trigger:
        return from_json(self.trigger)

    @property
    def plan(self) -> dict[str, Any]:
        """What was declared or edited, without where the schedule stands."""
        return {name: value for name, value in asdict(self).items() if name not in MOVING}


MOVING = ("created", "cursor", "last_run", "count")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where RedBeat keeps its things, and the keys and signing keys that we use beside them."""

    prefix: str
    keys: Keys
    keyring: Keyring

    @property
    def timetable(self) -> str:
        return f"{self.prefix}:schedule"

    def key(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def ours(self, schedule: Schedule) -> str:
        """Return our field: the schedule, with a MAC over what it does."""
        mac = self.keyring.mac(_canonical(schedule))
        return json.dumps({"v": 1, "mac": mac, **asdict(schedule)}, separators=(",", ":"))

    def read(self, stored: Stored) -> Schedule | None:
        """Return the schedule of an entry, or None where it is plain RedBeat's, broken, or not sealed by us."""
        try:
            found = json.loads(stored.ours)
            known = {field.name for field in fields(Schedule)}
            schedule = Schedule(**{name: value for name, value in found.items() if name in known})
            return schedule if self.keyring.fits(_canonical(schedule), found["mac"]) else None
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


def declared(declaration: Declared, now: int) -> Schedule:
    """Return what code declares as a schedule that begins at *now* (ms)."""
    return Schedule(
        name=declaration.name,
        task=declaration.task,
        trigger=declaration.trigger,
        overlap=declaration.overlap,
        catch_up=declaration.catch_up,
        jitter=declaration.jitter,
        starts_at=_ms(declaration.starts_at),
        ends_at=_ms(declaration.ends_at),
        place=declaration.place,
        created=now,
        cursor=now,
    )


def load(layout: Layout, wanted: Sequence[str]) -> Flow[list[Stored]]:
    """Return the entries of *wanted*, by name, that exist."""
    if not wanted:
        return []
    keys = [layout.key(name) for name in wanted]
    answers = yield [("HMGET", key, "definition", "meta", "carillon") for key in keys]
    return [
        Stored(key, *(value or b"" for value in answer))
        for key, answer in zip(keys, answers, strict=True)
        if any(answer)
    ]


def load_due(layout: Layout, now: float, limit: int) -> Flow[list[Stored]]:
    """Return the entries whose next fire is due at *now*, in seconds since the epoch, the earliest first."""
    [found] = yield [("ZRANGE", layout.timetable, "-inf", now, "BYSCORE", "LIMIT", 0, limit)]
    return (yield from load(layout, [key.decode().removeprefix(layout.prefix) for key in found]))


def names(layout: Layout) -> Flow[list[str]]:
    """Return the names of all schedules of ours, those that cannot be read included."""
    [found] = yield [("ZRANGE", layout.keys.schedules, 0, -1)]
    return [name.decode() for name in found]


def load_all(layout: Layout) -> Flow[list[Schedule]]:
    """Return all schedules of ours, by name."""
    entries = yield from load(layout, (yield from names(layout)))
    return [schedule for entry in entries if (schedule := layout.read(entry))]


def load_one(layout: Layout, name: str) -> Flow[Schedule | None]:
    """Return the schedule of ours called *name*, or None."""
    entries = yield from load(layout, [name])
    return layout.read(entries[0]) if entries else None


def save(layout: Layout, schedule: Schedule, next_score: float | None) -> Flow[None]:
    """Write *schedule* and its place on the timetable."""
    key = layout.key(schedule.name)
    values = ("definition", definition(schedule), "meta", meta(schedule), "carillon", layout.ours(schedule))
    place = ("ZREM", layout.timetable, key) if next_score is None else ("ZADD", layout.timetable, repr(next_score), key)
    yield [("HSET", key, *values), ("ZADD", layout.keys.schedules, 0, schedule.name), place]


def remove(layout: Layout, name: str) -> Flow[None]:
    """Take a schedule out of the store; its fires and runs stay as long as their retention."""
    key = layout.key(name)
    yield [("ZREM", layout.timetable, key), ("DEL", key), ("ZREM", layout.keys.schedules, name)]


def definition(schedule: Schedule) -> str:
    """Return RedBeat's own ``definition``; what RedBeat cannot express is disabled for it."""
    expressed = _redbeat_schedule(schedule)
    return json.dumps(
        {
            "name": schedule.name,
            "task": FIRE,
            "args": [schedule.name],
            "kwargs": {},
            "options": {},
            "schedule": expressed or {"__type__": "interval", "every": 86400.0, "relative": False},
            "enabled": schedule.enabled and expressed is not None,
        },
        cls=RedBeatJSONEncoder,
    )


def meta(schedule: Schedule) -> str:
    """Return RedBeat's own ``meta``."""
    last = from_ms(schedule.cursor) if schedule.count else None
    return json.dumps({"last_run_at": last, "total_run_count": schedule.count}, cls=RedBeatJSONEncoder)


def decoded(field: bytes) -> Mapping[str, Any]:
    """Return one of RedBeat's fields as RedBeat reads it.

    Raises:
        ValueError: it is not RedBeat's JSON.
    """
    found: Mapping[str, Any] = json.loads(field, cls=RedBeatJSONDecoder)
    return found


def edited(schedule: Schedule, wanted: Schedule) -> Schedule:
    """Return *wanted* with the history of *schedule*: an edit starts counting planned times anew."""
    return replace(wanted, created=schedule.created, last_run=schedule.last_run, count=schedule.count)


def _redbeat_schedule(schedule: Schedule) -> dict[str, Any] | None:
    timing = schedule.timing
    if isinstance(timing, Every) and timing.starts_at is None:
        return {"__type__": "interval", "every": timing.seconds, "relative": False}
    if isinstance(timing, Cron) and timing.timezone == "UTC":
        try:
            encoded = RedBeatJSONEncoder().default(crontab.from_string(timing.expression))
        except (ParseException, ValueError):
            return None
        return dict(encoded)
    return None


def _canonical(schedule: Schedule) -> bytes:
    return json.dumps(schedule.plan, sort_keys=True, separators=(",", ":")).encode()


def _ms(text: str | None) -> int | None:
    return None if text is None else to_ms(datetime.fromisoformat(text))
