"""/api/v1/event-types: what can happen, as the code of this process declares it."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from core.clock import now
from core.event_types import event_types, hourly, view
from core.house import house
from core.web.query import named_answer, named_page

blueprint = Blueprint("event_types", __name__)


@blueprint.get("/event-types")
async def get_event_types() -> ResponseReturnValue:
    """List event types and patterns by name."""
    here, (after, limit) = house(), named_page(request.args)
    known = sorted(event_types(here.catalog), key=lambda kind: kind.name)
    rest = [kind for kind in known if kind.name > after]
    shown = rest[:limit]
    counts = await here.async_ledger.run(hourly(here.keys, shown, now()))
    views = [view(kind, counted) for kind, counted in zip(shown, counts, strict=True)]
    return named_answer(views, shown[-1].name if len(rest) > limit else None)
