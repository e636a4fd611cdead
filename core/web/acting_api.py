"""/api/v1/runs/…/retry and /cancel: what an operator does to one run, or to all that a filter finds."""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from core.errors import NotFound
from core.house import house
from core.ledger.views import run_view
from core.operating import Act, act_on, act_on_all
from core.web.asked import FILTERS, asked, selection
from core.web.idempotency import nonce
from core.web.problems import Problem
from core.web.query import cursor, cursor_of

blueprint = Blueprint("acting", __name__)
TIME = 20.0  # seconds that one request may act; what is left is for the next one


@blueprint.post("/runs/<run>/retry")
async def post_retry(run: str) -> ResponseReturnValue:
    """Have a run run again now: one that ended without success, or waits for its time."""
    return await _one("retry", run)


@blueprint.post("/runs/<run>/cancel")
async def post_cancel(run: str) -> ResponseReturnValue:
    """End a run that waits."""
    return await _one("cancel", run)


@blueprint.post("/runs/retry")
async def post_retry_all() -> ResponseReturnValue:
    """Retry all runs that a filter finds."""
    return await _all("retry")


@blueprint.post("/runs/cancel")
async def post_cancel_all() -> ResponseReturnValue:
    """Cancel all runs that a filter finds."""
    return await _all("cancel")


async def _one(act: Act, run: str) -> ResponseReturnValue:
    asked(())
    here = house()
    name = nonce(f"POST /runs/{run}/{act}")
    here.bus.publish(await here.async_ledger.run(act_on(here.keys, act, run, name)))
    view = await here.async_ledger.run(run_view(here.keys, run))
    if view is None:
        raise NotFound(f"Run {run!r} was there, and is past its retention now.")
    return jsonify(view), 202


async def _all(act: Act) -> ResponseReturnValue:
    if unknown := [name for name in request.args if name != "cursor"]:
        raise Problem("bad-query", f"Found {', '.join(unknown)[:80]}; known here: cursor. Filters stand in the body.")
    place, wanted = cursor_of(request.args), selection(asked(FILTERS))
    here, name = house(), nonce(f"POST /runs/{act}")
    acting = act_on_all(here.keys, act, wanted, name, place, here.bus.publish, TIME)
    work = await here.async_ledger.run(acting)
    following = None if work.next is None else cursor(work.next)
    found = {"matched": work.matched, "done": work.done, "conflicts": work.conflicts, "next": following}
    return jsonify(found), 202
