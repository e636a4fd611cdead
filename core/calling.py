"""Calling a task's function with what its cause holds, sync or async, within its time limit."""

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from typing import Any

from pydantic import ValidationError

from core.catalog import Catalog, Task
from core.causes import Cause
from core.errors import InvalidEvent
from core.events import Event, validated
from core.loop import Loop


class HandlerTimeout(TimeoutError):
    """The handler took longer than its timeout."""


def call(task: Task, catalog: Catalog, cause: Cause, loop: Loop) -> Any:
    """Call the function of *task* for *cause* and return what it returns.

    A coroutine function runs on *loop* and is cancelled at its timeout. A sync function with a timeout runs on
    a thread of its own, which is left behind when the time is over: Python cannot stop a thread.

    Raises:
        InvalidEvent: what was recorded does not fit the function any more.
        HandlerTimeout: it took too long.
    """
    bound = _bound(task, catalog, cause)
    limit = task.options.timeout
    if inspect.iscoroutinefunction(task.function):
        return loop.run(_limited(bound(), limit))
    return bound() if limit is None else _on_thread(bound, limit)


def _bound(task: Task, catalog: Catalog, cause: Cause) -> Callable[[], Any]:
    if task.kind == "handler":
        return partial(task.function, _event(task, catalog, cause))
    if task.kind == "job" or task.arguments is None:
        return task.function
    try:
        arguments = task.arguments.model_validate(cause.data)
    except ValidationError as error:
        raise InvalidEvent(f"{task.name} no longer takes the arguments that were recorded: {error}") from error
    return partial(task.function, **{name: getattr(arguments, name) for name in arguments.model_fields_set})


def _event(task: Task, catalog: Catalog, cause: Cause) -> Event:
    """Return the event as the handler subscribed to it: typed for a class, by type and data for a pattern."""
    for selector, subscribed in catalog.subscriptions:
        if subscribed is task and not isinstance(selector, str) and selector.type == cause.type:
            return validated(selector, cause.data, lenient=True)
    return Event(type=cause.type, data=cause.data)


async def _limited(coroutine: Coroutine[Any, Any, Any], limit: float | None) -> Any:
    timer = asyncio.timeout(limit)
    try:
        async with timer:
            return await coroutine
    except TimeoutError as error:
        if timer.expired():
            raise HandlerTimeout(f"it did not end within its timeout of {limit:g} s and was cancelled") from error
        raise


def _on_thread(function: Callable[[], Any], limit: float) -> Any:
    future: Future[Any] = Future()

    def work() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - it is raised again where the result is awaited
            future.set_exception(error)

    threading.Thread(target=copy_context().run, args=(work,), name="carillon-timed", daemon=True).start()
    try:
        return future.result(limit)
    except TimeoutError as error:
        if future.done():
            raise
        raise HandlerTimeout(f"it did not end within its timeout of {limit:g} s; its thread is left behind") from error
