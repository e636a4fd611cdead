"""/dashboard/events: what happened, newest first; which types there are; and a form to send one by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from core.bus import Receipt
from core.clock import from_ms, rfc3339, to_ms
from core.dashboard import shell
from core.dashboard.forms import needs
from core.dashboard.query import BadQuery, repeated, sought, stretch, terms
from core.dashboard.trying import Trial, send, trial
from core.dashboard.view import Row
from core.errors import NotFound
from core.event_types import EventType, daily, event_types, hourly
from core.house import House, house
from core.ledger.flow import Flow, together
from core.ledger.keys import Keys
from core.ledger.listing import EventFilter, Page, list_events
from core.ledger.views import PLACES
from core.web.problems import Problem
from core.web.query import cursor, cursor_of
from core.wording import counted

blueprint = Blueprint("events", __name__)
KNOWN = ("type", "source", "subject", "from", "to", "data.")
SHOWN = 25
MOST_TYPES = 20
HOUR = 3_600_000


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One page of events. ``next`` is the cursor of the next one, ``back_to`` how far the search has looked."""

    query: str
    wrong: str = ""
    events: Sequence[Row] = ()
    next: str | None = None
    back_to: str | None = None
    begun: bool = True  # whether any event was ever accepted


@dataclass(frozen=True)
class Rate:
    """A type with how many of it came in each of the last hours, where that is known."""

    kind: EventType
    hours: Sequence[int] | None


@blueprint.get("/events")
def get_events() -> Response:
    """Show the stream, the types and the form."""
    return _page(request.args.get("test", ""))


@blueprint.post("/events")
@needs("events.emit")
def post_event() -> ResponseReturnValue:
    """Send the event that the form describes, and go to its page."""
    here, zone = house(), shell.local_zone()
    empty = trial(event_types(here.catalog), request.args.get("test", ""), zone)
    if empty is None:
        raise NotFound("There is no event type yet. Declare one in handlers/, then send it.")
    sent = send(empty, request.form, here.catalog, zone)
    if not isinstance(sent, Receipt):
        return _page(request.args.get("test", ""), sent)
    runs = f"{counted(len(sent.runs), 'handler')} will run" if sent.runs else "no handler answers it"
    said = "It was sent before; nothing is added." if sent.duplicate else f"Sent: {runs}."
    return shell.leave(f"{request.script_root}/dashboard/events/{sent.id}", said)


def _page(wanted: str, form: Trial | None = None) -> Response:
    here, now = house(), shell.local_now()
    stream, kinds = _stream(here, now), event_types(here.catalog)
    asked: list[Flow[Any]] = [_rates(here.keys, kinds, now), _last_hour(here.keys, now)]
    rates, [in_hour] = here.ledger.run(together(asked))
    test = form or trial(kinds, wanted, shell.local_zone(), rates[0].kind.name if rates else "")
    return shell.show(
        "events_page.html",
        status=422 if form or stream.wrong else 200,
        live=not (form or stream.wrong or request.args.get("cursor")),
        moment=now,
        own_search=True,
        stream=stream,
        rates=rates,
        types=len(kinds),
        in_hour=in_hour,
        test=test,
    )


def _stream(here: House, now: datetime) -> Stream:
    query = request.args.get("q", "")
    stream = Stream(query=query)
    try:
        wanted, page = read(query, now)
        page = replace(page, before=cursor_of(request.args))
    except (BadQuery, Problem) as error:
        return replace(stream, wrong=error.detail if isinstance(error, Problem) else str(error))
    events, place = here.ledger.run(list_events(here.keys, wanted, page))
    begun = bool(events) or here.ledger.run(_begun(here.keys))
    more = place is not None and place // PLACES >= (page.since or 0)
    if not more or place is None:
        return replace(stream, events=events, begun=begun)
    back_to = rfc3339(from_ms(place // PLACES)) if len(events) < page.limit else None
    return replace(stream, events=events, next=cursor(place), back_to=back_to, begun=begun)


def read(query: str, now: datetime) -> tuple[EventFilter, Page]:
    """Return what *query* asks for.

    Raises:
        BadQuery: it asks for nothing that there is.
    """
    pairs = terms(query, KNOWN)
    named = dict(pairs)
    if repeated(pairs):
        raise BadQuery("type:, source:, subject:, from: and to: can stand there once each.")
    since, until = stretch(named, now)
    wanted = EventFilter(**{key: named.get(key, "") for key in ("type", "source", "subject")}, data=sought(pairs))
    return wanted, Page(limit=SHOWN, since=since, until=until)


def _rates(keys: Keys, kinds: Sequence[EventType], now: datetime) -> Flow[list[Rate]]:
    """Return the types that are used most, with their hours."""
    counts = yield from daily(keys, kinds, now)
    order = sorted(range(len(kinds)), key=lambda n: -counts[n])[:MOST_TYPES]
    most = [kinds[n] for n in order]
    return [Rate(*pair) for pair in zip(most, (yield from hourly(keys, most, now)), strict=True)]


def _last_hour(keys: Keys, now: datetime) -> Flow[list[int]]:
    return (yield [("ZCOUNT", keys.causes("event"), (to_ms(now) - HOUR) * PLACES, "+inf")])


def _begun(keys: Keys) -> Flow[bool]:
    [found] = yield [("EXISTS", keys.causes("event"))]
    return bool(found)
