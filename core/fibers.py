"""Fibers: code that waits as if it had a thread, on the event loop's thread, while the loop goes on.

A fiber is a greenlet that the loop starts. Where it waits it switches to the loop, which switches back. So Celery's
tracer, which knows nothing of coroutines, runs thousands of tasks at once. Each step of a coroutine runs on its
fiber, for Celery keeps the current task and request with the greenlet (celery/celery#10634 looks at other ways).
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

from core.errors import CoreError
from core.threads import Threads

T = TypeVar("T")


class Fiber(greenlet):
    """Runs *work* on the event loop's thread.

    What would block it runs on *threads*; *light* is to be called when none of them is needed any more.
    """

    def __init__(self, work: Callable[[], None], threads: Threads, light: Callable[[], None]) -> None:
        super().__init__(work)
        self.threads = threads
        self.light = light
        self.stepping = False
        self._pause = 0  # the number of the present wait: only what belongs to it may end it

    def wait(self, future: "asyncio.Future[T]") -> T:
        """Let the loop go on until *future* is done; returns its result or raises its exception."""
        self._refuse_step()
        if not future.done():
            future.add_done_callback(self._waker())
            self._switch()
        return future.result()

    def complete(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine* as a task of the loop, each step of it on this fiber; returns what it returns.

        Should this fiber end before it does, it goes on without one.
        """
        if self.stepping:
            coroutine.close()
        self._refuse_step()
        steps = Steps(coroutine, self)
        task = asyncio.get_running_loop().create_task(steps)
        task.add_done_callback(self._waker())
        try:
            step = self._switch()
            while not task.done():
                step = self._switch(self._step(step))
        finally:
            steps.fiber = None
        return task.result()

    def aside(self, function: Callable[[], T]) -> T:
        """Run something short that blocks on another thread, however busy the threads are."""
        self._refuse_step()
        return self.wait(asyncio.get_running_loop().run_in_executor(None, copy_context().run, function))

    def _switch(self, *said: Any) -> Any:
        assert self.parent is not None
        return self.parent.switch(*said)

    def _waker(self) -> Callable[[Any], None]:
        self._pause += 1
        return partial(self._wake, self._pause)

    def _wake(self, pause: int, said: Any) -> None:
        if pause == self._pause:
            self.switch(said)

    def _step(self, step: Callable[[], Any]) -> tuple[bool, Any]:
        self.stepping = True
        try:
            return True, step()
        except BaseException as error:  # noqa: BLE001 - it is the task's, which raises it again on the loop
            return False, error
        finally:
            self.stepping = False

    def _refuse_step(self) -> None:
        if self.stepping:
            raise CoreError("This thread runs the event loop and cannot wait for it. Use await.")


class Steps(Coroutine[Any, Any, T]):
    """A coroutine for ``asyncio.Task`` whose steps run on *fiber*; without one, where the task's do.

    They have context variables of their own, as a task's steps have, whoever runs them.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T], fiber: Fiber | None) -> None:
        self.coroutine, self.fiber = coroutine, fiber
        self._context = copy_context()
        self.__name__ = getattr(coroutine, "__name__", "coroutine")
        self.__qualname__ = getattr(coroutine, "__qualname__", self.__name__)

    def send(self, value: Any) -> Any:
        return self._on_fiber(partial(self._context.run, self.coroutine.send, value))

    def throw(self, *error: Any) -> Any:
        return self._on_fiber(partial(self._context.run, self.coroutine.throw, *error))

    def close(self) -> None:
        self.coroutine.close()

    def __await__(self) -> Generator[Any, Any, T]:
        return self.coroutine.__await__()

    def _on_fiber(self, step: Callable[[], Any]) -> Any:
        if self.fiber is None:
            return step()
        fine, found = self.fiber.switch(step)
        if fine:
            return found
        try:
            raise found
        finally:
            del found  # its traceback holds this frame: no ring for the garbage collector


def current() -> Fiber | None:
    """Return the fiber that runs the calling code, if any."""
    found = getcurrent()
    return found if isinstance(found, Fiber) else None
