"""/api/v1/schedules: what fires when, and what became of each planned time."""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from core.clock import now
from core.clockwork import ask
from core.entries import Schedule, load_one
from core.errors import NotFound
from core.house import House, house
from core.ledger.firing import fires, last_fires
from core.schedule_views import schedule_view, schedule_views
from core.web.query import answer, cursor_of, limit_of, page_of

blueprint = Blueprint("schedules", __name__)


@blueprint.get("/schedules")
async def get_schedules() -> ResponseReturnValue:
    """List schedules by name."""
    page_of(request.args, ())
    here = house()
    views = await here.async_ledger.run(schedule_views(here.layout))
    first = cursor_of(request.args) or 0
    last = first + limit_of(request.args)
    return answer(views[first:last], last if last < len(views) else None)


@blueprint.get("/schedules/<path:name>")
async def get_schedule(name: str) -> ResponseReturnValue:
    """Show one schedule with its last and next fire."""
    here = house()
    schedule = await _found(here, name)
    [last] = await here.async_ledger.run(last_fires(here.keys, [name]))
    return jsonify(schedule_view(schedule, last))


@blueprint.get("/schedules/<path:name>/fires")
async def get_fires(name: str) -> ResponseReturnValue:
    """List what became of a schedule's planned times, newest first."""
    here = house()
    page, _ = page_of(request.args, ())
    await _found(here, name)
    found = await here.async_ledger.run(fires(here.keys, name, page.limit + 1, page.before))
    shown = found[: page.limit]
    more = round(shown[-1].planned.timestamp() * 1000) if len(found) > page.limit else None
    return answer([fire.view() for fire in shown], more)


@blueprint.post("/schedules/<path:name>/run")
async def post_run(name: str) -> ResponseReturnValue:
    """Run a schedule's task now, beside its planned times."""
    here = house()
    schedule = await _found(here, name)
    accepted, hint = await here.async_ledger.run(ask(here.layout, here.catalog, schedule, now()))
    here.bus.publish([hint])
    return jsonify({"schedule": name, "runs": [{"id": run, "task": task} for run, task in accepted.runs]}), 202


async def _found(here: House, name: str) -> Schedule:
    schedule = await here.async_ledger.run(load_one(here.layout, name))
    if schedule is None:
        raise NotFound(f"There is no schedule {name!r}. GET /api/v1/schedules lists them.")
    return schedule
