"""/api/v1/workers/…/quiet, /resume and /stop: what an operator tells one worker or beat, or all workers."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from core.census import process_views
from core.clock import now
from core.house import house
from core.ordering import order, order_all
from core.web.asked import asked

blueprint = Blueprint("ordering", __name__)


@blueprint.post("/workers/<ident>/quiet")
async def post_quiet(ident: str) -> ResponseReturnValue:
    """Have a worker take no new runs; what it runs goes on."""
    return await _one(ident, "quiet")


@blueprint.post("/workers/<ident>/resume")
async def post_resume(ident: str) -> ResponseReturnValue:
    """Have a quiet worker take runs again."""
    return await _one(ident, "resume")


@blueprint.post("/workers/<ident>/stop")
async def post_stop(ident: str) -> ResponseReturnValue:
    """Stop a worker or a beat, as SIGTERM does."""
    return await _one(ident, "stop")


@blueprint.post("/workers/quiet")
async def post_quiet_all() -> ResponseReturnValue:
    """Have all workers take no new runs."""
    return await _all("quiet")


@blueprint.post("/workers/resume")
async def post_resume_all() -> ResponseReturnValue:
    """Have all workers take runs again."""
    return await _all("resume")


@blueprint.post("/workers/stop")
async def post_stop_all() -> ResponseReturnValue:
    """Stop all workers."""
    return await _all("stop")


async def _one(ident: str, word: str) -> ResponseReturnValue:
    asked(())
    here = house()
    process = await here.async_ledger.run(order(here.keys, ident, word))
    return jsonify(process_views([process], now())[0]), 202


async def _all(word: str) -> ResponseReturnValue:
    asked(())
    here = house()
    processes = await here.async_ledger.run(order_all(here.keys, word))
    return jsonify({"items": process_views(processes, now()), "next": None}), 202
