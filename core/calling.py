"""Calling a task's function with what its cause holds, sync or async, within its time limit, on a thread."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from inspect import isasyncgen, isawaitable, isgenerator
from typing import Any

from pydantic import ValidationError

from core.catalog import Catalog, Task
from core.causes import Cause
from core.errors import CoreError, InvalidEvent
from core.events import Event, validated
from core.loop import Loop
from core.threads import Outcome, opened, outcome_of

LAST_CHANCE = 5.0  # seconds that a cancelled coroutine gets to end
LEFT = "it did not end within its timeout of {limit:g} s nor when it was cancelled; it is left behind"
LEFT_THREAD = "it did not end within its timeout of {limit:g} s; its thread is left behind"

_left: set[threading.Thread] = set()  # threads whose function outlived its timeout


class HandlerTimeout(TimeoutError):
    """The handler took longer than its timeout."""


class Misfit(CoreError):
    """What was recorded does not fit the function any more."""


def call(task: Task, catalog: Catalog, cause: Cause, loop: Loop) -> Any:
    """Call the function of *task* for *cause* and return what it returns.

    A coroutine function runs on *loop* and is cancelled at its timeout. A sync function with a timeout runs on
    a thread of its own, which is left behind when the time is over: Python cannot stop a thread.

    Raises:
        Misfit: what was recorded does not fit the function any more.
        HandlerTimeout: it took too long.
    """
    function = bound(task, catalog, cause)
    limit = task.options.timeout
    answer = function() if limit is None or task.is_async else _on_thread(function, limit)
    if isawaitable(answer):  # a decorator may hide that the function is async
        answer = _awaited(answer, limit, loop)
    return checked(task, answer)


def checked(task: Task, answer: Any) -> Any:
    """Return what the function of *task* returned, if it has run at all."""
    if isgenerator(answer) or isasyncgen(answer):
        raise TypeError(f"{task.name} is a generator, so nothing of it has run: a handler returns, it does not yield")
    return answer


def bound(task: Task, catalog: Catalog, cause: Cause) -> Callable[[], Any]:
    """Return the function of *task* with the arguments that *cause* holds.

    Raises:
        Misfit: they do not fit it any more.
    """
    if task.kind == "handler":
        return partial(task.function, _event(task, catalog, cause))
    if task.kind == "job" or task.arguments is None:
        return task.function
    try:
        arguments = task.arguments.model_validate(cause.data)
    except ValidationError as error:
        raise Misfit(f"{task.name} no longer takes the arguments that were recorded: {error}") from error
    return partial(task.function, **{name: getattr(arguments, name) for name in arguments.model_fields_set})


def _event(task: Task, catalog: Catalog, cause: Cause) -> Event:
    """Return the event as the handler subscribed to it: typed for a class, by type and data for a pattern."""
    for selector, subscribed in catalog.subscriptions:
        if subscribed is task and not isinstance(selector, str) and selector.type == cause.type:
            try:
                return validated(selector, cause.data, lenient=True)
            except InvalidEvent as error:
                raise Misfit(str(error)) from error
    return Event(type=cause.type, data=cause.data)


def _awaited(awaitable: Awaitable[Any], limit: float | None, loop: Loop) -> Any:
    coroutine = limited(awaitable, limit)
    if limit is None or loop.here():
        return loop.run(coroutine)
    return _result(loop.submit(coroutine), limit + LAST_CHANCE, LEFT.format(limit=limit))


async def limited(awaitable: Awaitable[Any], limit: float | None) -> Any:
    """Await, and cancel after *limit* seconds: HandlerTimeout."""
    timer = asyncio.timeout(limit)
    try:
        async with timer:
            return await awaitable
    except TimeoutError as error:
        if timer.expired():
            raise HandlerTimeout(f"it did not end within its timeout of {limit:g} s and was cancelled") from error
        raise


def _on_thread(function: Callable[[], Any], limit: float) -> Any:
    future: Future[Outcome] = Future()
    thread = timed(function, future.set_result)
    try:
        outcome = _result(future, limit, LEFT_THREAD.format(limit=limit))
    finally:
        if not future.done():
            leave(thread)
    return opened(outcome)


def timed(function: Callable[[], Any], done: Callable[[Outcome], None]) -> threading.Thread:
    """Start a thread that calls *function* with the caller's context variables, and *done* with its outcome."""

    def work() -> None:
        done(outcome_of(function))

    thread = threading.Thread(target=copy_context().run, args=(work,), name="carillon-timed", daemon=True)
    thread.start()
    return thread


def leave(thread: threading.Thread) -> None:
    """Count *thread* as stuck."""
    _left.add(thread)


def left_behind() -> int:
    """Return how many threads of this process are stuck in a function that outlived its timeout."""
    for thread in list(_left):
        if not thread.is_alive():
            _left.discard(thread)
    return len(_left)


def _result(future: Future[Any], seconds: float, left: str) -> Any:
    try:
        return future.result(seconds)
    except TimeoutError as error:
        if future.done():  # the function's own TimeoutError, or its end in the very last moment
            return future.result()
        raise HandlerTimeout(left) from error
