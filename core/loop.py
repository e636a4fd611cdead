"""One event loop per process, on a thread of its own: all async views and handlers run there."""

import asyncio
import os
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial
from typing import Any, TypeVar

from werkzeug.exceptions import ServiceUnavailable

from core import fibers
from core.errors import CoreError
from core.leaving import Turn, at_exit

T = TypeVar("T")
Going = dict[asyncio.Task[Any], Future[Any]]  # what was submitted and still runs
LAST_CHANCE = 1.0  # seconds that cancelled coroutines get to end, and async generators to close
_MISSING: Any = object()


class Loop:
    """The process's event loop. It starts when it is first needed: again in a forked child, and after a stop.

    *watched*, if it is set, is called with the asyncio loop and the id of its thread whenever it starts. *stuck* is
    called with what did not end when the loop stopped.
    """

    _loop: asyncio.AbstractEventLoop | None  # None as soon as it is told to stop
    _latest: asyncio.AbstractEventLoop | None
    _thread: threading.Thread | None
    _going: Going

    def __init__(self) -> None:
        self.watched: Callable[[asyncio.AbstractEventLoop, int], None] | None = None
        self.stuck: Callable[[str], None] | None = None
        self._ending = False
        self._known = 0  # the process that will stop it at its end
        self._reset()
        os.register_at_fork(after_in_child=partial(_reborn, weakref.ref(self)))

    def submit(self, coroutine: Coroutine[Any, Any, T], context: Context | None = None) -> Future[T]:
        """Start *coroutine* on the loop, with the caller's context variables or in *context*; returns its future.

        To cancel the future cancels the coroutine.
        """
        future: Future[T] = Future()
        with self._lock:  # so what is submitted comes before the loop's stop, and is cancelled by it, or after it
            loop = self._started()
            loop.call_soon_threadsafe(_begin, loop, self._going, coroutine, context or copy_context(), future)
        return future

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine* on the loop and wait for it, on this thread or this fiber.

        The context variables it sets are set here, too, as a plain call would do.

        Raises:
            CoreError: this is the loop's own thread, which would wait for itself.
        """
        if self.here():
            if fiber := fibers.current():
                return fiber.complete(coroutine)
            coroutine.close()
            raise CoreError("This thread runs the event loop and cannot wait for it. Use await.")
        context = copy_context()
        try:
            return self.submit(coroutine, context).result()
        finally:
            _take_over(context)

    async def carry(self, awaitable: Awaitable[T]) -> T:
        """Await *awaitable* on the loop, from whatever loop the caller runs on."""
        if self.here():
            return await awaitable

        async def wait() -> T:
            return await awaitable

        return await asyncio.wrap_future(self.submit(wait()))

    def soon(self, callback: Callable[..., Any], *args: Any) -> None:
        """Have the loop call *callback*, from whatever thread."""
        with self._lock:
            self._started().call_soon_threadsafe(callback, *args)

    def later(self, seconds: float, callback: Callable[..., Any], *args: Any) -> None:
        """Have the loop call *callback* in a while; to be called on the loop."""
        asyncio.get_running_loop().call_later(seconds, callback, *args)

    def awaits(self) -> bool:
        """Tell whether the calling code is part of a coroutine on this loop, which must await and never wait."""
        fiber = fibers.current()
        return self.here() and (fiber is None or fiber.stepping)

    def here(self) -> bool:
        """Tell whether the calling code runs on this loop."""
        try:
            return asyncio.get_running_loop() is self._latest  # it may be at its end
        except RuntimeError:
            return False

    def sync(self, function: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., T]:
        """Return *function* as a plain function that waits for the loop; this is Flask's ``async_to_sync``."""

        def call(*args: Any, **kwargs: Any) -> T:
            try:
                return self.run(function(*args, **kwargs))
            except CancelledError:
                if not self._ending:
                    raise
                raise ServiceUnavailable("This process stops. Send the request again.", retry_after=1) from None

        return call

    def cancel(self) -> None:
        """Cancel what was submitted and still runs, as the process will end soon; views answer 503 from now on."""
        with self._lock:
            self._ending = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(_cancel, self._going)

    def stop(self) -> None:
        """Cancel what runs on the loop, give it a moment to end, and end the loop. Twice is as good as once."""
        with self._lock:
            loop, self._loop = self._loop, None
            thread = self._thread
            if loop is not None:
                asyncio.run_coroutine_threadsafe(_end(loop, self._going, self.stuck), loop)
        if thread is not None and thread is not threading.current_thread():
            thread.join(2 * LAST_CHANCE + 0.5)

    def _started(self) -> asyncio.AbstractEventLoop:
        if self.here():  # what cleans up at its end belongs there, not on a new one
            return asyncio.get_running_loop()
        if self._loop is None:
            self._latest = self._loop = asyncio.new_event_loop()
            self._going = {}
            self._thread = threading.Thread(target=_serve, args=(self._loop,), name="carillon-loop", daemon=True)
            self._thread.start()
            if self._known != os.getpid():
                self._known = os.getpid()
                at_exit(Turn.LOOP, self.stop)
            if self.watched and self._thread.ident:
                self.watched(self._loop, self._thread.ident)
        return self._loop

    def _reset(self) -> None:
        self._lock = threading.RLock()  # a signal's handler may stop the loop while its thread holds it
        self._loop = self._latest = self._thread = None
        self._going = {}


def _reborn(ref: "weakref.ref[Loop]") -> None:
    """Forget, in a forked child, the parent's loop, whose thread is not there, and a lock that it may have held."""
    if loop := ref():
        loop._reset()  # noqa: SLF001 - a part of Loop that must not hold it


def _begin(
    loop: asyncio.AbstractEventLoop,
    going: Going,
    coroutine: Coroutine[Any, Any, T],
    context: Context,
    future: Future[T],
) -> None:
    task = loop.create_task(coroutine, context=context)
    going[task] = future
    task.add_done_callback(partial(_settle, going))
    future.add_done_callback(partial(_cancel_with, task, loop))


def _settle(going: Going, task: asyncio.Task[Any]) -> None:
    future = going.pop(task)
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    if task.cancelled():
        future.cancel()
    if not future.set_running_or_notify_cancel():
        return
    if error:
        future.set_exception(error)
    else:
        future.set_result(task.result())


def _take_over(context: Context) -> None:
    for variable, value in context.items():
        if variable.get(_MISSING) is not value:
            variable.set(value)


def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        if not task.cancelling():
            task.cancel()


def _cancel_with(task: asyncio.Task[Any], loop: asyncio.AbstractEventLoop, future: Future[Any]) -> None:
    if future.cancelled():
        with suppress(RuntimeError):  # the loop is closed: it did that itself
            loop.call_soon_threadsafe(task.cancel)


async def _end(loop: asyncio.AbstractEventLoop, going: Going, stuck: Callable[[str], None] | None) -> None:
    """Cancel all that runs here, what is started meanwhile too; each once, so that its cleanup is not cancelled."""
    until = loop.time() + LAST_CHANCE
    try:
        while (left := asyncio.all_tasks() - {asyncio.current_task()}) and (patience := until - loop.time()) > 0:
            _cancel(left)
            await asyncio.wait(left, timeout=patience)
        with suppress(TimeoutError):
            await asyncio.wait_for(loop.shutdown_asyncgens(), LAST_CHANCE)
        for task in left:
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - *stuck* says more
            if task in going:
                going[task].cancel()  # who waits for it need not wait longer
            if stuck:
                stuck(getattr(task.get_coro(), "__qualname__", repr(task)))
    finally:
        loop.stop()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        while True:
            try:
                loop.run_forever()
                break
            except (SystemExit, KeyboardInterrupt):
                continue  # asyncio raises a coroutine's exit here too; its future has it, the others go on
    finally:
        loop.close()
