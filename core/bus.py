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
from core.errors import CoreError, EmitError, EmitUnavailable, LedgerNewer, LedgerUnavailable
from core.events import AnyEvent, Event, matches
from core.ledger.acceptance import NOTHING, Accepted, Outgoing, Request, accept, on_disk
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

    With *synced* an acceptance is on the server's disk before it is acknowledged. *outgoing* makes the messages of
    hints for the ledger to send with the acceptance; where it cannot, *publish* sends them afterwards.
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
    outgoing: Callable[[Sequence[Hint]], Outgoing] | None = None

    def connect(self) -> None:
        """Connect each subscription's receiver to its signal: a class's own, or that of every event."""
        for selector, task in self.catalog.subscriptions:
            signal = Event.signal if isinstance(selector, str) else selector.signal
            signal.connect(_receiver(selector, task), sender=self.app, weak=False)

    def emit(self, cause: Cause, requests: Sequence[Request], idempotency: str = "") -> Receipt:
        """Record *cause* with its runs and publish their hints, on a thread."""
        call = self._call(cause, requests)
        with unavailable():
            accepted = self.ledger.run(self._accept(call, idempotency))
            return self._receipt(call, accepted, self._level or self.durability.ask())

    async def emit_async(self, cause: Cause, requests: Sequence[Request], idempotency: str = "") -> Receipt:
        """Record *cause* with its runs and publish their hints, on a loop."""
        call = self._call(cause, requests)
        with unavailable():
            accepted = await self.async_ledger.run(self._accept(call, idempotency))
            return self._receipt(call, accepted, self._level or await asyncio.to_thread(self.durability.ask))

    def emit_each(self, causes: Sequence[tuple[Cause, Sequence[Request]]]) -> list[Receipt | EmitError]:
        """Record each of *causes* with its runs, all in one pipeline; returns a receipt or an error for each.

        One that is refused does not stop those behind it.
        """
        calls = [self._call(cause, requests) for cause, requests in causes]
        try:
            with unavailable():
                self.ledger.run(self.admission.check(self.keys, monotonic()))
        except EmitError as error:
            return [error] * len(calls)
        found = self._recorded(calls)
        level = self._level or self.durability.ask()
        pairs = zip(calls, found, strict=True)
        return [self._receipt(call, one, level) if isinstance(one, Accepted) else refusal(one) for call, one in pairs]

    def _recorded(self, calls: Sequence["Call"]) -> Sequence[Accepted | CoreError]:
        """Record *calls* in one pipeline, at whose end their disk is waited for once."""
        flows: list[Flow[Any]] = [self._record(call, synced=False) for call in calls]
        if not self.synced:
            return self.ledger.run_all(flows)
        found: list[Any] = self.ledger.run_all([*flows, on_disk()])
        unmet = found.pop()
        return [unmet if unmet and isinstance(one, Accepted) else one for one in found]

    @property
    def _level(self) -> str:
        return "fsync" if self.synced else self.durability.value

    def _call(self, cause: Cause, requests: Sequence[Request]) -> "Call":
        hints = [Hint(f"{cause.ledger_id}.{n}", r.queue, r.priority) for n, r in enumerate(requests) if not r.waits]
        return Call(cause, requests, hints, self.outgoing(hints) if self.outgoing else NOTHING)

    def _accept(self, call: "Call", idempotency: str) -> Flow[Accepted]:
        yield from self.admission.check(self.keys, monotonic())
        return (yield from self._record(call, idempotency, synced=self.synced))

    def _record(self, call: "Call", idempotency: str = "", *, synced: bool) -> Flow[Accepted]:
        limit, hints = self.admission.backlog, call.outgoing
        where = self.keys, self.keyring, call.cause, call.requests, idempotency
        return accept(*where, limit=limit, synced=synced, hints=hints)

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

    def _receipt(self, call: "Call", accepted: Accepted, level: str) -> Receipt:
        if not accepted.duplicate:
            if self.outgoing:
                call.outgoing.sent()
            else:
                self.publish(call.hints)
        receipt = Receipt(
            id=accepted.id,
            type=call.cause.type,
            runs=accepted.runs,
            duplicate=accepted.duplicate,
            durability=level,
        )
        self._send(moments.accepted, cause=call.cause, receipt=receipt)
        return receipt


@dataclass(frozen=True)
class Call:
    """What one emit wants: a cause, its runs, and the hints of those that may start at once."""

    cause: Cause
    requests: Sequence[Request]
    hints: Sequence[Hint]
    outgoing: Outgoing


def request(task: Task, delay: int, at: int) -> Request:
    """Return the run that is wanted of *task*."""
    return Request(task=task.name, queue=task.options.queue, priority=task.options.priority, delay=delay, at=at)


def _receiver(selector: type[Event] | str, task: Task) -> Callable[..., None]:
    def receive(_sender: Flask, *, event: Event, gathering: Gathering, **_: Any) -> None:
        if not isinstance(selector, str) or matches(selector, event.type):
            gathering.add(task)

    return receive


@contextmanager
def unavailable() -> Iterator[None]:
    try:
        yield
    except (EmitError, LedgerNewer):
        raise
    except LedgerUnavailable as error:
        raise EmitUnavailable(str(error)) from error


def refusal(error: CoreError) -> EmitError:
    """Return what an emitter is told of *error*."""
    try:
        with unavailable():
            raise error
    except EmitError as told:
        return told
