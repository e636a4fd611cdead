"""What the house can do: its tasks, event types, subscriptions and declared schedules."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from inspect import iscoroutinefunction
from typing import Any, Literal

from pydantic import BaseModel

from core.errors import InvalidEvent, UnknownEvent
from core.events import Event, matches, validated

BACKOFF = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 21600.0, 43200.0)  # seconds before attempt 2, 3, ...


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a task's runs are run. Seconds; *retries* counts failures that were raised; priority 9 goes first."""

    queue: str = "default"
    retries: int = len(BACKOFF)
    backoff: Sequence[float] = BACKOFF
    timeout: float | None = None
    priority: int = 5

    def delay(self, failures: int) -> float:
        """Return the seconds to wait after the given number of failures; the last entry repeats."""
        return self.backoff[min(failures, len(self.backoff)) - 1] if self.backoff else 0.0


@dataclass(frozen=True, kw_only=True)
class Task:
    """A function of the user's that runs as runs: a handler, a job or a plain task."""

    name: str
    function: Callable[..., Any]
    kind: Literal["handler", "job", "task"]
    options: Options = field(default_factory=Options)
    place: str = ""
    arguments: type[BaseModel] | None = None  # what a call takes, for tasks
    aliases: Sequence[str] = ()

    @cached_property
    def is_async(self) -> bool:
        """Whether the function is ``async def``, as far as one can see from outside."""
        return iscoroutinefunction(self.function)


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A schedule that code declares: *trigger* is its JSON form, e.g. ``{"every": 300.0}``.

    *policies* are those that differ from the defaults, e.g. ``{"overlap": "skip"}``.
    """

    name: str
    task: str
    trigger: dict[str, Any]
    policies: dict[str, Any]
    starts_at: str | None
    ends_at: str | None
    place: str


@dataclass(frozen=True)
class Catalog:
    """Everything the loader found."""

    tasks: Mapping[str, Task] = field(default_factory=dict)
    types: Mapping[str, type[Event]] = field(default_factory=dict)
    subscriptions: Sequence[tuple[type[Event] | str, Task]] = ()  # a class, type or pattern, and who answers
    schedules: Mapping[str, Declared] = field(default_factory=dict)
    blueprints: Sequence[Any] = ()
    setups: Sequence[Callable[..., Any]] = ()

    def task(self, name: str) -> Task | None:
        """Return the task of that name or alias."""
        found = self.tasks.get(name)
        if found is None:
            found = next((task for task in self.tasks.values() if name in task.aliases), None)
        return found

    def task_of(self, function: Callable[..., Any]) -> Task | None:
        """Return the plain task that *function* was declared as."""
        return next((t for t in self.tasks.values() if t.function is function and t.kind == "task"), None)

    @cached_property
    def digest(self) -> str:
        """What tells this set of tasks from another one: processes with the same can follow each other's hints."""
        return sha256("\n".join(sorted(self.tasks)).encode()).hexdigest()[:12]

    def queues(self) -> list[str]:
        """Return every queue that a task uses, the default one first."""
        return list(dict.fromkeys(["default", *(task.options.queue for task in self.tasks.values())]))

    def async_queues(self) -> list[str]:
        """Return the queues all of whose tasks are ``async def``."""
        sync = {task.options.queue for task in self.tasks.values() if not task.is_async}
        return [queue for queue in self.queues() if queue not in sync]

    def event(self, event_type: str, data: Any) -> Event:
        """Return *data* as an event of its type.

        Raises:
            UnknownEvent: no class declares the type and no pattern matches it; names the nearest ones.
            InvalidEvent: the data do not fit.
        """
        if cls := self.types.get(event_type):
            return validated(cls, data)
        if not any(isinstance(s, str) and matches(s, event_type) for s, _ in self.subscriptions):
            near = difflib.get_close_matches(event_type, self.types, n=3)
            hint = (
                f"Did you mean {' or '.join(near)}?"
                if near
                else "Known types: " + (", ".join(self.types) or "none yet")
            )
            raise UnknownEvent(f"No class declares the event type {event_type!r} and no pattern matches it. {hint}")
        if not isinstance(data, dict):
            raise InvalidEvent(
                f"The data of {event_type} must be a JSON object.",
                [{"pointer": "/data", "detail": "must be a JSON object"}],
            )
        return Event(type=event_type, data=data)

    def signed_event(self, event_type: str, data: dict[str, Any]) -> Event:
        """Return *data*, signed by their sender, as an event: typed where a class declares the type and they fit.

        It cannot fail: who signs is not asked to send it again, so it is recorded in any case.
        """
        cls = self.types.get(event_type)
        try:
            return validated(cls, data, lenient=True) if cls else Event(type=event_type, data=data)
        except InvalidEvent:
            return Event(type=event_type, data=data)
