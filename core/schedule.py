"""What a schedule is: when, what, under which policies, and where it stands."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, Literal

from core.catalog import Declared
from core.clock import to_ms
from core.policies import POLICIES
from core.triggers import Trigger, from_json

WINDOW = 3600.0  # seconds back from now in which planned times are caught up
END = 253_370_764_800_000  # ms: the year 9999, the calendar's last one, in which no schedule stands
MOVING = ("cursor", "last_run", "count", "skips")  # what a fire changes; all else only people and deploys change


@dataclass(frozen=True, kw_only=True)
class Pause:
    """No planned time from *since* on fires, those before *until* (None: until it is resumed). ms since the epoch."""

    since: int
    until: int | None = None
    note: str = ""

    def covers(self, planned: int) -> bool:
        """Tell whether a planned time (ms) falls into it."""
        return self.since <= planned and (self.until is None or planned < self.until)

    @property
    def cause(self) -> str:
        """Why the planned times in it did not fire, as their rows say it."""
        return f"paused: {self.note}" if self.note else "paused"


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A schedule of ours: it runs *task* with *data* as its arguments, or emits an *event* with them.

    Times are ms since the epoch, spans seconds; *trigger* is its JSON form. *grace* is how late a planned time may
    fire and count as punctual. *pause_after* is the number of runs that die in a row until it pauses itself.
    *base* is the plan that code declared when it was last applied: what differs was changed by hand.

    *cursor* is the last planned time that is dealt with, or the moment from which times are planned. *last_run* is
    the run of its last fire, *count* the number of its fires, *skips* are planned times that somebody wants skipped.
    """

    name: str
    task: str = ""
    event: str = ""
    data: Mapping[str, Any] | None = None
    trigger: Mapping[str, Any]
    overlap: Literal["allow", "skip", "queue_one"] = "allow"
    catch_up: Literal["skip", "latest", "all"] = "latest"
    catch_up_window: float = WINDOW
    grace: float | None = None
    jitter: float = 0.0
    starts_at: int | None = None
    ends_at: int | None = None
    max_runs: int | None = None
    pause_after: int | None = None
    pause: Pause | None = None
    owner: str = "code"
    place: str = ""
    base: Mapping[str, Any] | None = None
    created: int
    cursor: int
    last_run: str | None = None
    count: int = 0
    skips: tuple[int, ...] = ()

    @cached_property
    def timing(self) -> Trigger:
        return _timing(tuple(self.trigger.items()))

    @property
    def target(self) -> str:
        """The task or event type that it is about."""
        return self.task or self.event

    @property
    def ended(self) -> bool:
        """Whether it has fired as often as it may."""
        return self.max_runs is not None and self.count >= self.max_runs

    def paused(self, now: int) -> bool:
        """Tell whether it is paused at *now* (ms)."""
        return self.pause is not None and self.pause.covers(now)

    @property
    def plan(self) -> dict[str, Any]:
        """What was declared or edited, as JSON values: without where the schedule stands, without defaults."""
        found = {name: getattr(self, name) for name in PLAN}
        found |= {"pause": self.pause and vars(self.pause)}
        return {name: value for name, value in found.items() if value != DEFAULTS.get(name, MISSING)}

    @property
    def declared(self) -> dict[str, Any]:
        """The part of the plan that code declares, and that a deploy compares."""
        return {name: value for name, value in self.plan.items() if name in DECLARED}

    @property
    def moving(self) -> str:
        """Where it stands, as JSON text."""
        last_run = f'"{self.last_run}"' if self.last_run else "null"
        return f'{{"cursor":{self.cursor},"last_run":{last_run},"count":{self.count},"skips":{list(self.skips)}}}'


MISSING = object()
PLAN = tuple(one.name for one in fields(Schedule) if one.name not in MOVING)
DEFAULTS = {one.name: one.default for one in fields(Schedule) if one.name in PLAN}
NEEDED = [name for name in PLAN if DEFAULTS[name] is dataclasses.MISSING]
KNOWN = frozenset(PLAN)
BLANK = {one.name: one.default for one in fields(Schedule)} | {"cursor": 0}
TIMING = ("trigger", "starts_at", "ends_at")
DECLARED = ("task", *TIMING, *POLICIES)


def from_plan(plan: Mapping[str, Any]) -> Schedule:
    """Return the schedule of a plan; where it stands has yet to be said. What this release does not know is left out.

    Raises:
        TypeError: it is no plan of a schedule.
    """
    if missing := [name for name in NEEDED if name not in plan]:
        raise TypeError(f"it has no {', '.join(missing)}")
    pause = plan.get("pause")
    found = object.__new__(Schedule)  # as in ``moved``
    found.__dict__.update(BLANK, **{name: value for name, value in plan.items() if name in KNOWN})
    found.__dict__["pause"] = Pause(**pause) if pause else None
    return found


def standing(schedule: Schedule, moving: Mapping[str, Any]) -> Schedule:
    """Return *schedule*, standing where *moving* says, which no MAC protects: fires change it.

    Raises:
        KeyError, TypeError, ValueError: no schedule can stand there.
    """
    cursor, last_run = moving["cursor"], moving.get("last_run")
    count, skips = moving.get("count", 0), tuple(moving.get("skips", ()))
    for number in (cursor, count, *skips):
        if type(number) is not int or not 0 <= number < END:
            raise ValueError("no schedule stands there")
    if last_run is not None and type(last_run) is not str:
        raise ValueError("no schedule stands there")
    return moved(schedule, cursor=cursor, last_run=last_run, count=count, skips=skips)


def moved(schedule: Schedule, **stands: Any) -> Schedule:
    """Return *schedule*, standing elsewhere: ``replace`` takes ten times as long, and beat does it for each fire."""
    found = object.__new__(Schedule)
    found.__dict__.update(schedule.__dict__, **stands)
    return found


def declared(declaration: Declared, now: int) -> Schedule:
    """Return what code declares as a schedule that begins at *now* (ms)."""
    schedule = Schedule(
        name=declaration.name,
        task=declaration.task,
        trigger=declaration.trigger,
        starts_at=_ms(declaration.starts_at),
        ends_at=_ms(declaration.ends_at),
        place=declaration.place,
        created=now,
        cursor=now,
        **declaration.policies,
    )
    return replace(schedule, base=schedule.declared)


def edited(schedule: Schedule, wanted: Schedule, now: int) -> Schedule:
    """Return *wanted* with the history of *schedule*; with another timing, times are planned anew from *now* (ms)."""
    kept = replace(wanted, created=schedule.created, last_run=schedule.last_run, count=schedule.count)
    if replanned(schedule, kept):
        return replace(kept, cursor=max(now, schedule.cursor), skips=())
    return replace(kept, cursor=schedule.cursor)


def replanned(before: Schedule, after: Schedule) -> bool:
    """Tell whether the planned times of *after* are others than those of *before*: its timing, or that it has ended."""
    return before.ended != after.ended or any(getattr(before, name) != getattr(after, name) for name in TIMING)


def resumed(schedule: Schedule, now: int) -> Schedule:
    """Return *schedule* with its pause, if it is paused, ended at *now* (ms)."""
    if schedule.pause is None or not schedule.paused(now):
        return schedule
    return replace(schedule, pause=replace(schedule.pause, until=now))


@lru_cache(maxsize=20_000)
def _timing(items: tuple[tuple[str, Any], ...]) -> Trigger:
    return from_json(dict(items))


def _ms(text: str | None) -> int | None:
    return None if text is None else to_ms(datetime.fromisoformat(text))
