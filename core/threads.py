"""Threads on which sync functions of a worker run. What is done comes back to the event loop by the batch."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

Outcome = tuple[Any, BaseException | None]  # what a function returned, or what it raised


def outcome_of(function: Callable[[], Any]) -> Outcome:
    """Call *function*; returns what it returned or raised."""
    try:
        return function(), None
    except BaseException as error:  # noqa: BLE001 - it is raised again where the outcome is awaited
        return None, error


def opened(outcome: Outcome) -> Any:
    """Return what an outcome holds, or raise it."""
    result, error = outcome
    if error is not None:
        raise error
    return result


class Threads:
    """At most *most* daemon threads, started as they are needed."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._open = 0  # what was submitted and is not done
        self._counting = threading.Lock()
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._outcomes: deque[tuple[asyncio.Future[Outcome], Outcome]] = deque()
        self._called = False

    def submit(self, work: Callable[[], None]) -> None:
        """Have a thread call *work*, which must not raise."""
        self._work.put(work)
        with self._counting:
            self._open += 1
            if self._count < min(self._open, self._most):
                self._count += 1
                threading.Thread(target=self._serve, name=f"carillon-thread-{self._count}", daemon=True).start()

    def call(self, function: Callable[[], Any]) -> "asyncio.Future[Outcome]":
        """Have a thread call *function*; returns the future of its outcome. To be called on an event loop."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Outcome] = loop.create_future()

        def work() -> None:
            self._outcomes.append((outcome, outcome_of(function)))
            if not self._called:  # one wake-up of the loop is enough for all that are done by then
                self._called = True
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self._deliver)

        self.submit(work)
        return outcome

    def _deliver(self) -> None:
        self._called = False
        while self._outcomes:
            outcome, found = self._outcomes.popleft()
            if not outcome.done():
                outcome.set_result(found)

    def _serve(self) -> None:
        while True:
            self._work.get()()
            with self._counting:
                self._open -= 1
