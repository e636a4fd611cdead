"""/api/v1/schedules/…/run, /pause, /resume, /skip and /backfill: what people do to a schedule."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from core.asking import Backfill, Made, ask, make_up, planned
from core.clock import now, rfc3339
from core.drafting import pause_problems
from core.house import house
from core.scheduling import found, pause, resume, settle, skip
from core.web.asked import asked, instant, refuse
from core.web.schedules_api import shown

blueprint = Blueprint("schedule_acts", __name__)


@blueprint.post("/schedules/<path:name>/run")
async def post_run(name: str) -> ResponseReturnValue:
    """Run a schedule's task now, beside its planned times."""
    asked(())
    here = house()
    _, schedule = await here.async_ledger.run(found(here.layout, name))
    wanted, made = await here.async_ledger.run(ask(here.layout, here.mover, schedule, now()))
    here.bus.publish(here.mover.unsent([wanted]))
    return _made(name, made), 202


@blueprint.post("/schedules/<path:name>/pause")
async def post_pause(name: str) -> ResponseReturnValue:
    """Pause a schedule, with a note and until a time if they are sent."""
    here, body, moment = house(), asked(("note", "until")), now()
    note, until = body.get("note") or "", _time(body, "until")
    refuse([{"pointer": f"/{member}", "detail": detail} for member, detail in pause_problems(note, until, moment)])
    return await shown(await here.async_ledger.run(pause(here.layout, name, moment, note=note, until=until))), 202


@blueprint.post("/schedules/<path:name>/resume")
async def post_resume(name: str) -> ResponseReturnValue:
    """Let a paused schedule fire again, from now on; one that is not paused stays as it is."""
    asked(())
    here = house()
    return await shown(await here.async_ledger.run(resume(here.layout, name, now()))), 202


@blueprint.post("/schedules/<path:name>/skip")
async def post_skip(name: str) -> ResponseReturnValue:
    """Let the next planned time, or the one that is sent, not fire."""
    here, body = house(), asked(("planned",))
    skipped = await here.async_ledger.run(skip(here.layout, name, now(), _time(body, "planned")))
    return jsonify({"schedule": name, "skipped": rfc3339(skipped)}), 202


@blueprint.post("/schedules/<path:name>/backfill")
async def post_backfill(name: str) -> ResponseReturnValue:
    """Run what a schedule did not fire in a past range; with ``force`` all of the range."""
    here, body, moment = house(), asked(("from", "to", "force")), now()
    since, until, force = _time(body, "from"), _time(body, "to"), body.get("force") or False
    missing = ["from"] * (since is None) + ["to"] * (until is None)
    errors = [{"pointer": f"/{one}", "detail": "is wanted: RFC 3339 text with a time zone"} for one in missing]
    refuse(errors + ([] if isinstance(force, bool) else [{"pointer": "/force", "detail": "must be true or false"}]))
    wanted = Backfill(since or moment, until or moment, force)
    schedule = await here.async_ledger.run(settle(here.layout, name, moment))
    times = planned(schedule, wanted, moment)
    made = await here.async_ledger.run(
        make_up(here.layout, here.mover, schedule, times, force=force, publish=here.bus.publish)
    )
    return _made(name, made, planned=len(times)), 202


def _made(name: str, made: Sequence[Made], **more: Any) -> Any:
    runs = [{"id": one.run, "task": one.task, "planned": rfc3339(one.planned)} for one in made]
    return jsonify({"schedule": name, "runs": runs, **more})


def _time(body: dict[str, Any], member: str) -> datetime | None:
    value = body.get(member)
    return None if value is None else instant(value, member)
