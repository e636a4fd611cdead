"""The form of a schedule: its fields, what they show of one that is stored, and the members that they say."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.catalog import Catalog
from core.clock import rfc3339, to_ms
from core.dashboard.fields import TIME, local_text, local_time, span
from core.drafting import KINDS, OF_CODE
from core.errors import CoreError, InvalidEvent, UnknownEvent
from core.schedule import Schedule
from core.sending import SEND
from core.triggers import TriggerError
from core.triggers.zones import zone
from core.web import strict_json
from core.wording import parse, spelled

Texts = dict[str, str]
Errors = dict[str, str]
SPANS = ("every", "jitter", "catch_up_window", "grace")
NUMBERS = ("max_runs", "pause_after")
EDGES = ("starts_at", "ends_at")
TIMES = ("at", *EDGES)
CHOICES = ("overlap", "catch_up")
POLICIES = ("jitter", "max_runs", "pause_after", *CHOICES, "catch_up_window", "grace")
WHEN = (*KINDS, "timezone", "starts_at", "ends_at")  # what a preview looks at
FIELDS = ("name", "target", "data", "kind", *WHEN, *POLICIES)
LABELS = {
    "name": "Name",
    "target": "Task or event",
    "data": "Arguments, JSON",
    "kind": "Kind",
    "cron": "Cron expression",
    "every": "Every",
    "at": "At",
    "rrule": "Recurrence rule",
    "timezone": "Time zone",
    "starts_at": "Starts",
    "ends_at": "Ends, if ever",
    "jitter": "Jitter",
    "max_runs": "Most fires",
    "pause_after": "Pause itself after",
    "overlap": "Still running",
    "catch_up": "Time went by without beat",
    "catch_up_window": "But not later than",
    "grace": "Punctual up to",
}


def blank(timezone: str) -> Texts:
    """Return what the form of a new schedule shows."""
    return dict.fromkeys(FIELDS, "") | {"kind": "cron", "timezone": timezone, "catch_up": "latest"}


def stored(schedule: Schedule) -> Texts:
    """Return what the form shows of *schedule*."""
    trigger, timezone = schedule.trigger, schedule.trigger.get("timezone", "UTC")
    kind = next(name for name in KINDS if name in trigger)
    texts = blank(timezone) | {"name": schedule.name, "target": schedule.target, "kind": kind}
    texts["data"] = json.dumps(schedule.data, ensure_ascii=False, indent=2) if schedule.data else ""
    texts[kind] = _trigger_text(kind, trigger[kind], timezone)
    for name in ("starts_at", "ends_at"):
        if (moment := getattr(schedule, name)) is not None:
            texts[name] = local_text(moment, timezone)
    for name in POLICIES:
        value = getattr(schedule, name)
        texts[name] = "" if value is None else spelled(value) if name in SPANS else str(value)
    return texts


def given(form: Mapping[str, str], before: Texts) -> Texts:
    """Return what somebody has written; a field that was not sent is as it was."""
    return {name: form.get(name, before[name]).strip().replace("\r\n", "\n") for name in FIELDS}


def members(texts: Texts, before: Texts | None, catalog: Catalog) -> tuple[dict[str, Any], Errors]:
    """Return the members of a schedule that *texts* say, as the API takes them, and what is wrong with which field.

    With *before* only what differs from it: what is left alone stays what it is, to the millisecond.
    """
    kind = texts["kind"] if texts["kind"] in KINDS else KINDS[0]
    said, errors = dict[str, Any](), Errors()
    if not texts[kind]:
        errors[kind] = f"A schedule of the kind {kind} wants this field."
    for name in _differing(texts, before, kind):
        if name in EDGES and not _is_zone(texts["timezone"]):
            continue  # on whose clocks is not known: the time zone is what is wrong
        try:
            said[name] = _read(name, texts)
        except (CoreError, ValueError) as error:
            errors[name] = str(error)
    if before is None or texts["target"] != before["target"]:
        said |= target(texts["target"], catalog)
    return said | ({"name": texts["name"]} if before is None else {}), errors


def _is_zone(name: str) -> bool:
    try:
        zone(name or "UTC")
    except TriggerError:
        return False
    return True


def _differing(texts: Texts, before: Texts | None, kind: str) -> list[str]:
    """Return the fields that say something else than *before*; times do on the clocks of another zone."""
    fields = [kind, "data", *(name for name in WHEN if name not in KINDS), *POLICIES]
    if before is None:
        return fields
    moved = TIMES if texts["timezone"] != before["timezone"] else ()
    other = (kind,) if kind != before["kind"] else ()
    return [name for name in fields if texts[name] != before[name] or name in (*moved, *other)]


def timing(texts: Texts) -> tuple[dict[str, Any], Errors]:
    """Return the members that a preview of *texts* looks at, and what is wrong with which field."""
    said, errors = members(texts, None, Catalog())
    wanted = {name: value for name, value in said.items() if name in WHEN and value is not None}
    return wanted, {name: text for name, text in errors.items() if name in WHEN}


def target(name: str, catalog: Catalog) -> dict[str, Any]:
    """Return *name* as a task or as an event; a task that has the same name comes first."""
    task = {"task": name, "event": None}
    if catalog.task(name):
        return task
    try:
        catalog.event(name, {})
    except UnknownEvent:
        return task
    except InvalidEvent:
        pass
    return {"event": name, "task": None}


def targets(catalog: Catalog) -> list[str]:
    """Return the tasks and events that a schedule may name."""
    tasks = [one.name for one in catalog.tasks.values() if one.kind != "handler" and one.name != SEND]
    return sorted({*tasks, *catalog.types})


def differences(stored: Texts, texts: Texts) -> list[tuple[str, str, str]]:
    """Return the label of each field that says something else than what is stored now, both values, stored first."""
    return [(LABELS[name], stored[name], texts[name]) for name in FIELDS if stored[name] != texts[name]]


def by_field(errors: Sequence[Mapping[str, str]]) -> Errors:
    """Return what is wrong with which field, from errors that point at members."""
    found = Errors()
    for error in errors:
        member, _, rest = error["pointer"].lstrip("/").partition("/")
        field = {"task": "target", "event": "target"}.get(member, member)
        detail = f"{rest}: {error['detail']}" if rest else error["detail"]
        found[field] = f"{found[field]} {detail}" if field in found else detail
    return found


def locked(schedule: Schedule | None) -> tuple[str, ...]:
    """Return the fields that cannot be changed: a name never, of one that code declares all but its timing."""
    if schedule is None:
        return ()
    if schedule.owner != "code":
        return ("name",)
    return tuple(name for name in FIELDS if name not in (*OF_CODE, "kind"))


def _trigger_text(kind: str, value: Any, timezone: str) -> str:
    if kind == "every":
        return spelled(value)
    if kind == "at":
        moment = parse(value)
        return local_text(to_ms(moment), timezone) if moment else str(value)
    return str(value)


def _read(name: str, texts: Texts) -> Any:
    """Return the value of the field *name*; None for an empty one."""
    text = texts[name]
    if not text:
        return None
    if name in SPANS:
        return span(text)
    if name == "at":
        return _moment(text).isoformat()  # a time without a zone stays one: the preview says what its clocks do to it
    if name in EDGES:
        return rfc3339(local_time(text, texts["timezone"] or "UTC", name))
    if name in NUMBERS:
        return _whole(text)
    return strict_json.parse(text.encode("utf-8", "replace")) if name == "data" else text


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"Found {text[:60]!r}; {TIME}.") from None


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 16):
        raise ValueError(f"Found {text[:40]!r}; wanted a whole number from 1 on.")
    return int(text)
