"""The markers of the front door: they note on the function, they do not act."""

import datetime as dt
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict, TypeVar, Unpack

from core.errors import DeclarationError
from core.events import Event

F = TypeVar("F", bound=Callable[..., Any])
NOTES = "__carillon__"


class RunOptions(TypedDict, total=False):
    """How a run is run. ``backoff`` and ``timeout`` are seconds; ``retries`` counts failures that were raised."""

    queue: str
    retries: int
    backoff: float | Sequence[float]
    timeout: float | None
    priority: int
    name: str
    aliases: Sequence[str]


class ScheduleOptions(RunOptions, total=False):
    """When and under which policies a job fires. ``catch_up_window``, ``grace`` and ``jitter`` are seconds.

    ``pause_after`` is the number of runs that die in a row until the schedule pauses itself.
    """

    overlap: Literal["allow", "skip", "queue_one"]
    catch_up: Literal["skip", "latest", "all"]
    catch_up_window: float
    grace: float
    jitter: float
    max_runs: int
    pause_after: int
    starts_at: dt.datetime
    ends_at: dt.datetime


@dataclass(frozen=True)
class Note:
    """What one marker says of one function."""

    marker: Literal["on", "cron", "every", "at", "task"]
    arguments: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


def on(*types: type[Event] | str, **options: Unpack[RunOptions]) -> Callable[[F], F]:
    """Subscribe a function, sync or async, to event classes or patterns such as ``"github.*"``."""
    _refuse_bare("on", types[0] if types else None, "on(OrderPlaced) or @on('order.*')")
    return _noting(Note("on", {"types": types}, dict(options)))


def task(**options: Unpack[RunOptions]) -> Callable[[F], F]:
    """Let a function be called durably with ``enqueue``."""
    return _noting(Note("task", {}, dict(options)))


def cron(expression: str, *, timezone: str = "UTC", **options: Unpack[ScheduleOptions]) -> Callable[[F], F]:
    """Fire a function at the times of a cron expression of five fields, in an IANA time zone."""
    _refuse_bare("cron", expression, "cron('0 7 * * *')")
    return _noting(Note("cron", {"cron": expression, "timezone": timezone}, dict(options)))


def every(
    *,
    weeks: float = 0,
    days: float = 0,
    hours: float = 0,
    minutes: float = 0,
    seconds: float = 0,
    **options: Unpack[ScheduleOptions],
) -> Callable[[F], F]:
    """Fire a function at whole multiples of an interval, counted from ``starts_at`` or the Unix epoch."""
    interval = dt.timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    return _noting(Note("every", {"every": interval.total_seconds()}, dict(options)))


def at(moment: dt.datetime | str, *, timezone: str = "UTC", **options: Unpack[ScheduleOptions]) -> Callable[[F], F]:
    """Fire a function once, at a datetime or RFC 3339 text."""
    _refuse_bare("at", moment, "at('2026-11-22T09:00:00Z')")
    return _noting(Note("at", {"at": moment, "timezone": timezone}, dict(options)))


def notes(function: object) -> list[Note]:
    """Return what the markers noted on *function*, in the order they were applied."""
    found = getattr(function, NOTES, None)
    return found if isinstance(found, list) else []


def _refuse_bare(marker: str, given: object, usage: str) -> None:
    """Refuse ``@on`` without brackets: the function would be taken for what it subscribes to, and never run."""
    if inspect.isfunction(given):
        raise DeclarationError([f"{given.__module__}.{given.__qualname__}: @{marker} stands alone; write @{usage}."])


def _noting(note: Note) -> Callable[[F], F]:
    def mark(function: F) -> F:
        setattr(function, NOTES, [*notes(function), note])
        return function

    return mark
