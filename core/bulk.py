"""Saying that many things happened: emit_many and its async form."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from core.bus import Bus, Receipt
from core.causes import Cause
from core.emitting import SOURCE, bus_here, event_cause, refuse_loop, waiting
from core.errors import EmitError, EmitInterrupted, InvalidEvent
from core.events import Event
from core.ledger.acceptance import Request

AT_ONCE = 500  # events in one pipeline

Calls = Sequence[tuple[Cause, Sequence[Request]]]


def emit_many(
    events: Iterable[Event],
    *,
    ids: Sequence[str] | None = None,
    source: str = SOURCE,
    subject: str | None = None,
    delay: float | timedelta = 0,
    at: datetime | None = None,
) -> list[Receipt]:
    """Say that many events happened; returns their receipts in their order, when all of them are recorded.

    Each event is recorded as by ``emit``: with all its runs or not at all. The whole is not: where the ledger fails
    half-way, some are recorded. ``ids``, one for each event, let you say all of it again without doubling anything;
    without them, the error has those that were used. All other options count for every event.

    Raises:
        EmitInterrupted: not all of them are recorded; it has the receipts of those that are, and the ids of all.
        EmitError: nothing was recorded. All events are checked before the first is recorded; a note of the error
            says which of them it was. On a thread whose event loop is running, always: there it is
            ``await emit_many_async(events)``.
    """
    refuse_loop("emit_many", "emit_many_async")
    bus = bus_here()
    calls = _calls(bus, events, ids, source, subject, delay, at)
    receipts: list[Receipt] = []
    for chunk in chunks(calls):
        receipts += _whole(receipts, bus.emit_each(chunk), calls)
    return receipts


async def emit_many_async(
    events: Iterable[Event],
    *,
    ids: Sequence[str] | None = None,
    source: str = SOURCE,
    subject: str | None = None,
    delay: float | timedelta = 0,
    at: datetime | None = None,
) -> list[Receipt]:
    """Say that many events happened, from async code; else as ``emit_many``."""
    bus = bus_here()
    calls = _calls(bus, events, ids, source, subject, delay, at)
    receipts: list[Receipt] = []
    for chunk in chunks(calls):
        receipts += _whole(receipts, await asyncio.to_thread(bus.emit_each, chunk), calls)
    return receipts


def chunks(calls: Calls) -> Iterator[Calls]:
    """Return *calls* in the portions that are recorded in one pipeline each."""
    return (calls[first : first + AT_ONCE] for first in range(0, len(calls), AT_ONCE))


def _calls(
    bus: Bus,
    events: Iterable[Event],
    ids: Sequence[str] | None,
    source: str,
    subject: str | None,
    delay: float | timedelta,
    at: datetime | None,
) -> list[tuple[Cause, list[Request]]]:
    """Check all events, and only then send their signals."""
    wait, moment = waiting(delay, at)
    found = list(events)
    if ids is not None and len(ids) != len(found):
        raise InvalidEvent(f"There are {len(found)} events and {len(ids)} ids; each event needs one.")
    checked = []
    for place, event in enumerate(found):
        try:
            checked.append(event_cause(bus, event, ids[place] if ids else None, source, subject))
        except EmitError as error:
            error.add_note(f"This is event {place} of {len(found)}, counted from 0. None of them was recorded.")
            raise
    return [(cause, bus.gather(event, delay=wait, at=moment)) for event, cause in checked]


def _whole(before: Sequence[Receipt], found: Sequence[Receipt | EmitError], calls: Calls) -> list[Receipt]:
    """Return the receipts in *found*; raise where there is an error among them."""
    receipts = [one for one in found if isinstance(one, Receipt)]
    if len(receipts) == len(found):
        return receipts
    known = [*before, *(one if isinstance(one, Receipt) else None for one in found)]
    known += [None] * (len(calls) - len(known))
    error = next(one for one in found if isinstance(one, EmitError))
    recorded = sum(one is not None for one in known)
    raise EmitInterrupted(
        f"{recorded} of {len(calls)} events are known to be recorded: {error} "
        "Emit all of them again with the same ids; those that are recorded will be duplicates.",
        known,
        [cause.id for cause, _ in calls],
    ) from error
