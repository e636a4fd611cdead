"""What a schedule does when it fires: the task or event that a draft names, and whether its data fit."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from core.catalog import Catalog, Task
from core.errors import CoreError, EmitError, InvalidEvent
from core.events import TYPE, pointer, recordable
from core.sending import SEND

TARGET = ("task", "event", "data")
MOST_DATA = 256 * 1024  # bytes of data as JSON, as in a request

Errors = list[dict[str, str]]


class InvalidSchedule(CoreError):
    """The schedule cannot work.

    ``errors`` is a list of ``{"pointer": "/cron", "detail": "..."}``, pointers as in RFC 6901.
    """

    def __init__(self, errors: Errors) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{error['pointer'].lstrip('/')}: {error['detail']}" for error in errors[:5]))


class UnknownScheduleTarget(InvalidSchedule):
    """There is no such task or event."""


class Refusals:
    """Gathers what is wrong with one draft, by member."""

    def __init__(self) -> None:
        self.errors: Errors = []
        self._unknown = 0

    def add(self, path: str | Sequence[object], detail: str) -> None:
        """Note what is wrong with a member, or with the place in it that *path* leads to."""
        parts = (path,) if isinstance(path, str) else path
        self.errors.append({"pointer": pointer(*parts), "detail": detail})

    def unknown(self, member: str, detail: str) -> None:
        """Note that *member* names a task or event that there is not."""
        self._unknown += 1
        self.add(member, detail)

    def done(self) -> None:
        """Refuse the draft where anything was noted.

        Raises:
            UnknownScheduleTarget: all that is wrong is that its task or event is not known.
            InvalidSchedule: with every reason.
        """
        if self.errors:
            raise (UnknownScheduleTarget if self._unknown == len(self.errors) else InvalidSchedule)(self.errors)


def target_of(
    members: Mapping[str, Any], catalog: Catalog, refusals: Refusals
) -> tuple[str, str, Mapping[str, Any] | None]:
    """Return task, event and data; one of the first two is named."""
    task, event, data = (members.get(name) for name in TARGET)
    if (task is None) == (event is None):
        refusals.add("task" if task is None else "event", "name either a task or an event, not both and not none")
    elif data is not None and not isinstance(data, dict):
        refusals.add("data", "must be an object")
    elif event is not None:
        return "", str(event), _bounded(_event_data(event, data or {}, catalog, refusals), refusals)
    elif found := _task(task, catalog, refusals):
        return found.name, "", _bounded(_arguments(found, data or {}, refusals), refusals)
    return "", "", None


def _event_data(event: Any, data: dict[str, Any], catalog: Catalog, refusals: Refusals) -> dict[str, Any] | None:
    if not (isinstance(event, str) and TYPE.fullmatch(event)):
        refusals.add("event", "must be an event type such as order.placed")
        return None
    try:
        return recordable(event, catalog.event(event, data))
    except InvalidEvent as error:
        refusals.errors += error.errors or [{"pointer": "/data", "detail": str(error)}]
    except EmitError as error:
        refusals.unknown("event", str(error))
    return None


def _task(name: Any, catalog: Catalog, refusals: Refusals) -> Task | None:
    found = catalog.task(name) if isinstance(name, str) else None
    if found and found.kind != "handler" and found.name != SEND:
        return found
    known = [one.name for one in catalog.tasks.values() if one.kind != "handler" and one.name != SEND]
    handler = found and found.kind == "handler"
    why = "is a handler: schedule the event that it answers" if handler else "no job or task has this name"
    refusals.unknown("task", f"{why}; known: {', '.join(known[:20]) or 'none'}")
    return None


def _arguments(task: Task, data: dict[str, Any], refusals: Refusals) -> dict[str, Any] | None:
    if task.arguments is None:
        if data:
            refusals.add("data", f"{task.name} is a job: it takes no arguments")
        return None
    try:
        return recordable(task.name, task.arguments(**data))
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False, include_input=False):
            refusals.add(("data", *problem["loc"]), problem["msg"])
    except InvalidEvent as error:
        refusals.errors += error.errors
    return None


def _bounded(data: dict[str, Any] | None, refusals: Refusals) -> dict[str, Any] | None:
    size = len(json.dumps(data, ensure_ascii=False).encode()) if data else 0
    if size > MOST_DATA:
        refusals.add("data", f"has {size:,} bytes as JSON; wanted at most {MOST_DATA:,}")
    return data
