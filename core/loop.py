"""One event loop per process, on a thread of its own: all async views and handlers run there."""

import asyncio
import atexit
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from core import fibers
from core.errors import CoreError

T = TypeVar("T")
LAST_CHANCE = 1.0  # seconds that cancelled coroutines get to end


class Loop:
    """The process's event loop. It starts when it is first needed, and again in a forked child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.current_thread()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start *coroutine* on the loop, with the caller's context variables; returns its future."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._started())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine* on the loop and wait for it, on this thread or this fiber.

        Raises:
            CoreError: this is the loop's own thread, which would wait for itself.
        """
        if self.here():
            if fiber := fibers.current():
                return fiber.complete(coroutine)
            coroutine.close()
            raise CoreError("This thread runs the event loop and cannot wait for it. Use await.")
        return self.submit(coroutine).result()

    async def carry(self, awaitable: Awaitable[T]) -> T:
        """Await *awaitable* on the loop, from whatever loop the caller runs on."""
        if self.here():
            return await awaitable

        async def wait() -> T:
            return await awaitable

        return await asyncio.wrap_future(self.submit(wait()))

    def soon(self, callback: Callable[..., Any], *args: Any) -> None:
        """Have the loop call *callback*, from whatever thread."""
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
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def sync(self, function: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., T]:
        """Return *function* as a plain function that waits for the loop; this is Flask's ``async_to_sync``."""

        def call(*args: Any, **kwargs: Any) -> T:
            return self.run(function(*args, **kwargs))

        return call

    def stop(self) -> None:
        """Cancel what runs on the loop, give it a moment to end, and end the loop."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is None or self._pid != os.getpid():
            return

        async def cancel_all() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=LAST_CHANCE)
            loop.call_soon(loop.stop)

        asyncio.run_coroutine_threadsafe(cancel_all(), loop)
        if self._thread is not threading.current_thread():
            self._thread.join(LAST_CHANCE + 0.5)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                self._pid, self._loop = os.getpid(), asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="carillon-loop", daemon=True)
                self._thread.start()
                atexit.register(self.stop)
            return self._loop


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
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
