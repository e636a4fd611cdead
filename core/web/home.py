"""/: the first page, with what the ledger knows right now."""

from datetime import timedelta

from flask import Blueprint, Response, make_response, request

from core.clock import now, rfc3339
from core.entries import name_page
from core.errors import LedgerUnavailable
from core.house import House, house
from core.ledger.alive import Process, alive
from core.ledger.listing import EventFilter, Page, RunFilter, counts, list_events, list_runs
from core.schedule_views import schedule_views
from core.web.auth import bears
from core.web.health import look
from core.web.page import SHOWN, Overview, render, security_headers
from core.web.problems import Problem

blueprint = Blueprint("home", __name__)
MOST_LISTED = 100  # schedules on the page
LOOPBACK = ("127.", "::1", "::ffff:127.")


@blueprint.get("/")
async def home() -> Response:
    """Show the first page: to this machine in development, else to whoever bears the token."""
    here = house()
    near = here.config.development and (request.remote_addr or "").startswith(LOOPBACK)
    if not near and not bears(request, here.config.api_token):
        raise Problem("unauthenticated", "In production this page opens to Authorization: Bearer <API_TOKEN>.")
    return security_headers(make_response(render(await overview(here), now())))


async def overview(here: House) -> Overview:
    """Gather what the page shows; with the ledger away, say so and show nothing else."""
    checks = await look()
    alerts = [f"{name}: {check['detail']}" for name, check in checks.items() if not check["ok"]]
    live = request.args.get("live") == "on"
    try:
        run, page = here.async_ledger.run, Page(limit=SHOWN)
        processes = await run(alive(here.keys))
        events, _ = await run(list_events(here.keys, EventFilter(), page))
        runs, _ = await run(list_runs(here.keys, RunFilter(), page))
        return Overview(
            environment=here.config.env,
            ledger="the ledger answers",
            events=events,
            runs=runs,
            schedules=await run(schedule_views(here.layout, now(), await run(name_page(here.layout, "", MOST_LISTED)))),
            workers=[_row(process) for process in processes if process.role == "worker"],
            beats=[_row(process) for process in processes if process.role == "beat"],
            counts=await run(counts(here.keys)),
            alerts=alerts,
            live=live,
        )
    except LedgerUnavailable as error:
        return Overview(environment=here.config.env, ledger=None, alerts=[str(error)], live=live)


def _row(process: Process) -> dict[str, object]:
    seen = rfc3339(now() - timedelta(milliseconds=process.age))
    return process.info | {"id": process.id, "seen": seen, "state": "alive"}
