"""Two ways to go through the run pipeline, which is written once: on a thread that blocks, or on the event loop."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Protocol, TypeVar

from core.awaiting import call_here
from core.calling import bound, call, checked
from core.catalog import Catalog, Task
from core.causes import Cause
from core.ledger.flow import Flow
from core.ledger.store import AsyncLedger, Ledger
from core.loop import Loop
from core.threads import Threads

T = TypeVar("T")


class Way(Protocol):
    """What the pipeline waits for."""

    async def ask(self, flow: Flow[T]) -> T:
        """Ask the ledger."""

    async def rest(self, seconds: float) -> None:
        """Let time pass."""

    async def call(self, task: Task, cause: Cause) -> Any:
        """Call the function of *task*."""


@dataclass(frozen=True)
class Blocking:
    """Each wait blocks this thread, so no coroutine is ever suspended: see ``finished``."""

    ledger: Ledger
    catalog: Catalog
    loop: Loop
    stopping: threading.Event

    async def ask(self, flow: Flow[T]) -> T:
        return self.ledger.run(flow)

    async def rest(self, seconds: float) -> None:
        self.stopping.wait(seconds)

    async def call(self, task: Task, cause: Cause) -> Any:
        return call(task, self.catalog, cause, self.loop)


@dataclass(frozen=True)
class Beside(Blocking):
    """A thread beside the loop; *unmasked* hears of a task without a timeout whose function is async after all."""

    unmasked: Callable[[str], None]

    async def call(self, task: Task, cause: Cause) -> Any:
        answer = bound(task, self.catalog, cause)()
        if isawaitable(answer):
            self.unmasked(task.name)
            answer = self.loop.run(_awaited(answer))
        return checked(task, answer)


@dataclass(frozen=True)
class OnLoop:
    """Each wait lets the loop go on; *light* is called when the run needs no thread any more."""

    ledger: AsyncLedger
    catalog: Catalog
    threads: Threads
    light: Callable[[], None]

    async def ask(self, flow: Flow[T]) -> T:
        return await self.ledger.run_here(flow)

    async def rest(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def call(self, task: Task, cause: Cause) -> Any:
        return await call_here(task, self.catalog, cause, self.threads, self.light)


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what *coroutine* returns, which goes the blocking way and so needs no loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError(f"{coroutine!r} waits for an event loop")


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable
