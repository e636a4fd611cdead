"""From an emitter to the ledger: signals gather the runs, one script records them, hints go out."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
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
from core.ledger.acceptance import NOTHING, Accepted, Outgoing, Request, Wanted, accept, accept_each, on_disk, packs
from core.ledger.admission import Admission
from core.ledger.flow import Flow
from core.ledger.keys import Keys
from core.ledger.running import Hint
from core.ledger.store import AsyncLedger, Ledger
from core.loop import Loop
from core.receipts import Known as Known
from core.receipts import Receipt as Receipt


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
    requests: dict[str, Request] = field(default_factory=dict)  # what was made already, by task

    def connect(self) -> None:
        """Connect each subscription's receiver to its signal: a class's own, or that of every event."""
        for selector, task in self.catalog.subscriptions:
            signal = Event.signal if isinstance(selector, str) else selector.signal
            signal.connect(_receiver(selector, task), sender=self.app, weak=False)

    def emit(self, cause: Cause, requests: Sequence[Request], idempotency: str = "") -> Receipt:
        """Record *cause* with its runs and publish their hints, on a thread."""
        call = self._wanted(cause, requests, idempotency)
        with UNAVAILABLE:
            accepted = self.ledger.run(self._accept(call))
            return self._receipt(call, accepted, self._level or self.durability.ask())

    async def emit_async(self, cause: Cause, requests: Sequence[Request], idempotency: str = "") -> Receipt:
        """Record *cause* with its runs and publish their hints, on a loop."""
        call = self._wanted(cause, requests, idempotency)
        with UNAVAILABLE:
            accepted = await self.async_ledger.run(self._accept(call))
            return self._receipt(call, accepted, self._level or await asyncio.to_thread(self.durability.ask))

    def emit_each(self, causes: Sequence[tuple[Cause, Sequence[Request]]]) -> list[Receipt | EmitError]:
        """Record each of *causes* with its runs, all in one pipeline; returns a receipt or an error for each.

        One that is refused does not stop those behind it.
        """
        try:
            with UNAVAILABLE:
                self.ledger.run(self.admission.check(self.keys, monotonic()))
        except EmitError as error:
            return [error] * len(causes)
        found = self._recorded(causes)
        level = self._level or self.durability.ask()
        return [self._receipt(call, one, level) if isinstance(one, Accepted) else refusal(one) for call, one in found]

    def _recorded(
        self, causes: Sequence[tuple[Cause, Sequence[Request]]]
    ) -> Sequence[tuple[Wanted, Accepted | CoreError]]:
        """Record *causes* in one pipeline of a few scripts, at whose end their disk is waited for once.

        The server records the first of them while the last are still being written down.
        """
        portions, limit = list[list[Wanted]](), self.admission.backlog

        def flows() -> Iterator[Flow[Any]]:
            for pack in packs(self._wanted(cause, requests) for cause, requests in causes):
                portions.append(pack)
                yield accept_each(self.keys, self.keyring, pack, limit=limit)
            if self.synced:
                yield on_disk()

        found: list[Any] = self.ledger.run_all(flows())
        unmet = found.pop() if self.synced else None
        each = [one for pack, came in zip(portions, found, strict=True) for one in _of_each(pack, came)]
        return [(call, unmet if unmet and isinstance(one, Accepted) else one) for call, one in each]

    @property
    def _level(self) -> str:
        return "fsync" if self.synced else self.durability.value

    def _wanted(self, cause: Cause, requests: Sequence[Request], idempotency: str = "") -> Wanted:
        return Wanted(
            cause, requests, idempotency, self.outgoing(_hints(cause, requests)) if self.outgoing else NOTHING
        )

    def _accept(self, call: Wanted) -> Flow[Accepted]:
        yield from self.admission.check(self.keys, monotonic())
        known, key, hints, synced = call.requests, call.idempotency, call.hints, self.synced
        limit, where = self.admission.backlog, (self.keys, self.keyring)
        return (yield from accept(*where, call.cause, known, key, limit=limit, synced=synced, hints=hints))

    def gather(self, event: Event, *, delay: int = 0, at: int = 0) -> list[Request]:
        """Send the event's signals; returns the runs that subscribed handlers want."""
        gathering = Gathering()
        self._send(Event.signal, event=event, gathering=gathering)
        cls = self.catalog.types.get(event.type) if isinstance(event, AnyEvent) else type(event)
        if cls is not None:
            self._send(cls.signal, event=event, gathering=gathering)
        if delay or at:
            return [request(task, delay, at) for task in gathering.tasks.values()]
        return [self._at_once(task) for task in gathering.tasks.values()]

    def _at_once(self, task: Task) -> Request:
        """Return the run of *task* that does not wait: the same object each time."""
        found = self.requests.get(task.name)
        if found is None:
            found = self.requests[task.name] = request(task, 0, 0)
        return found

    def _send(self, signal: Signal, **message: Any) -> None:
        """Send *signal* so that a listener that raises neither stops the others nor reaches the emitter."""
        if not signal.receivers or signal.is_muted:
            return
        for receiver in signal.receivers_for(self.app):
            try:
                answer = receiver(self.app, **message)
                if answer is not None and asyncio.iscoroutine(answer):
                    self.loop.submit(self._listen(receiver, answer))
            except Exception as error:  # noqa: BLE001 - whatever a listener raises is logged, not passed on
                moments.listener_failed.send(self.app, listener=receiver, error=error)

    async def _listen(self, receiver: Any, answer: Coroutine[Any, Any, Any]) -> None:
        try:
            await answer
        except Exception as error:  # noqa: BLE001 - as above
            moments.listener_failed.send(self.app, listener=receiver, error=error)

    def _receipt(self, call: Wanted, accepted: Accepted, level: str) -> Receipt:
        if not accepted.duplicate:
            if self.outgoing:
                call.hints.sent()
            else:
                self.publish(_hints(call.cause, call.requests))
        receipt = Receipt(
            id=accepted.id,
            type=call.cause.type,
            runs=accepted.runs,
            duplicate=accepted.duplicate,
            durability=level,
        )
        self._send(moments.accepted, cause=call.cause, receipt=receipt)
        return receipt


def _hints(cause: Cause, requests: Sequence[Request]) -> list[Hint]:
    """Return the hints of the runs that may start at once."""
    ident = cause.ledger_id
    return [Hint(f"{ident}.{n}", r.queue, r.priority) for n, r in enumerate(requests) if not r.waits]


def _of_each(pack: Sequence[Wanted], found: Any) -> Iterable[tuple[Wanted, Accepted | CoreError]]:
    return zip(pack, [found] * len(pack) if isinstance(found, CoreError) else found, strict=True)


def request(task: Task, delay: int, at: int) -> Request:
    """Return the run that is wanted of *task*."""
    return Request(task=task.name, queue=task.options.queue, priority=task.options.priority, delay=delay, at=at)


def _receiver(selector: type[Event] | str, task: Task) -> Callable[..., None]:
    def receive(_sender: Flask, *, event: Event, gathering: Gathering, **_: Any) -> None:
        if not isinstance(selector, str) or matches(selector, event.type):
            gathering.add(task)

    return receive


class _Unavailable:
    """Tells emitters of a ledger that is away. It is entered for each event, so it is no generator."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, LedgerUnavailable) and not isinstance(error, EmitError | LedgerNewer):
            raise EmitUnavailable(str(error)) from error


UNAVAILABLE = _Unavailable()


def refusal(error: CoreError) -> EmitError:
    """Return what an emitter is told of *error*."""
    try:
        with UNAVAILABLE:
            raise error
    except EmitError as told:
        return told
