"""Saying what happened: emit, enqueue and their async forms."""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from os import urandom
from typing import Any

from flask import current_app, has_app_context
from pydantic import ValidationError

from core.bus import Bus, Receipt, request
from core.causes import CALLS, Cause
from core.clock import now, rfc3339, to_ms
from core.current import run_here
from core.errors import EmitError, InvalidEvent
from core.events import ID_TEXT, SOURCE_TEXT, SUBJECT_TEXT, TYPE, AnyEvent, Event, plain, pointer
from core.ledger.acceptance import Request

SOURCE = "/api"
LONGEST = timedelta(days=366)


def emit(
    event: Event,
    *,
    id: str | None = None,  # noqa: A002 - CloudEvents' word
    source: str = SOURCE,
    subject: str | None = None,
    delay: float | timedelta = 0,
    at: datetime | None = None,
) -> Receipt:
    """Say that *event* happened; returns when it and one run per subscribed handler are recorded.

    The same ``id`` from the same ``source`` is recorded once. ``delay`` (seconds) or ``at`` let its runs wait.

    Raises:
        EmitError: nothing was recorded; the subclass says why. On a thread whose event loop is running, always:
            there it is ``await emit_async(event)``.
    """
    refuse_loop("emit", "emit_async")
    bus = bus_here()
    cause, requests = _event_call(bus, event, id, source, subject, delay, at)
    return bus.emit(cause, requests)


async def emit_async(
    event: Event,
    *,
    id: str | None = None,  # noqa: A002 - CloudEvents' word
    source: str = SOURCE,
    subject: str | None = None,
    delay: float | timedelta = 0,
    at: datetime | None = None,
) -> Receipt:
    """Say that *event* happened, from async code; else as ``emit``."""
    bus = bus_here()
    cause, requests = _event_call(bus, event, id, source, subject, delay, at)
    return await bus.emit_async(cause, requests)


def enqueue(
    function: Callable[..., Any], /, *, delay: float | timedelta = 0, at: datetime | None = None, **arguments: Any
) -> Receipt:
    """Have a function marked with ``@task`` called once with *arguments*; returns when that is recorded.

    Raises:
        EmitError: nothing was recorded: the function is not a task, or the arguments do not fit it.
    """
    refuse_loop("enqueue", "enqueue_async")
    bus = bus_here()
    return bus.emit(*_call(bus, function, delay, at, arguments))


async def enqueue_async(
    function: Callable[..., Any], /, *, delay: float | timedelta = 0, at: datetime | None = None, **arguments: Any
) -> Receipt:
    """Have a function called once with *arguments*, from async code; else as ``enqueue``."""
    bus = bus_here()
    return await bus.emit_async(*_call(bus, function, delay, at, arguments))


def bus_here() -> Bus:
    """Return the bus of the current application."""
    house = current_app.extensions.get("carillon") if has_app_context() else None
    if house is None:
        raise EmitError(
            "There is no application here. Handlers, jobs, views and `flask shell` have one; elsewhere write: "
            "with create_app().app_context(): ..."
        )
    bus: Bus = house.bus
    return bus


def refuse_loop(sync: str, other: str) -> None:
    """Refuse to wait on a thread whose event loop is running."""
    if asyncio._get_running_loop():  # noqa: SLF001 - the public one raises where there is none, which is the rule here
        raise EmitError(f"{sync}() would block the event loop that runs on this thread. Write: await {other}(...)")


def _event_call(
    bus: Bus,
    event: Event,
    ident: str | None,
    source: str,
    subject: str | None,
    delay: float | timedelta,
    at: datetime | None,
) -> tuple[Cause, list[Request]]:
    wait, moment = waiting(delay, at)
    event, cause = event_cause(bus, event, ident, source, subject)
    return cause, bus.gather(event, delay=wait, at=moment)


def event_cause(bus: Bus, event: Event, ident: str | None, source: str, subject: str | None) -> tuple[Event, Cause]:
    """Return *event* as its type has it, and what is to be recorded of it."""
    if not isinstance(event, Event):
        raise InvalidEvent(f"emit takes an event, not {type(event).__name__}. Write: emit(OrderPlaced(...))")
    if isinstance(event, AnyEvent):
        event = bus.catalog.event(event.type, event.data)
    if not event.type:
        raise InvalidEvent(f"{type(event).__qualname__} has no type. Write: class X(Event, type='order.placed')")
    kind = event.type
    cause = Cause(
        kind="event",
        id=urandom(16).hex() if ident is None else ident,
        type=kind,
        source=source,
        subject=subject,
        time=rfc3339(now()),
        data=plain(kind, event),
        parent=run_here(),
    )
    _check_envelope(cause, ident)
    _ = cause.content  # what cannot be recorded is refused here
    return event, cause


def _call(
    bus: Bus,
    function: Callable[..., Any],
    delay: float | timedelta,
    at: datetime | None,
    arguments: dict[str, Any],
) -> tuple[Cause, list[Request]]:
    task = bus.catalog.task_of(function)
    if task is None or task.arguments is None:
        name = getattr(function, "__qualname__", repr(function))
        raise EmitError(f"{name} is not a task of handlers/ or schedules/. Mark it with @task().")
    try:
        data = plain(task.name, task.arguments(**arguments))
    except ValidationError as error:
        errors = [{"pointer": pointer("data", *e["loc"]), "detail": e["msg"]} for e in error.errors()]
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InvalidEvent(f"{task.name} cannot be called so: {problems}", errors) from error
    wait, moment = waiting(delay, at)
    ident, time = urandom(16).hex(), rfc3339(now())
    cause = Cause(kind="call", id=ident, type=task.name, source=CALLS, time=time, data=data, parent=run_here())
    return cause, [request(task, wait, moment)]


def _check_envelope(cause: Cause, ident: str | None) -> None:
    """Refuse what HTTP refuses too: the ledger reads envelopes back by their first bytes."""
    if ident is not None:
        _check("id", ID_TEXT, ident)
    if cause.source is not SOURCE:
        _check("source", SOURCE_TEXT, cause.source)
    if cause.subject is not None:
        _check("subject", SUBJECT_TEXT, cause.subject)
    _check("type", TYPE, cause.type)


def _check(name: str, pattern: re.Pattern[str], value: object) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        detail = f"must be text that fits {pattern.pattern}"
        raise InvalidEvent(f"{name}={value!r:.80} {detail}", [{"pointer": f"/{name}", "detail": detail}])


def waiting(delay: float | timedelta, at: datetime | None) -> tuple[int, int]:
    """Return the delay and the moment in ms, one of which is 0."""
    if at is None and not delay:
        return 0, 0
    seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
    if at is not None and (at.tzinfo is None or seconds):
        raise InvalidEvent("at= takes a datetime with a time zone, and not together with delay=.")
    if not 0 <= seconds <= LONGEST.total_seconds() or (at is not None and at > now() + LONGEST):
        raise InvalidEvent(f"An event can wait 0 seconds to {LONGEST.days} days; this one would wait longer, or less.")
    return round(seconds * 1000), 0 if at is None or at <= now() else to_ms(at)
