"""From JSON members to a schedule that can work, or every reason why it cannot."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from core.catalog import Catalog
from core.clock import from_ms, rfc3339, to_ms
from core.planning import next_fire
from core.policies import POLICIES, SECONDS, policy_problems
from core.schedule import TIMING as TIMING_FIELDS
from core.schedule import Pause, Schedule, resumed
from core.targets import TARGET, Refusals, target_of
from core.targets import InvalidSchedule as InvalidSchedule
from core.targets import UnknownScheduleTarget as UnknownScheduleTarget
from core.triggers import TriggerError, from_json

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:/-]{0,127}")
BY_PATH = re.compile(r"/(fires|preview|\.{0,2})(?=/|$)")  # after it a URL would lead elsewhere
NOTE = 200  # characters of a pause's note
KINDS = ("cron", "every", "at", "rrule")
TIMING = (*KINDS, "timezone", "starts_at", "ends_at")
MEMBERS = ("name", *TARGET, *TIMING, *POLICIES, "enabled")
OF_CODE = (*TIMING, "enabled")  # what may be changed of a schedule that code declares
DEFAULTS = {name: Schedule.__dataclass_fields__[name].default for name in POLICIES}


def drafted(members: Mapping[str, Any], catalog: Catalog, now: int, *, owner: str) -> Schedule:
    """Return the schedule that *members* describe; it begins at *now* (ms). Members that are None are not there.

    Raises:
        InvalidSchedule: with every reason.
        UnknownScheduleTarget: code declares no such task or event.
    """
    refusals = Refusals()
    _only(members, refusals)
    name = members.get("name")
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        refusals.add("name", "must be 1 to 128 letters, digits and . _ - : / @, the first a letter, digit or _")
    elif BY_PATH.search(name):
        refusals.add("name", "must have no part between slashes that is empty, '.', '..', 'fires' or 'preview'")
    start = Schedule(name=str(name), trigger={}, owner=owner, created=now, cursor=now)
    return _filled(start, members, catalog, now, refusals)


def changed(schedule: Schedule, members: Mapping[str, Any], catalog: Catalog, now: int) -> Schedule:
    """Return *schedule* with *members* in place of its own (JSON Merge Patch, RFC 7396: null means the default).

    Raises:
        InvalidSchedule, UnknownScheduleTarget: as ``drafted``; also where code declares what is to be changed.
    """
    refusals = Refusals()
    _only(members, refusals)
    if members.get("name", schedule.name) != schedule.name:
        refusals.add("name", f"is {schedule.name} for good; make a new schedule instead")
    if schedule.owner == "code":
        for name in members:
            if name in MEMBERS and name not in (*OF_CODE, "name"):
                refusals.add(name, f"is declared by code at {schedule.place}; change it there")
        refusals.done()
    kinds = [name for name in KINDS if members.get(name) is not None]
    before = {name: value for name, value in members_of(schedule).items() if not (kinds and name in KINDS)}
    return _filled(schedule, before | dict(members), catalog, now, refusals)


def trial(members: Mapping[str, Any], now: int) -> Schedule:
    """Return a schedule that only has a timing, for looking at its planned times.

    Raises:
        InvalidSchedule: with every reason why it has none.
    """
    refusals = Refusals()
    _only(members, refusals)
    edges = _edges(members, refusals)
    trigger = _trigger(members, edges, refusals)
    refusals.done()
    found = Schedule(name="preview", trigger=trigger, created=now, cursor=now, **edges)
    if next_fire(replace(found, cursor=0)) is None:
        refusals.add(_kind(trigger), "never fires: it has no planned time within its start and end")
    refusals.done()
    return found


def pause_problems(note: Any, until: datetime | None, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield what of a pause cannot be, and why."""
    if not (isinstance(note, str) and len(note) <= NOTE):
        yield "note", f"must be text of at most {NOTE} characters"
    if until is not None and until <= now:
        yield "until", f"lies before now, {rfc3339(now)}"


def members_of(schedule: Schedule) -> dict[str, Any]:
    """Return what describes *schedule*, as the API takes it; members with their default are left out."""
    trigger = dict(schedule.trigger)
    found: dict[str, Any] = {"name": schedule.name, "task" if schedule.task else "event": schedule.target}
    found |= {"data": schedule.data} if schedule.data is not None else {}
    found |= {name: trigger[name] for name in KINDS if name in trigger}
    found |= {"timezone": trigger.get("timezone", "UTC")}
    found |= {
        name: rfc3339(from_ms(value))
        for name in ("starts_at", "ends_at")
        if (value := getattr(schedule, name)) is not None
    }
    found |= {name: value for name in POLICIES if (value := getattr(schedule, name)) != DEFAULTS[name]}
    return found | {"overlap": schedule.overlap}


def _filled(schedule: Schedule, given: Mapping[str, Any], catalog: Catalog, now: int, refusals: Refusals) -> Schedule:
    members = {name: value for name, value in given.items() if value is not None}
    edges = _edges(members, refusals)
    trigger = _trigger(members, edges, refusals)
    policies = _policies(members, refusals)
    pause = _pause(schedule, members, now, refusals)
    task, event, data = target_of(members, catalog, refusals)
    refusals.done()
    filled = replace(schedule, task=task, event=event, data=data, trigger=trigger, pause=pause, **edges, **policies)
    retimed = any(getattr(filled, name) != getattr(schedule, name) for name in TIMING_FIELDS)
    fresh = replace(filled, pause=None, cursor=max(now, filled.cursor), count=0, skips=())
    if retimed and next_fire(fresh) is None:
        refusals.add(_kind(trigger), "never fires: it has no planned time after now, within its start and end")
    refusals.done()
    return filled


def _trigger(members: Mapping[str, Any], edges: Mapping[str, int | None], refusals: Refusals) -> dict[str, Any]:
    """Return the trigger that *members* describe in its JSON form; {} where there is none that can work."""
    begin = edges["starts_at"]
    starts_at = None if begin is None else rfc3339(from_ms(begin))
    try:
        return from_json(
            {name: members.get(name) for name in (*KINDS, "timezone")} | {"starts_at": starts_at}
        ).to_json()
    except TriggerError as error:
        refusals.add(error.field, str(error))
        return {}


def _policies(members: Mapping[str, Any], refusals: Refusals) -> dict[str, Any]:
    given = {name: members[name] for name in POLICIES if name in members}
    for name, detail in policy_problems(given):
        refusals.add(name, f"Found {given[name]!r:.80}; it {detail}.")
    if members.get("event") is not None:
        if given.get("overlap", "allow") != "allow":
            refusals.add("overlap", "must be allow for an event: its handlers have runs of their own")
    elif members.get("every") is not None:
        given.setdefault("overlap", "skip")
    refused = {error["pointer"] for error in refusals.errors}
    return DEFAULTS | {
        name: float(value) if name in SECONDS and f"/{name}" not in refused else value for name, value in given.items()
    }


def _pause(schedule: Schedule, members: Mapping[str, Any], now: int, refusals: Refusals) -> Pause | None:
    enabled = members.get("enabled")
    if not (enabled is None or isinstance(enabled, bool)):
        refusals.add("enabled", "must be true or false")
    if enabled is False:
        return schedule.pause if schedule.paused(now) else Pause(since=now)
    return resumed(schedule, now).pause if enabled else schedule.pause


def _edges(members: Mapping[str, Any], refusals: Refusals) -> dict[str, Any]:
    return {name: _moment(name, members.get(name), refusals) for name in ("starts_at", "ends_at")}


def _moment(name: str, text: Any, refusals: Refusals) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
            return to_ms(moment.replace(microsecond=moment.microsecond // 1000 * 1000))
    except (TypeError, ValueError, OverflowError):
        pass
    refusals.add(name, f"Found {text!r:.60}; wanted RFC 3339 text with a time zone, e.g. 2027-03-28T09:00:00Z")
    return None


def _only(members: Mapping[str, Any], refusals: Refusals) -> None:
    for name in members:
        if name not in MEMBERS:
            refusals.add(str(name)[:80], f"is not known; known here: {', '.join(MEMBERS)}")


def _kind(trigger: Mapping[str, Any]) -> str:
    return next((name for name in KINDS if name in trigger), "cron")
