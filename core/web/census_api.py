"""/api/v1/stats, /workers, /queues and /webhooks: how many, who, how deep, and what is delivered."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from core.census import SPANS, last_hour, process_views, queue_views, series_view, stats
from core.clock import now
from core.deliveries import sources
from core.house import house
from core.ledger.alive import alive
from core.web.problems import Problem
from core.web.query import answer, cursor_of, limit_of

blueprint = Blueprint("census", __name__)
ROLES = ("worker", "sweeper", "beat")


@blueprint.get("/stats")
async def get_stats() -> ResponseReturnValue:
    """Count runs by state, events, fires, calls and schedules; and what ended and began within the last hour."""
    _known(())
    here = house()
    found = await here.async_ledger.run(stats(here.keys, here.config.ledger_memory))
    return jsonify(found | {"last_hour": await here.async_ledger.run(last_hour(here.keys))})


@blueprint.get("/stats/series")
async def get_series() -> ResponseReturnValue:
    """Count by the minute, the quarter of an hour or the hour what ended and began, and mark deploys."""
    _known(("span",))
    span = request.args.get("span", "hour")
    if span not in SPANS:
        raise Problem("bad-query", f"Found span={span[:40]}; wanted one of {', '.join(SPANS)}.")
    here = house()
    return jsonify(await here.async_ledger.run(series_view(here.keys, span, here.past)))


@blueprint.get("/workers")
async def get_workers() -> ResponseReturnValue:
    """List living processes; a worker says what it serves and how busy it is."""
    _known(("limit", "cursor", "role"))
    role = request.args.get("role")
    if role not in (None, *ROLES):
        raise Problem("bad-query", f"Found role={str(role)[:40]}; wanted one of {', '.join(ROLES)}.")
    here = house()
    processes = await here.async_ledger.run(alive(here.keys))
    return _part(process_views([one for one in processes if role in (None, one.role)], now()))


@blueprint.get("/queues")
async def get_queues() -> ResponseReturnValue:
    """List queues with what waits in them, and how long."""
    _known(("limit", "cursor"))
    here = house()
    return _part(await here.async_ledger.run(queue_views(here.keys, here.catalog.queues())))


@blueprint.get("/webhooks")
async def get_webhooks() -> ResponseReturnValue:
    """List the sources of webhooks, how much they deliver, and how much of it is refused."""
    _known(("limit", "cursor"))
    here = house()
    found = await here.async_ledger.run(sources(here.keys, here.config.webhook_secrets, now()))
    return _part([source.view() for source in found])


def _known(names: Sequence[str]) -> None:
    if unknown := [name for name in request.args if name not in names]:
        known = f"known here: {', '.join(names)}" if names else "nothing is known here"
        raise Problem("bad-query", f"Found {', '.join(unknown)[:80]}; {known}.")


def _part(items: Sequence[Any]) -> ResponseReturnValue:
    first = cursor_of(request.args) or 0
    last = first + limit_of(request.args)
    return answer(items[first:last], last if last < len(items) else None)
