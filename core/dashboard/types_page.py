"""/dashboard/types: every event type, with schema, handlers and how often it comes."""

from flask import Blueprint, Response, request

from core.dashboard import shell
from core.dashboard.json_view import json_view
from core.event_types import event_types, hourly
from core.house import house

blueprint = Blueprint("types", __name__)
SHOWN = 20
SCHEMA = 4096  # characters of a schema; the API has the whole


@blueprint.get("/types")
def get_types() -> Response:
    """List event types and patterns by name."""
    here, after = house(), request.args.get("after", "")
    known = sorted(event_types(here.catalog), key=lambda kind: kind.name)
    rest = [kind for kind in known if kind.name > after]
    shown = rest[:SHOWN]
    counts = here.ledger.run(hourly(here.keys, shown, shell.local_now()))
    return shell.show(
        "types.html",
        kinds=[
            (kind, json_view(kind.schema, SCHEMA) if kind.schema else None, hours)
            for kind, hours in zip(shown, counts, strict=True)
        ],
        count=len(known),
        after=after,
        next=shown[-1].name if len(rest) > SHOWN else None,
    )
