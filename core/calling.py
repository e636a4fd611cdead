"""Calling a task's function with what its cause holds, sync or async, within its time limit."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from typing import Any

from pydantic import ValidationError

from core import fibers
from core.catalog import Catalog, Task
from core.causes import Cause
from core.errors import CoreError, InvalidEvent
from core.events import Event, validated
from core.loop import Loop

LAST_CHANCE = 5.0  # seconds that a cancelled coroutine gets to end

_left: set[threading.Thread] = set()  # threads whose function outlived its timeout


class HandlerTimeout(TimeoutError):
    """The handler took longer than its timeout."""


class Misfit(CoreError):
    """What was recorded does not fit the function any more."""


def call(task: Task, catalog: Catalog, cause: Cause, loop: Loop) -> Any:
    """Call the function of *task* for *cause* and return what it returns.

    A coroutine function runs on *loop* and is cancelled at its timeout. A sync function with a timeout runs on
    a thread of its own, which is left behind when the time is over: Python cannot stop a thread. A sync function
    without one runs on this thread; a fiber has it run on a thread of its worker.

    Raises:
        Misfit: what was recorded does not fit the function any more.
        HandlerTimeout: it took too long.
    """
    bound = _bound(task, catalog, cause)
    limit = task.options.timeout
    fiber = fibers.current()
    if inspect.iscoroutinefunction(task.function):
        answer = bound()
    elif limit is not None:
        answer = _on_thread(bound, limit)
    else:
        answer = fiber.on_thread(bound) if fiber else bound()
    if fiber:
        fiber.light()
    if inspect.isawaitable(answer):  # a decorator may hide that the function is async
        return _awaited(answer, limit, loop)
    if inspect.isgenerator(answer) or inspect.isasyncgen(answer):
        raise TypeError(f"{task.name} is a generator, so nothing of it has run: a handler returns, it does not yield")
    return answer


def _bound(task: Task, catalog: Catalog, cause: Cause) -> Callable[[], Any]:
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
    coroutine = awaitable if limit is None and inspect.iscoroutine(awaitable) else _limited(awaitable, limit)
    fiber = fibers.current()
    if limit is None or (loop.here() and fiber is None):
        return loop.run(coroutine)
    left = f"it did not end within its timeout of {limit:g} s nor when it was cancelled; it is left behind"
    if fiber is None:
        return _result(loop.submit(coroutine), limit + LAST_CHANCE, left)
    try:
        return fiber.complete(coroutine, limit + LAST_CHANCE)
    except fibers.Abandoned as error:
        raise HandlerTimeout(left) from error


async def _limited(awaitable: Awaitable[Any], limit: float | None) -> Any:
    timer = asyncio.timeout(limit)
    try:
        async with timer:
            return await awaitable
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

    thread = threading.Thread(target=copy_context().run, args=(work,), name="carillon-timed", daemon=True)
    thread.start()
    try:
        return _result(future, limit, f"it did not end within its timeout of {limit:g} s; its thread is left behind")
    finally:
        if not future.done():
            _left.add(thread)


def left_behind() -> int:
    """Return how many threads of this process are stuck in a function that outlived its timeout."""
    for thread in list(_left):
        if not thread.is_alive():
            _left.discard(thread)
    return len(_left)


def _result(future: Future[Any], seconds: float, left: str) -> Any:
    fiber = fibers.current()
    try:
        return fiber.wait(asyncio.wrap_future(future), seconds) if fiber else future.result(seconds)
    except (TimeoutError, fibers.Abandoned) as error:
        if future.done():  # the function's own TimeoutError, or its end in the very last moment
            return future.result()
        raise HandlerTimeout(left) from error
