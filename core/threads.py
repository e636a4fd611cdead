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
    """At most *most* daemon threads, started as they are needed.

    Whoever takes a piece of work and leaves another wakes one more thread, and no thread is woken while another one is
    about to come. So where the pieces are short, a few threads do them all.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = self._idle = 0
        self._coming = False  # a thread was woken or started and has not looked for work yet
        self._books = threading.Lock()
        self._work: deque[Callable[[], None]] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._outcomes: deque[tuple[asyncio.Future[Outcome], Outcome]] = deque()
        self._called = False

    def submit(self, *works: Callable[[], None]) -> None:
        """Have threads call each of *works*, none of which may raise."""
        with self._books:
            self._work.extend(works)
            self._wake()

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
        came = True
        while True:
            with self._books:
                if came:
                    self._coming = came = False
                work = self._work.popleft() if self._work else None
                if work:
                    self._wake()
                else:
                    self._idle += 1
            if work:
                work()
                del work  # what it holds must not live on in a thread that waits
            else:
                self._bell.get()
                came = True

    def _wake(self) -> None:
        """Have one more thread come, if there is work for it; with the books open."""
        if not self._work or self._coming:
            return
        if self._idle:
            self._idle -= 1
            self._coming = True
            self._bell.put(None)
        elif self._count < self._most:
            name = f"carillon-thread-{self._count + 1}"
            threading.Thread(target=self._serve, name=name, daemon=True).start()
            self._count += 1
            self._coming = True
