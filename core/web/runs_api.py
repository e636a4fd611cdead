"""/api/v1/runs and /api/v1/tasks: what became of each run, and of plain Celery tasks."""

import asyncio
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from core.errors import NotFound
from core.house import house
from core.ledger.keys import STATES
from core.ledger.listing import RunFilter, list_runs
from core.ledger.views import run_view
from core.redact import redacted
from core.web.asked import named_states
from core.web.problems import Problem
from core.web.query import answer, page_of, sought

blueprint = Blueprint("runs", __name__)
BACKEND_PATIENCE = 2.0  # seconds that a result backend may take to answer


@blueprint.get("/runs")
async def get_runs() -> ResponseReturnValue:
    """List runs, newest first; ``data.user.id=7`` looks into the data of their causes."""
    page, filters = page_of(request.args, ("state", "task", "event", "schedule", "queue", "data."))
    here, data = house(), sought(filters)
    wanted = RunFilter(states=_states(filters.pop("state", "")), data=data, **filters)
    listing = list_runs(here.keys, wanted, page)
    if data:  # which takes the processor some time
        return answer(*await asyncio.to_thread(here.ledger.run, listing))
    return answer(*await here.async_ledger.run(listing))


@blueprint.get("/runs/<run>")
async def get_run(run: str) -> ResponseReturnValue:
    """Show one run with its attempts, error, progress and log."""
    here = house()
    view = await here.async_ledger.run(run_view(here.keys, run))
    if view is None:
        raise NotFound(f"There is no run {run!r}, or it is past its retention.")
    return jsonify(view)


@blueprint.get("/tasks/<task>")
async def get_task(task: str) -> ResponseReturnValue:
    """Show the Celery result of a plain task; an id that nobody knows is PENDING, as Celery has it."""
    try:
        meta = await house().results.of(task, BACKEND_PATIENCE)
    except Exception as error:
        raise Problem("ledger-unavailable", "The result backend did not answer. Try again.") from error
    return jsonify(_result(task, meta))


def _result(task: str, meta: dict[str, Any]) -> dict[str, Any]:
    state, value = meta["status"], meta["result"]
    ready = state in ("SUCCESS", "FAILURE", "REVOKED")
    failed = isinstance(value, BaseException)
    shown = redacted(f"{type(value).__name__}: {value}") if failed else value
    where = {"traceback": redacted(meta["traceback"])} if failed and meta.get("traceback") else {}
    return {
        "id": task,
        "ready": ready,
        "successful": state == "SUCCESS" if ready else None,
        "state": state,
        "value": shown if ready else None,
        "progress": value if state == "PROGRESS" else None,
        **where,
    }


def _states(text: str) -> tuple[str, ...]:
    try:
        return named_states(text)
    except ValueError as error:
        found = str(error)[:40]
        raise Problem("bad-query", f"Found state={found}; wanted one of {', '.join(STATES)}, failed.") from None
