"""/dashboard/schedules/<name>: one schedule, its next times, and what became of each planned time."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from flask import Blueprint, Response, request
from markupsafe import Markup

from core.clock import rfc3339
from core.dashboard import schedule_words as words
from core.dashboard import shell, sparks
from core.dashboard.schedules import change_of
from core.dashboard.view import FIRES
from core.entries import Layout, load_one
from core.errors import NotFound
from core.house import house
from core.ledger.fires import Fate, fates, fire_page, recent_fires
from core.ledger.firing import Fire
from core.ledger.flow import Flow
from core.ledger.listing import Page
from core.schedule_views import preview, schedule_views
from core.web.query import cursor, cursor_of
from core.wording import counted, duration, spelling

blueprint = Blueprint("schedule_page", __name__)
ROWS = 50
TIMES = 10


@dataclass(frozen=True, kw_only=True)
class Told:
    """One row of the history: one planned time, or several that became the same for the same reason."""

    mark: str
    state: str
    first: str
    last: str
    count: int
    cause: str
    late: str
    run: str | None
    fate: Fate | None
    took: str


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the page shows of one schedule: as the API gives it, and what became of its planned times."""

    view: Mapping[str, Any]
    times: Mapping[str, Any] | None
    change: str
    facts: Sequence[tuple[str, str]]
    data: str
    chart: Markup
    tally: str
    absences: Sequence[str]
    history: Sequence[Told]
    more: str


@blueprint.get("/schedules/<path:name>")
def get_schedule(name: str) -> Response:
    """Show one schedule."""
    here, moment = house(), shell.local_now()
    page = Page(limit=ROWS, before=cursor_of(request.args))
    shown = here.ledger.run(_shown(here.layout, name, page, moment))
    return shell.show(
        "schedule.html",
        live=page.before is None,
        moment=moment,
        words=words,
        one=shown,
        schedule=shown.view,
        older=page.before is not None,
        spelling=spelling(shown.view),
        maker=words.maker(shown.view, moment),
    )


def _shown(layout: Layout, name: str, page: Page, now: datetime) -> Flow[Shown]:
    views = yield from schedule_views(layout, now, [name])
    if not views:
        raise NotFound(f"There is no schedule {name[:128]!r}. The list of schedules shows all there are.")
    view, schedule = views[0], (yield from load_one(layout, name))
    [recent] = yield from recent_fires(layout.keys, [name], sparks.SHOWN)
    rows, more = yield from fire_page(layout.keys, name, page)
    found = yield from fates(layout.keys, sorted({row.run for row in (*recent, *rows) if row.run}))
    drawn, change = sparks.bars(recent, found, now), change_of(view, now)
    return Shown(
        view=view,
        times=preview(schedule, now, TIMES) if schedule else None,
        change=words.warning(change) if change else "",
        facts=_facts(view) if schedule else (),
        data=json.dumps(view["data"], ensure_ascii=False, indent=2) if view.get("data") else "",
        chart=sparks.chart(drawn, name) if drawn else Markup(),
        tally=sparks.tally(drawn),
        absences=words.absences(rows, now),
        history=history(rows, found, now),
        more="" if more is None else cursor(more),
    )


def history(rows: Sequence[Fire], found: Mapping[str, Fate], now: datetime) -> list[Told]:
    """Return *rows*, newest first, with equal neighbours as one."""
    told = []
    for _, group in groupby(enumerate(rows), lambda pair: _likeness(*pair)):
        several = [row for _, row in group]
        newest, oldest = several[0], several[-1]
        fate = found.get(newest.run) if newest.run else None
        cause = words.cause(newest, now)
        told.append(
            Told(
                mark=FIRES.get(newest.state, "pending"),
                state=newest.state,
                first=rfc3339(oldest.planned),
                last=rfc3339(newest.until or newest.planned),
                count=sum(row.count for row in several),
                cause="" if cause == "on time" else cause,
                late=duration(newest.late) if newest.late else "",
                run=newest.run,
                fate=fate,
                took=words.took(fate, now),
            )
        )
    return told


def _likeness(place: int, row: Fire) -> tuple[object, ...]:
    """Return what neighbours have in common that become one row; what fired has a row of its own."""
    return (place,) if row.state == "fired" else (row.state, row.cause)


def _facts(view: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the policies of a schedule, and where it stands, in words."""
    window = "" if view["catch_up"] == "skip" else f", those of the last {duration(view['catch_up_window'])}"
    facts = [
        (
            "still running",
            {"allow": "both run", "skip": "this time is skipped", "queue_one": "one waits"}[view["overlap"]],
        ),
        (
            "time without beat",
            {"skip": "not made up", "latest": "the latest fires", "all": "all fire"}[view["catch_up"]] + window,
        ),
        ("counts as punctual", f"up to {duration(view['grace'] or 60.0)} late"),
        ("jitter", f"up to {duration(view['jitter'])}" if view["jitter"] else "none"),
    ]
    facts += [("most fires", f"{view['max_runs']:,}")] if view["max_runs"] else []
    facts += [("pauses itself", f"after {view['pause_after']:,} dead runs in a row")] if view["pause_after"] else []
    return [*facts, ("has fired", counted(view["count"], "time"))]
