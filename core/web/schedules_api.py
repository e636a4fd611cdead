"""/api/v1/schedules: what fires when, and what became of each planned time."""

from collections.abc import Collection
from datetime import datetime
from urllib.parse import quote

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from core.clock import from_ms, now, to_ms
from core.drafting import changed, drafted, trial
from core.entries import load, name_page
from core.errors import NotFound
from core.house import House, house
from core.ledger.fires import fire_page
from core.schedule import Schedule
from core.schedule_views import preview, schedule_view, schedule_views
from core.scheduling import ANY, change, create, delete, etag, found
from core.web.asked import body_object, instant, refuse
from core.web.problems import Problem
from core.web.query import answer, instant_of, named_answer, named_page, page_of

blueprint = Blueprint("schedules", __name__)
TIMES = ("n", "from")
MOST_TIMES, USUAL_TIMES = 1000, 10


@blueprint.get("/schedules")
async def get_schedules() -> ResponseReturnValue:
    """List schedules by name."""
    here, (after, limit) = house(), named_page(request.args)
    wanted = await here.async_ledger.run(name_page(here.layout, after, limit + 1))
    views = await here.async_ledger.run(schedule_views(here.layout, now(), wanted[:limit]))
    following = wanted[limit - 1] if len(wanted) > limit else None
    return named_answer(views, following)


@blueprint.post("/schedules")
async def post_schedule() -> ResponseReturnValue:
    """Make a schedule."""
    here, moment = house(), to_ms(now())
    schedule = drafted(body_object(), here.catalog, moment, owner="api")
    await here.async_ledger.run(create(here.layout, schedule))
    response = await shown(schedule)
    response.headers["Location"] = f"{request.path}/{quote(schedule.name, safe='/:@')}"
    return response, 201


@blueprint.get("/schedules/<path:name>")
async def get_schedule(name: str) -> ResponseReturnValue:
    """Show one schedule with its last and next fire."""
    here = house()
    views = await here.async_ledger.run(schedule_views(here.layout, now(), [name]))
    if not views:
        raise NotFound(f"There is no schedule {name!r}. GET /api/v1/schedules lists them.")
    response = jsonify(views[0])
    if tag := views[0].get("etag"):
        response.set_etag(tag)
    return response


@blueprint.patch("/schedules/<path:name>")
async def patch_schedule(name: str) -> ResponseReturnValue:
    """Change what is sent of a schedule (RFC 7396); it wants the ETag last read as If-Match."""
    here, moment = house(), to_ms(now())
    members, wanted = body_object(), _if_match()
    if wanted is None:
        await here.async_ledger.run(found(here.layout, name))
        raise Problem("precondition-required", "Send If-Match with the ETag of the schedule as you last read it.")
    schedule = await here.async_ledger.run(
        change(here.layout, name, lambda one: changed(one, members, here.catalog, moment), from_ms(moment), wanted)
    )
    return await shown(schedule)


@blueprint.delete("/schedules/<path:name>")
async def delete_schedule(name: str) -> ResponseReturnValue:
    """Delete a schedule that code does not declare; its fires and runs stay."""
    here = house()
    await here.async_ledger.run(delete(here.layout, name, _if_match()))
    return "", 204


@blueprint.get("/schedules/<path:name>/fires")
async def get_fires(name: str) -> ResponseReturnValue:
    """List what became of a schedule's planned times, newest first."""
    here = house()
    page, _ = page_of(request.args, ())
    await _there(here, name)
    rows, more = await here.async_ledger.run(fire_page(here.keys, name, page))
    return answer([fire.view() for fire in rows], more)


@blueprint.get("/schedules/<path:name>/preview")
async def get_preview(name: str) -> ResponseReturnValue:
    """Show the next planned times of a schedule, with what clock changes do to them."""
    here, (count, after) = house(), _asked_times()
    _, schedule = await here.async_ledger.run(found(here.layout, name))
    return jsonify(preview(schedule, after, count))


@blueprint.post("/schedules/preview")
async def post_preview() -> ResponseReturnValue:
    """Show the next planned times of a schedule that is not stored; only its timing has to be said."""
    members = body_object()
    count, after = members.pop("n", None), members.pop("from", None)
    fine = count is None or (type(count) is int and 1 <= count <= MOST_TIMES)
    refuse([] if fine else [{"pointer": "/n", "detail": f"must be a whole number from 1 to {MOST_TIMES:,}"}])
    begin = now() if after is None else instant(after, "from")
    return jsonify(preview(trial(members, to_ms(now())), begin, count or USUAL_TIMES))


async def _there(here: House, name: str) -> None:
    if not await here.async_ledger.run(load(here.layout, [name])):
        raise NotFound(f"There is no schedule {name!r}. GET /api/v1/schedules lists them.")


async def shown(schedule: Schedule) -> Response:
    """Return *schedule*, as it has just been stored, with its ETag."""
    here = house()
    response = jsonify(await here.async_ledger.run(schedule_view(here.layout, schedule, now())))
    response.set_etag(etag(schedule))
    return response


def _if_match() -> Collection[str] | None:
    """Return the ETags that the request wants changed, ``*`` for any; None without If-Match. Weak ones fit nothing."""
    given = request.headers.get("If-Match")
    if given is None:
        return None
    return (ANY,) if given.strip() == ANY else request.if_match.as_set() - {ANY}


def _asked_times() -> tuple[int, datetime]:
    """Return how many planned times are wanted, and after when.

    Raises:
        Problem: bad-query.
    """
    args = request.args
    if unknown := [name for name in args if name not in TIMES]:
        raise Problem("bad-query", f"Found {', '.join(unknown)[:80]}; known here: {', '.join(TIMES)}.")
    count = args.get("n", str(USUAL_TIMES))
    if not (count.isascii() and count.isdecimal() and len(count) <= 4 and 1 <= int(count) <= MOST_TIMES):
        raise Problem("bad-query", f"Found n={count[:40]}; wanted a number from 1 to {MOST_TIMES:,}.")
    if "from" not in args:
        return int(count), now()
    after = instant_of(args["from"].replace(" ", "+"))
    if after is None:
        raise Problem("bad-query", f"Found from={args['from'][:40]}; wanted RFC 3339 such as 2026-11-22T09:00:00Z.")
    return int(count), after
