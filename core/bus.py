"""From an emitter to the ledger: signals gather the runs, one script records them, hints go out."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from blinker import Signal
from flask import Flask

from core import moments
from core.catalog import Catalog, Task
from core.causes import Cause, Keyring
from core.clock import monotonic
from core.errors import EmitError, EmitUnavailable, LedgerNewer, LedgerUnavailable
from core.events import AnyEvent, Event, matches
from core.ledger.acceptance import Accepted, Request, accept
from core.ledger.admission import Admission
from core.ledger.flow import Flow
from core.ledger.keys import Keys
from core.ledger.running import Hint
from core.ledger.store import AsyncLedger, Ledger
from core.loop import Loop


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What was accepted: the ledger's id, the runs as ``(id, task)``, whether it was there already."""

    id: str
    type: str
    runs: Sequence[tuple[str, str]]
    duplicate: bool
    durability: str

    def view(self) -> dict[str, Any]:
        """Return the receipt as the API answers it."""
        runs = [{"id": run, "task": task} for run, task in self.runs]
        common = {"duplicate": self.duplicate, "durability": self.durability}
        return {"id": self.id, "type": self.type, "runs": runs} | common


class Known:
    """A fact that is asked for when it is first needed, and again after a minute."""

    def __init__(self, ask: Callable[[], str]) -> None:
        self._ask = ask
        self._fact = ""
        self._until = 0.0

    @property
    def value(self) -> str:
        """The fact, or '' where it has to be asked for."""
        return self._fact if monotonic() < self._until else ""

    def ask(self) -> str:
        """Ask, which may block; return the fact."""
        self._fact, self._until = self._ask(), monotonic() + 60
        return self._fact


@dataclass
class Gathering:
    """What a signal's receivers add to: the tasks that will run for one event, each once."""

    tasks: dict[str, Task] = field(default_factory=dict)

    def add(self, task: Task) -> None:
        self.tasks.setdefault(task.name, task)


@dataclass(frozen=True, kw_only=True)
class Bus:
    """The way from an emitter to the ledger and on to the broker.

    With *synced* an acceptance is on the server's disk before it is acknowledged.
    """

    app: Flask
    catalog: Catalog
    keys: Keys
    keyring: Keyring
    ledger: Ledger
    async_ledger: AsyncLedger
    loop: Loop
    publish: Callable[[Sequence[Hint]], None]
    admission: Admission
    durability: Known
    synced: bool = False

    def connect(self) -> None:
        """Connect each subscription's receiver to its signal: a class's own, or that of every event."""
        for selector, task in self.catalog.subscriptions:
            signal = Event.signal if isinstance(selector, str) else selector.signal
            signal.connect(_receiver(selector, task), sender=self.app, weak=False)

    def emit(self, cause: Cause, requests: Sequence[Request], idempotency: str = "") -> Receipt:
        """Record *cause* with its runs and publish their hints, on a thread."""
        with _unavailable():
            accepted = self.ledger.run(self._accept(cause, requests, idempotency))
            level = "fsync" if self.synced else self.durability.value or self.durability.ask()
            return self._receipt(cause, requests, accepted, level)

    async def emit_async(self, cause: Cause, requests: Sequence[Request], idempotency: str = "") -> Receipt:
        """Record *cause* with its runs and publish their hints, on a loop."""
        with _unavailable():
            accepted = await self.async_ledger.run(self._accept(cause, requests, idempotency))
            level = "fsync" if self.synced else self.durability.value or await asyncio.to_thread(self.durability.ask)
            return self._receipt(cause, requests, accepted, level)

    def _accept(self, cause: Cause, requests: Sequence[Request], idempotency: str) -> Flow[Accepted]:
        yield from self.admission.check(self.keys, monotonic())
        limit = self.admission.backlog
        return (
            yield from accept(self.keys, self.keyring, cause, requests, idempotency, limit=limit, synced=self.synced)
        )

    def gather(self, event: Event, *, delay: int = 0, at: int = 0) -> list[Request]:
        """Send the event's signals; returns the runs that subscribed handlers want."""
        gathering = Gathering()
        self._send(Event.signal, event=event, gathering=gathering)
        cls = self.catalog.types.get(event.type) if isinstance(event, AnyEvent) else type(event)
        if cls is not None:
            self._send(cls.signal, event=event, gathering=gathering)
        return [request(task, delay, at) for task in gathering.tasks.values()]

    def _send(self, signal: Signal, **message: Any) -> None:
        """Send *signal* so that a listener that raises neither stops the others nor reaches the emitter."""
        if signal.is_muted:
            return
        for receiver in signal.receivers_for(self.app):
            try:
                answer = receiver(self.app, **message)
                if asyncio.iscoroutine(answer):
                    self.loop.submit(self._listen(receiver, answer))
            except Exception as error:  # noqa: BLE001 - whatever a listener raises is logged, not passed on
                moments.listener_failed.send(self.app, listener=receiver, error=error)

    async def _listen(self, receiver: Any, answer: Coroutine[Any, Any, Any]) -> None:
        try:
            await answer
        except Exception as error:  # noqa: BLE001 - as above
            moments.listener_failed.send(self.app, listener=receiver, error=error)

    def _receipt(self, cause: Cause, requests: Sequence[Request], accepted: Accepted, level: str) -> Receipt:
        if not accepted.duplicate:
            pairs = zip(accepted.runs, requests, strict=True)
            self.publish([Hint(run, r.queue, r.priority) for (run, _), r in pairs if not r.waits])
        receipt = Receipt(
            id=accepted.id,
            type=cause.type,
            runs=accepted.runs,
            duplicate=accepted.duplicate,
            durability=level,
        )
        self._send(moments.accepted, cause=cause, receipt=receipt)
        return receipt


def request(task: Task, delay: int, at: int) -> Request:
    """Return the run that is wanted of *task*."""
    return Request(task=task.name, queue=task.options.queue, priority=task.options.priority, delay=delay, at=at)


def _receiver(selector: type[Event] | str, task: Task) -> Callable[..., None]:
    def receive(_sender: Flask, *, event: Event, gathering: Gathering, **_: Any) -> None:
        if not isinstance(selector, str) or matches(selector, event.type):
            gathering.add(task)

    return receive


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (EmitError, LedgerNewer):
        raise
    except LedgerUnavailable as error:
        raise EmitUnavailable(str(error)) from error
