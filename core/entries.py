"""Schedules as RedBeat keeps them: its two fields stay exactly its own, ours is a third.

``redbeat:<name>`` is a hash. ``definition`` and ``meta`` are RedBeat's; ``carillon`` holds what RedBeat cannot
say: owner, trigger, policies, where the schedule stands. ``redbeat::schedule`` orders the keys by next fire.
"""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from celery.schedules import ParseException, crontab
from redbeat.decoder import RedBeatJSONDecoder, RedBeatJSONEncoder

from core.causes import Keyring
from core.clock import from_ms
from core.ledger.firing import Stored
from core.ledger.flow import Flow, Script
from core.ledger.keys import Keys
from core.schedule import MOVING, Pause, Schedule, from_plan, standing
from core.triggers import Cron, Every
from core.triggers.fields import read

FIRE = "carillon.fire"
FORM = b"2"  # of our field: form and MAC, the plan, where it stands; a line each
MOST_KNOWN = 20_000  # plans that are kept in memory, some 2 KB each


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where RedBeat keeps its things, and the keys and signing keys that we use beside them."""

    prefix: str
    keys: Keys
    keyring: Keyring
    _known: OrderedDict[bytes, Schedule] = field(default_factory=OrderedDict, repr=False, compare=False)

    @property
    def timetable(self) -> str:
        return f"{self.prefix}:schedule"

    @property
    def lock(self) -> str:
        """RedBeat's own lock."""
        return f"{self.prefix}:lock"

    def key(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def name(self, key: str) -> str:
        return key.removeprefix(self.prefix)

    def ours(self, schedule: Schedule) -> str:
        """Return our field: a MAC over the plan, the plan, where the schedule stands."""
        plan = _compact(schedule.plan)
        return f"{FORM.decode()} {self.keyring.mac(plan.encode())}\n{plan}\n{schedule.moving}"

    def moved(self, ours: bytes, schedule: Schedule) -> str:
        """Return our field after a fire: *ours* with the place where *schedule* stands now."""
        head, plan, _ = ours.split(b"\n", 2)
        return f"{head.decode()}\n{plan.decode()}\n{schedule.moving}"

    def read(self, stored: Stored) -> Schedule | None:
        """Return the schedule of an entry, or None where it is plain RedBeat's, broken, or not sealed by us.

        One that was copied to another name is not sealed for that.
        """
        try:
            if stored.ours[:1] == b"{":
                found = self._read_old(stored.ours)
            else:
                sealed, moving = stored.ours.rsplit(b"\n", 1)
                found = standing(self._known.get(sealed) or self._opened(sealed), json.loads(moving.decode()))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        return found if found and self.key(found.name) == stored.key else None

    def _opened(self, sealed: bytes) -> Schedule:
        head, plan = sealed.split(b"\n")
        form, mac = head.split(b" ", 1)
        if form != FORM or not self.keyring.fits(plan, mac.decode()):
            raise ValueError("not sealed by us")
        schedule = from_plan(json.loads(plan.decode()))
        if len(self._known) >= MOST_KNOWN:
            self._known.popitem(last=False)
        self._known[sealed] = schedule
        return schedule

    def _read_old(self, ours: bytes) -> Schedule | None:
        """Return a schedule as the first releases wrote it: one JSON object with its MAC in it."""
        found = json.loads(ours)
        _, mac = found.pop("v"), found.pop("mac")
        moving = {name: found.pop(name) for name in ("created", *MOVING) if name in found}
        if not self.keyring.fits(_compact(found).encode(), mac):
            return None
        pause = None if found.pop("enabled") else vars(Pause(since=moving["cursor"]))
        plan = {name: value for name, value in found.items() if value is not None}
        return standing(from_plan({**plan, "pause": pause, "created": moving.pop("created")}), moving)


def load(layout: Layout, wanted: Sequence[str]) -> Flow[list[Stored]]:
    """Return the entries of *wanted*, by name, that exist. Names that begin with a colon are RedBeat's own keys."""
    return (yield from load_keys([layout.key(name) for name in wanted if not name.startswith(":")]))


def load_keys(keys: Sequence[str]) -> Flow[list[Stored]]:
    """Return the entries at *keys* that exist."""
    if not keys:
        return []
    [answers] = yield [Script("entries", keys, [])]
    return [Stored(key, *fields) for key, fields in zip(keys, answers, strict=True) if fields]


def names(layout: Layout) -> Flow[list[str]]:
    """Return the names of all schedules of ours, those that cannot be read included."""
    [found] = yield [("ZRANGE", layout.keys.schedules, 0, -1)]
    return [name.decode() for name in found]


def name_page(layout: Layout, after: str, limit: int) -> Flow[list[str]]:
    """Return *limit* names of schedules that come after the name *after*; '' begins at the first."""
    begin = f"({after}" if after else "-"
    [found] = yield [("ZRANGE", layout.keys.schedules, begin, "+", "BYLEX", "LIMIT", 0, limit)]
    return [name.decode() for name in found]


def load_all(layout: Layout) -> Flow[list[Schedule]]:
    """Return all schedules of ours, by name."""
    entries = yield from load(layout, (yield from names(layout)))
    return [schedule for entry in entries if (schedule := layout.read(entry))]


def load_one(layout: Layout, name: str) -> Flow[Schedule | None]:
    """Return the schedule of ours called *name*, or None."""
    entries = yield from load(layout, [name])
    return layout.read(entries[0]) if entries else None


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
            "enabled": schedule.pause is None and expressed is not None,
        },
        cls=RedBeatJSONEncoder,
    )


def meta(schedule: Schedule) -> str:
    """Return RedBeat's own ``meta``, as its encoder writes it, which takes ten times as long."""
    last = _redbeat_time(from_ms(schedule.cursor)) if schedule.count else "null"
    return f'{{"last_run_at": {last}, "total_run_count": {schedule.count}}}'


def decoded(field: bytes) -> Mapping[str, Any]:
    """Return one of RedBeat's fields as RedBeat reads it.

    Raises:
        ValueError: it is not RedBeat's JSON.
    """
    found: Mapping[str, Any] = json.loads(field, cls=RedBeatJSONDecoder)
    return found


def expressible(schedule: Schedule) -> bool:
    """Tell whether plain RedBeat can fire *schedule* at its planned times."""
    return _redbeat_schedule(schedule) is not None


def _redbeat_schedule(schedule: Schedule) -> dict[str, Any] | None:
    timing = schedule.timing
    if isinstance(timing, Every) and timing.starts_at is None:
        return {"__type__": "interval", "every": timing.seconds, "relative": False}
    if isinstance(timing, Cron) and timing.timezone == "UTC" and not _either_day(timing.expression):
        try:
            encoded = RedBeatJSONEncoder().default(crontab.from_string(timing.expression))
        except (ParseException, ValueError):
            return None
        return dict(encoded)
    return None


def _either_day(expression: str) -> bool:
    """Tell whether a day has to fit day-of-month or day-of-week, where Celery's crontab wants both to fit."""
    return read(expression).either


def _redbeat_time(at: datetime) -> str:
    day = f'"year": {at.year}, "month": {at.month}, "day": {at.day}, "hour": {at.hour}, "minute": {at.minute}'
    seconds = f'"second": {at.second}, "microsecond": {at.microsecond}, "timezone": "UTC"'
    return f'{{"__type__": "datetime", {day}, {seconds}}}'


def _compact(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
