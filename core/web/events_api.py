"""/api/v1/events: events come in, and are shown with their runs."""

import asyncio
import uuid
from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from core.bulk import Calls, chunks
from core.bus import Receipt
from core.causes import Cause
from core.clock import now, rfc3339
from core.errors import BacklogFull, EmitError, LedgerUnavailable, NotFound
from core.events import Event, recordable
from core.house import house
from core.ledger.acceptance import Request
from core.ledger.listing import EventFilter, list_events
from core.ledger.views import event_view
from core.web.idempotency import accepted, idempotency_key
from core.web.incoming import BATCH, Incoming, attributes, checked, is_cloud, media_type, read
from core.web.problems import Problem, problem_of
from core.web.query import answer, page_of, sought

blueprint = Blueprint("events", __name__)
DEFAULT_SOURCE = "/api"


@blueprint.post("/events")
def post_events() -> ResponseReturnValue:
    """Accept one event, or a batch: 202 once it is recorded with one run for each subscribed handler.

    A sync view: requests that come at the same time share a pipeline, which costs less on their own threads than the
    way to the event loop and back.
    """
    environ = request.environ
    binary, media = attributes(environ), media_type(environ.get("CONTENT_TYPE", ""))
    found = read(binary, media, g.body)
    key = idempotency_key("POST /events")
    if media == BATCH:
        return _batch(found)
    receipt = accept(checked(found, now(), cloud=is_cloud(binary, media)), key)
    return accepted(receipt, receipt.view())


@blueprint.get("/events")
async def get_events() -> ResponseReturnValue:
    """List events, newest first; ``data.user.id=7`` looks into their data."""
    page, filters = page_of(request.args, ("type", "source", "subject", "data."))
    here, data = house(), sought(filters)
    listing = list_events(here.keys, EventFilter(data=data, **filters), page)
    if data:  # which takes the processor some time
        return answer(*await asyncio.to_thread(here.ledger.run, listing))
    return answer(*await here.async_ledger.run(listing))


@blueprint.get("/events/<event>")
async def get_event(event: str) -> ResponseReturnValue:
    """Show one event with its data and its runs."""
    here = house()
    view = await here.async_ledger.run(event_view(here.keys, event))
    if view is None:
        raise NotFound(f"There is no event {event!r}, or it is past its retention.")
    return jsonify(view)


def accept(incoming: Incoming, idempotency: str = "") -> Receipt:
    """Record an event that came over HTTP, with the runs of its handlers."""
    bus = house().bus
    event = bus.catalog.event(incoming.type, incoming.data)
    return bus.emit(*wanted(incoming, event, recordable(event.type, event)), idempotency)


def wanted(incoming: Incoming, event: Event, data: dict[str, Any]) -> tuple[Cause, list[Request]]:
    """Return what is to be recorded of *event*, which came as *incoming*, and the runs that its handlers want."""
    cause = Cause(
        kind="event",
        id=incoming.id or uuid.uuid4().hex,
        type=incoming.type,
        source=incoming.source or DEFAULT_SOURCE,
        subject=incoming.subject,
        time=incoming.time or rfc3339(now()),
        data=data,
        extensions=incoming.extensions,
    )
    return cause, house().bus.gather(event, delay=incoming.delay, at=incoming.at)


def _batch(found: list[Any]) -> ResponseReturnValue:
    partial = request.args.get("partial") == "true"
    results: list[dict[str, Any]] = []
    errors: list[dict[str, str]] = []
    good: list[tuple[int, Incoming, Event, dict[str, Any]]] = []
    for position, one in enumerate(found):
        results.append({})
        try:
            incoming = checked(one, now(), cloud=True)
            event = house().catalog.event(incoming.type, incoming.data)
            good.append((position, incoming, event, recordable(event.type, event)))
        except EmitError as error:
            errors += _placed(position, error)
            results[position] = problem_of(error)
    if errors and not partial:
        raise Problem("batch-invalid", f"{len(errors)} problems; nothing was recorded.", errors=errors)
    receipts = _recorded([wanted(incoming, event, data) for _, incoming, event, data in good], partial=partial)
    for (position, *_), receipt in zip(good, receipts, strict=False):
        if isinstance(receipt, Receipt):
            results[position] = receipt.view()
        elif isinstance(receipt, LedgerUnavailable | BacklogFull):
            raise receipt  # it passes; who sends the batch again gets what was recorded as duplicates
        elif not partial:
            detail = f"{receipt} The {position} before it were recorded; sent again, they are duplicates."
            raise Problem("batch-invalid", detail, errors=_placed(position, receipt)) from receipt
        else:
            results[position] = problem_of(receipt)
    return jsonify(results), 200 if partial else 202


def _recorded(calls: Calls, *, partial: bool) -> list[Receipt | EmitError]:
    """Record *calls*; with *partial*, go on after an error that concerns one of them alone."""
    found: list[Receipt | EmitError] = []
    for chunk in chunks(calls):
        found += house().bus.emit_each(chunk)
        failed = [one for one in found if isinstance(one, EmitError)]
        if (failed and not partial) or any(isinstance(one, LedgerUnavailable | BacklogFull) for one in failed):
            break
    return found


def _placed(position: int, error: EmitError) -> list[dict[str, str]]:
    found = getattr(error, "errors", None) or [{"pointer": "", "detail": str(error)}]
    return [one | {"pointer": f"/{position}{one['pointer']}"} for one in found]
