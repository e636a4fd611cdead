"""Calling a task's function as ``core.calling`` does, from the event loop: async here, sync on another thread."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from inspect import isawaitable
from typing import Any

from core.calling import LAST_CHANCE, LEFT, LEFT_THREAD, HandlerTimeout, bound, checked, leave, limited, timed
from core.catalog import Catalog, Task
from core.causes import Cause
from core.threads import Outcome, Threads, opened

_left: set[asyncio.Future[Any]] = set()  # coroutines that outlived their timeout


async def call_here(task: Task, catalog: Catalog, cause: Cause, threads: Threads, light: Callable[[], None]) -> Any:
    """Call the function of *task* for *cause* and return what it returns.

    A sync function runs on one of *threads*, with a timeout on one of its own. *light* is called when no thread is
    needed any more.

    Raises:
        Misfit: what was recorded does not fit the function any more.
        HandlerTimeout: it took too long.
    """
    function, limit = bound(task, catalog, cause), task.options.timeout
    answer = function() if task.is_async else await _on_thread(function, limit, threads)
    light()
    if isawaitable(answer):
        answer = await (answer if limit is None else _within(answer, limit))
    return checked(task, answer)


async def _on_thread(function: Callable[[], Any], limit: float | None, threads: Threads) -> Any:
    if limit is None:
        return opened(await threads.call(partial(copy_context().run, function)))
    return opened(await _timed(function, limit))


async def _timed(function: Callable[[], Any], limit: float) -> Outcome:
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Outcome] = loop.create_future()

    def deliver(found: Outcome) -> None:
        if not outcome.done():
            outcome.set_result(found)

    def done(found: Outcome) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(deliver, found)

    thread = timed(function, done)
    await asyncio.wait({outcome}, timeout=limit)
    if outcome.done():
        return outcome.result()
    leave(thread)
    raise HandlerTimeout(LEFT_THREAD.format(limit=limit))


async def _within(awaitable: Awaitable[Any], limit: float) -> Any:
    """Await; what does not end when it is cancelled is left to itself."""
    work = asyncio.ensure_future(limited(awaitable, limit))
    await asyncio.wait({work}, timeout=limit + LAST_CHANCE)
    if work.done():
        return work.result()
    _left.add(work)
    work.add_done_callback(_forget)
    raise HandlerTimeout(LEFT.format(limit=limit))


def _forget(work: asyncio.Future[Any]) -> None:
    _left.discard(work)
    if not work.cancelled():
        work.exception()  # seen, so that asyncio does not tell of it
