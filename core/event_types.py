"""Event types: what each one looks like, who answers it, and how often it comes."""

import hashlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic.errors import PydanticInvalidForJsonSchema

from core import compact
from core.catalog import Catalog, Task
from core.clock import to_ms
from core.events import Event, matches
from core.ledger.flow import Command, Flow
from core.ledger.keys import Keys
from core.ledger.views import PLACES

HOUR = 3_600_000
HOURS = 24


@dataclass(frozen=True, kw_only=True)
class EventType:
    """A type that a class declares, or one or a pattern of them that only a handler names; ``cls`` is None then.

    ``tasks`` answer it. ``counted`` is the task that answers nothing else, for a pattern: its runs are its events.
    """

    name: str
    cls: type[Event] | None
    tasks: Sequence[Task]
    counted: Task | None = None

    @property
    def is_pattern(self) -> bool:
        return "*" in self.name

    @property
    def description(self) -> str:
        """The first line of what the class says of itself."""
        return ((self.cls and self.cls.__doc__) or "").strip().partition("\n")[0]

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON Schema of its data; None where no class declares it, or a field has none."""
        return _schema(self.cls) if self.cls else None

    @property
    def version(self) -> str | None:
        """What names the present schema: it changes whenever that does."""
        return hashlib.sha256(compact.ordered(self.schema).encode()).hexdigest()[:8] if self.schema else None

    @property
    def place(self) -> str | None:
        """Where the class is declared: ``handlers/orders.py:9``."""
        return _place(self.cls) if self.cls else None


def event_types(catalog: Catalog) -> list[EventType]:
    """Return all types and patterns that are known, those that classes declare first."""
    selectors = [selector for selector, _ in catalog.subscriptions if isinstance(selector, str)]
    return [_known(catalog, name) for name in dict.fromkeys([*catalog.types, *selectors])]


def view(kind: EventType, counts: Sequence[int] | None) -> dict[str, Any]:
    """Return *kind* as the API shows it; *counts* are those of its last 24 hours."""
    return {
        "type": kind.name,
        "version": kind.version,
        "description": kind.description or None,
        "schema": kind.schema,
        "handlers": [{"task": task.name, "queue": task.options.queue, "place": task.place} for task in kind.tasks],
        "place": kind.place,
        "last_hour": None if counts is None else counts[-1],
        "last_24h": None if counts is None else sum(counts),
    }


def hourly(keys: Keys, kinds: Sequence[EventType], now: datetime) -> Flow[list[list[int] | None]]:
    """Return for each of *kinds* how many came in each of the last 24 hours before *now*, the oldest first.

    None where that is not known without looking at each event: for a pattern whose handlers answer others, too.
    """
    first = to_ms(now) - HOURS * HOUR
    edges = [(first + n * HOUR) * PLACES for n in range(HOURS)]
    indexes = [_index(keys, kind) for kind in kinds]
    commands: list[Command] = [
        ("ZCOUNT", index, low + 1, "+inf" if low == edges[-1] else low + HOUR * PLACES)
        for index in indexes
        if index
        for low in edges
    ]
    answers = iter((yield commands) if commands else [])
    return [[int(next(answers)) for _ in range(HOURS)] if index else None for index in indexes]


def daily(keys: Keys, kinds: Sequence[EventType], now: datetime) -> Flow[list[int]]:
    """Return for each of *kinds* how many came in the last 24 hours before *now*; 0 where that is not known."""
    first = (to_ms(now) - HOURS * HOUR) * PLACES
    indexes = [_index(keys, kind) for kind in kinds]
    commands: list[Command] = [("ZCOUNT", index, first + 1, "+inf") for index in indexes if index]
    answers = iter((yield commands) if commands else [])
    return [int(next(answers)) if index else 0 for index in indexes]


def _known(catalog: Catalog, name: str) -> EventType:
    cls = catalog.types.get(name)
    tasks = {
        task.name: task
        for selector, task in catalog.subscriptions
        if (matches(selector, name) if isinstance(selector, str) else selector is cls)
    }
    alone = [task for task in tasks.values() if [one.name for _, one in catalog.subscriptions].count(task.name) == 1]
    counted = alone[0] if "*" in name and alone else None
    return EventType(name=name, cls=cls, tasks=list(tasks.values()), counted=counted)


def _index(keys: Keys, kind: EventType) -> str | None:
    if not kind.is_pattern:
        return keys.type(kind.name)
    return keys.task(kind.counted.name) if kind.counted else None


@lru_cache(maxsize=256)
def _schema(cls: type[Event]) -> dict[str, Any] | None:
    try:
        return cls.model_json_schema()
    except PydanticInvalidForJsonSchema:
        return None


@lru_cache(maxsize=256)
def _place(cls: type[Event]) -> str:
    file = f"{'/'.join(cls.__module__.split('.'))}.py"
    try:
        return f"{file}:{inspect.getsourcelines(cls)[1]}"
    except (OSError, TypeError):  # made at run time
        return file
